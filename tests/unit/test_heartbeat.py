"""The file that says that a worker consumes."""

import logging
import os
import sys
from pathlib import Path

import pytest

from worker.heartbeat import STALE_SECONDS, Heartbeat, beats, main

NOW = 1_000_000.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "consuming"


def renewed_at(file: Path, moment: float) -> Path:
    Heartbeat(file).beat()
    os.utime(file, (moment, moment))
    return file


@pytest.mark.parametrize(("age", "fine"), [(0, True), (STALE_SECONDS - 1, True), (15, False)])
def test_a_worker_beats_while_its_file_is_young(file: Path, age: float, fine: bool) -> None:
    assert beats(renewed_at(file, NOW - age), NOW) is fine


def test_a_worker_that_has_not_begun_does_not_beat(file: Path) -> None:
    assert not beats(file, NOW)


def test_each_beat_makes_the_file_young_again(file: Path) -> None:
    renewed_at(file, NOW)
    Heartbeat(file).beat()
    assert file.stat().st_mtime > NOW


def test_a_worker_that_ends_takes_its_file_away(file: Path) -> None:
    heartbeat = Heartbeat(file)
    heartbeat.beat()
    heartbeat.end()
    heartbeat.end()
    assert not file.exists()


def test_without_a_file_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    heartbeat = Heartbeat(None)
    heartbeat.beat()
    heartbeat.end()
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    with caplog.at_level(logging.WARNING):
        Heartbeat(no_folder / "consuming").beat()
        Heartbeat(no_folder / "consuming").end()
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "could not renew the heartbeat",
        "could not end the heartbeat",
    ]


def test_the_health_check_is_a_command(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["worker.heartbeat", str(file)])
    assert main() == 1
    Heartbeat(file).beat()
    assert main() == 0
    renewed_at(file, NOW)
    assert main() == 1
