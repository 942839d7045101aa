"""A worker process: what it refuses to start with, and how it ends."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor

from ops.local import programs
from shared.settings import WorkerSettings
from tests.builders import a_row
from tests.processes import Process, wait_until
from tests.reference import Reference, features
from tests.servers import Servers
from tests.stack import SHIPPED_MODEL, Stack
from worker.lane_consumer import ASYNC_WINDOW

MANIFEST = ".manifest.json"

# Good ones: refusing must be about the model, not about where to connect.
NOWHERE = {
    "REGNO_BROKER_URL": "amqp://nobody:nothing@127.0.0.1:1//",
    "REGNO_REDIS_URL": "redis://127.0.0.1:1/0",
}


def table(**columns: list[Any]) -> pd.DataFrame:
    """Eight rows; two numeric features that the service builds, and what the test adds."""
    numbers = [float(i) for i in range(8)]
    return pd.DataFrame({"ai_len": numbers, "hour": numbers[::-1], **columns})


def train(
    path: Path,
    data: pd.DataFrame,
    labels: list[int] | None = None,
    kind: type[CatBoostClassifier] | type[CatBoostRegressor] = CatBoostClassifier,
    **features: list[str],
) -> Path:
    model = kind(iterations=2, depth=2, verbose=False, allow_writing_files=False, **features)
    model.fit(data, labels or [0, 1] * 4)
    model.save_model(str(path))
    return path


def no_file(folder: Path) -> Path:
    return folder / "model.cbm"


def a_folder(folder: Path) -> Path:
    return folder


def garbage(folder: Path) -> Path:
    path = folder / "model.cbm"
    path.write_bytes(os.urandom(4096))
    return path


def half_a_file(folder: Path) -> Path:
    path = folder / "model.cbm"
    whole = SHIPPED_MODEL.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def shipped_copy(folder: Path, change: Callable[[str], str]) -> Path:
    path = folder / "model.cbm"
    shutil.copy(SHIPPED_MODEL, path)
    manifest = SHIPPED_MODEL.with_suffix(MANIFEST).read_text(encoding="utf-8")
    path.with_suffix(MANIFEST).write_text(change(manifest), encoding="utf-8")
    return path


def another_digest(folder: Path) -> Path:
    train(folder / "other.cbm", table())
    path = shipped_copy(folder, lambda manifest: manifest)
    shutil.copy(folder / "other.cbm", path)
    return path


def unreadable_manifest(folder: Path) -> Path:
    return shipped_copy(folder, lambda manifest: manifest[:100])


def unknown_feature(folder: Path) -> Path:
    return train(folder / "model.cbm", table(wheel_count=[4] * 8))


def hour_as_a_category(folder: Path) -> Path:
    hours = [str(i % 3) for i in range(8)]
    return train(folder / "model.cbm", table(hour=hours), cat_features=["hour"])


def camera_type_as_text(folder: Path) -> Path:
    words = ["one two", "three four"] * 4
    return train(folder / "model.cbm", table(camera_type=words), text_features=["camera_type"])


def weekday_as_a_number(folder: Path) -> Path:
    return train(folder / "model.cbm", table(weekday=[float(i % 7) for i in range(8)]))


def three_classes(folder: Path) -> Path:
    return train(folder / "model.cbm", table(), [0, 1, 2, 0, 1, 2, 0, 1])


def a_regressor(folder: Path) -> Path:
    return train(folder / "model.cbm", table(), list(range(8)), CatBoostRegressor)


# How to make what is refused, and what the worker says about it.
REFUSED: dict[Callable[[Path], Path], tuple[str, ...]] = {
    no_file: ("Cannot load the model", "model.cbm", "No such file"),
    a_folder: ("Cannot load the model", "Is a directory"),
    garbage: ("Cannot load the model", "model.cbm"),
    half_a_file: ("Cannot load the model", "model.cbm"),
    another_digest: ("has sha256", "its manifest says"),
    unreadable_manifest: ("Cannot read the manifest", "model.manifest.json"),
    unknown_feature: ("unknown features: 'wheel_count'", "no such feature"),
    hour_as_a_category: ("'hour' (categorical; the service has it as numeric)",),
    camera_type_as_text: ("'camera_type' (text; the service has it as categorical)",),
    weekday_as_a_number: ("'weekday' (numeric; the service has it as categorical)",),
    three_classes: ("two classes is needed; this one has: 0, 1, 2",),
    a_regressor: ("two classes is needed; this one has: none",),
}


class Refusal:
    """A worker that is expected to end at once."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        program = programs.worker({**NOWHERE, **environment}, 1)
        self._process = Process(program, folder)

    def result(self) -> tuple[int, str]:
        """Its exit status, and what it said."""
        return self._process.wait(60), self._process.tail()

    def close(self) -> None:
        self._process.kill()


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Refusal]]:
    """All started at once: most of their time is spent importing."""
    started = {}
    for make in REFUSED:
        folder = tmp_path_factory.mktemp(make.__name__)
        started[make.__name__] = Refusal({"REGNO_MODEL_URI": str(make(folder))}, folder)
    yield started
    for refusal in started.values():
        refusal.close()


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_a_model_that_cannot_be_served_is_refused_by_name(
    refusals: dict[str, Refusal], make: Callable[[Path], Path]
) -> None:
    status, said = refusals[make.__name__].result()
    assert status == os.EX_CONFIG, said
    last = json.loads(said.splitlines()[-1])
    assert (last["level"], last["logger"]) == ("CRITICAL", "worker")
    for words in REFUSED[make]:
        assert words in last["message"]
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"REGNO_BROKER_URL": ""}, "REGNO_BROKER_URL"),
        ({"REGNO_REDIS_URL": ""}, "REGNO_REDIS_URL"),
        ({"REGNO_PREFETCH": "many"}, "REGNO_PREFETCH"),
        ({"REGNO_PREFETCH": "1"}, "REGNO_PREFETCH (1) must be at least REGNO_BATCH_ROWS (128)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_setting_that_cannot_be_used_is_named(
    environment: dict[str, str], words: str, tmp_path: Path
) -> None:
    status, said = Refusal(environment, tmp_path).result()
    assert status == os.EX_CONFIG, said
    assert words in said
    assert "Traceback" not in said


