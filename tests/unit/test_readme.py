"""The README says what is true: every setting, with its default, and every make command."""

import re
from pathlib import Path

import msgspec
import pytest

from ops.queues.settings import QueuesSettings
from shared.settings import PREFIX, ApiSettings, WorkerSettings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def documented() -> list[tuple[str, str]]:
    return sorted(re.findall(r"^\| `(REGNO_\w+)` \| (\S+) \|", README, re.MULTILINE))


def written(default: object) -> str:
    if isinstance(default, bool):
        return str(int(default))
    return f"{default:g}" if isinstance(default, float) else str(default) or "unset"


def defaults(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {
        PREFIX + field.name.upper(): "required" if field.required else written(field.default)
        for field in msgspec.structs.fields(kind)
    }


def test_the_settings_tables_hold_every_setting_with_its_default() -> None:
    roles = defaults(ApiSettings) | defaults(WorkerSettings)
    alone = {"REGNO_RABBITMQ_API", "REGNO_METRICS_PORT"}
    exporter = {name: text for name, text in defaults(QueuesSettings).items() if name in alone}
    assert documented() == sorted([*roles.items(), *exporter.items()])
    assert defaults(QueuesSettings).items() - exporter.items() <= roles.items()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"\bmake ([a-z]+)\b", README))))
def test_every_make_command_it_names_exists(command: str) -> None:
    sentence_words = {"a", "it"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert command in sentence_words or re.search(rf"^{command}:", makefile, re.MULTILINE)
