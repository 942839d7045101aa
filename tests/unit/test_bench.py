"""What the benchmark makes of its rounds."""

from ops.bench.__main__ import median_of


def a_round(rate: float, errors: int = 0, wrong: int = 0) -> dict[str, object]:
    return {"good_per_second": rate, "errors": errors, "wrong": wrong}


def test_the_round_in_the_middle_stands_for_all() -> None:
    figures = median_of([a_round(300.0), a_round(100.0), a_round(200.0)])
    assert figures["good_per_second"] == 200.0
    assert figures["rounds"] == [300.0, 100.0, 200.0]


def test_errors_of_every_round_count() -> None:
    rounds = [a_round(1.0, errors=1, wrong=1), a_round(2.0), a_round(3.0, errors=2)]
    figures = median_of(rounds)
    assert (figures["errors"], figures["wrong"]) == (3, 1)
