import pytest

from api.auth import ApiKeys

KEYS = ApiKeys(["the-first-of-the-keys", "the-second-of-the-keys"])


@pytest.mark.parametrize("key", ["the-first-of-the-keys", "the-second-of-the-keys"])
def test_every_key_is_accepted(key: str) -> None:
    assert KEYS.accepts(key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        " ",
        "the-first-of-the-key",
        "the-first-of-the-keyss",
        " the-first-of-the-keys",
        "THE-FIRST-OF-THE-KEYS",
        "the-first-of-the-keys,the-second-of-the-keys",
        "ключ",
        "\x00",
        "\udcff",
        "x" * 100_000,
    ],
)
def test_anything_else_is_not(key: str) -> None:
    assert not KEYS.accepts(key)


def test_without_keys_nothing_is_accepted() -> None:
    assert not ApiKeys([]).accepts("")