def test_a_setting_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("REGNO_BROKER_URL", raising=False)
    process = Process(programs.worker({}, 1), tmp_path)
    assert process.wait(60) == os.EX_CONFIG
    assert json.loads(process.tail())["message"] == "REGNO_BROKER_URL must be set"


def test_a_model_may_order_its_features_as_it_likes(servers: Servers, tmp_path: Path) -> None:
    rows = [a_row(direction=i % 2, afts_regno_ai="А016ВК777"[i % 9 :]) for i in range(40)]
    tables = [features(row) for row in rows]
    data = pd.concat(tables, ignore_index=True)
    data = data[sorted(data.columns, reverse=True)]
    model = train(
        tmp_path / "model.cbm",
        data,
        [i % 3 % 2 for i in range(40)],
        cat_features=[
            "weekday", "month", "camera_type", "camera_class", "regno_template",
            "regno_template_ai",
        ],
        text_features=["regno_recognize_text", "afts_regno_ai_text"],
    )  # fmt: skip
    reference = Reference(model)
    stack = Stack(
        servers.rabbit.add_vhost("permuted"),
        servers.redis.url.removesuffix("/0") + "/2",
        tmp_path,
        model=model,
    )
    try:
        stack.wait_ready()
        answer = stack.client.post("/v1/predict", json=rows).json()
        assert answer["predictions"] == [reference.predict(table) for table in tables]
        assert len({prediction["positive"] for prediction in answer["predictions"]}) > 1
    finally:
        stack.close()


def test_a_worker_told_to_stop_loses_nothing_that_was_accepted(private_stack: Stack) -> None:
    client = private_stack.client
    rows = [a_row(direction=i % 2) for i in range(100)]
    leaving = private_stack.workers[0]
    with leaving.paused():
        answers = [client.post("/v1/tasks", json=rows) for _ in range(60)]
    # 6,000 rows are 47 full batches: when the first task is done most others still wait.
    client.get(answers[0].headers["Location"], params={"wait": 20})
    status = leaving.stop()
    private_stack.replace_worker(leaving)
    assert status == 0, leaving.tail()
    states = [
        client.get(answer.headers["Location"], params={"wait": 20}).json() for answer in answers
    ]
    assert [state["status"] for state in states] == ["done"] * 60
    assert len({str(state["predictions"]) for state in states}) == 1


def test_rabbitmq_sends_less_ahead_of_the_lane_whose_messages_are_large(
    servers: Servers, private_stack: Stack
) -> None:
    private_stack.wait_ready()
    columns = ("queue_name", "prefetch_count")
    listed = servers.rabbit.ctl("list_consumers", "-p", "private", *columns).split()
    windows = dict(zip(listed[::2], listed[1::2], strict=True))
    assert windows["regno.async"] == str(ASYNC_WINDOW)
    assert windows["regno.sync"] == str(
        WorkerSettings(broker_url="none", redis_url="none").prefetch
    )


def test_a_hang_up_ends_a_worker_in_order_and_no_signal_writes_past_the_log(
    private_stack: Stack,
) -> None:
    [worker] = private_stack.workers
    try:
        worker.send(signal.SIGUSR1)
        wait_until(lambda: "stacks of" in worker.tail(100_000), 10, "it logs its stacks")
        worker.send(signal.SIGHUP)
        assert worker.wait(20) == 0
        lines = worker.log.read_text(encoding="utf-8").splitlines()
        assert all(json.loads(line)["level"] for line in lines)
    finally:
        private_stack.replace_worker(worker)
        private_stack.wait_ready()
