"""Identical requests: answered from Redis, and computed once while they are in flight.

Two front doors of one service, so that it is certain whose request leads and whose follows.
"""

import itertools
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery
from redis import Redis

from api.dispatch.cache import CACHE_USES
from shared.cache import cache_prefix, digest_of, flight_key
from shared.presence import VERSION_KEY
from shared.results import Failure, encode_failure, result_key
from shared.rows import RowReader
from tests.builders import a_row, api_settings
from tests.integration.test_worker_process import table, train
from tests.processes import wait_until
from tests.scrape import Scrape, settled
from tests.servers import RedisServer, Servers
from tests.stack import Client, Stack

TTL = 60
SHORT_TTL = 0.25
HIT, MISS, SHARED = "regno; hit", "regno; fwd=miss", "regno; fwd=miss; collapsed"
READER = RowReader(api_settings())
PLATES = itertools.count(100)


class Service:
    """One worker behind a front door of two processes, and more front doors when asked for."""

    def __init__(self, broker_url: str, server: RedisServer, folder: Path) -> None:
        redis_url = server.url
        self.server = server
        self.main = Stack(
            broker_url, redis_url, folder / "main",
            settings={"API_PROCESSES": "2", "REGNO_CACHE_TTL": str(TTL)},
        )  # fmt: skip
        self.main.wait_ready()
        self.redis = Redis.from_url(redis_url)
        self._urls = broker_url, redis_url
        self._folder = folder
        self._doors: list[Stack] = []

    def another_door(self, ttl: float = TTL) -> Stack:
        folder = self._folder / f"door-{len(self._doors)}"
        door = Stack(*self._urls, folder, workers=0, settings={"REGNO_CACHE_TTL": str(ttl)})
        self._doors.append(door)
        door.wait_ready()
        return door

    def computed(self) -> int:
        """How many tasks the worker has ended."""
        with Celery(broker=self._urls[0], set_as_current=False) as app:
            (stats,) = app.control.inspect(timeout=2, limit=1).stats().values()
        return int(stats["total"].get("pick_regno", 0))

    def version(self) -> str | None:
        """The model version that the cache answers for."""
        version = self.redis.get(VERSION_KEY)
        return version.decode() if isinstance(version, bytes) else None

    def close(self) -> None:
        for door in self._doors:
            door.close()
        self.main.close()
        self.redis.close()


@pytest.fixture(scope="module")
def service(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("cached")
    redis = RedisServer(folder)
    redis.wait_ready()
    service = Service(servers.rabbit.add_vhost("cached"), redis, folder)
    yield service
    service.close()
    redis.process.stop()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(50) as pool:
        yield pool


def a_new_row() -> dict[str, Any]:
    """A row that nobody has asked about before."""
    return a_row(afts_regno_ai=f"А{next(PLATES)}ВК77")


def ask(url: str, row: Any, timeout: float = 20) -> requests.Response:
    with Client(url) as client:
        return client.post("/v1/predict", json=row, params={"timeout": timeout})


def answered(answer: requests.Response) -> tuple[str, Any]:
    """Where a good answer came from, and what it says."""
    assert answer.status_code == 200, answer.text
    return answer.headers["Cache-Status"], answer.json()


def assert_one_was_computed(answers: list[tuple[str, Any]]) -> None:
    """One follower led; one that looks again only after the leader's answer reads what is kept."""
    wheres = [where for where, _ in answers]
    assert wheres.count(MISS) == 1
    assert set(wheres) <= {MISS, SHARED, HIT}


def flight_of(row: dict[str, Any]) -> str:
    return flight_key(digest_of(READER.read_objects([row])))


def counts(client: Client) -> dict[str, float]:
    """Requests by outcome, once every process has reported what it had counted."""

    def shown() -> dict[str, float]:
        scrape = Scrape(f"{client.url}/metrics")
        name = "regno_cache_requests_total"
        return {use: scrape.value(name, outcome=use) for use in CACHE_USES}

    return settled(shown)


def led(service: Service, row: dict[str, Any]) -> str:
    """Waits until somebody leads; the id of its task."""
    wait_until(lambda: bool(service.redis.exists(flight_of(row))), 5, "somebody leads")
    leader = service.redis.get(flight_of(row))
    assert isinstance(leader, bytes)
    return leader.decode()


def following(
    pool: ThreadPoolExecutor, door: Stack, row: Any, others: int = 0
) -> Future[requests.Response]:
    """A request that waits at this front door, where so many others do."""
    future = pool.submit(ask, door.url, row)
    wait_until(lambda: door.client.metric("regno_waiters") == others + 1, 5, "it waits")
    return future


def test_a_hit_is_the_answer_that_was_computed_to_the_last_bit(service: Service) -> None:
    row = a_new_row()
    first = ask(service.main.url, row)
    again = ask(service.main.url, row)
    assert [answered(first)[0], answered(again)[0]] == [MISS, HIT]
    assert again.content == first.content


def test_the_customers_call_has_the_cache_too(service: Service) -> None:
    row = a_new_row()
    answers = [service.main.client.post("/reg/", json=row) for _ in range(2)]
    assert [answer.headers["Cache-Status"] for answer in answers] == [MISS, HIT]
    assert answers[0].content == answers[1].content
    (prediction,) = answered(ask(service.main.url, row))[1]["predictions"]
    assert prediction == answers[0].json()["body"]


def test_it_does_not_matter_how_the_same_rows_are_written(service: Service) -> None:
    row = a_new_row()
    assert answered(ask(service.main.url, row))[0] == MISS
    scores = str(row["afts_regno_ai_char_scores"])
    shuffled = dict(reversed(row.items())) | {"afts_regno_ai_char_scores": scores, "lane": 3}
    assert answered(ask(service.main.url, [shuffled]))[0] == HIT


def test_other_rows_or_another_order_are_another_request(service: Service) -> None:
    one, other = a_new_row(), a_new_row()
    asked = [[one, other], [other, one], [one], [one, other, one], [one, other]]
    found = [answered(ask(service.main.url, rows))[0] for rows in asked]
    assert found == [MISS, MISS, MISS, MISS, HIT]


def test_an_answer_is_kept_no_longer_than_its_ttl(service: Service) -> None:
    door, row = service.another_door(SHORT_TTL), a_new_row()
    assert answered(ask(door.url, row))[0] == MISS
    kept = cache_prefix(digest_of(READER.read_objects([row]))) + "*"
    assert all(service.redis.pttl(key) <= SHORT_TTL * 1000 for key in service.redis.keys(kept))
    wait_until(lambda: service.redis.keys(kept) == [], 5, "it is dropped")
    assert answered(ask(door.url, row))[0] == MISS


def test_identical_requests_in_flight_at_two_processes_are_computed_once(
    service: Service, pool: ThreadPoolExecutor
) -> None:
    main, row = service.main, a_new_row()
    (worker,) = main.workers
    before = service.computed()
    shared_before = counts(main.client)["shared"]
    with worker.paused():
        futures = [pool.submit(ask, main.url, row) for _ in range(50)]
        wait_until(lambda: main.client.metric("regno_waiters") == 50, 10, "all wait")
        leader = led(service, row)
    answers = [answered(future.result(30)) for future in futures]
    assert sorted(where for where, _ in answers) == sorted([MISS] + [SHARED] * 49)
    assert {answer["task_id"] for _, answer in answers} == {leader}
    assert service.computed() == before + 1
    assert counts(main.client)["shared"] == shared_before + 49
    assert not service.redis.exists(flight_of(row))
    assert service.redis.pubsub_channels("celery-task-meta-*") == []


def test_a_flight_lasts_as_long_as_its_leader_waits(
    service: Service, pool: ThreadPoolExecutor
) -> None:
    row = a_new_row()
    (worker,) = service.main.workers
    with worker.paused():
        future = pool.submit(ask, service.main.url, row)
        leader = led(service, row)
        leases = set()

        def renewed() -> bool:
            leases.add(int(service.redis.pttl(flight_of(row))))
            ordered = sorted(leases)
            return len(ordered) > 1 and ordered[-1] - ordered[0] > 150

        wait_until(renewed, 5, "the lease is renewed")
        assert service.redis.get(flight_of(row)) == leader.encode()
    assert answered(future.result(30))[1]["task_id"] == leader


def test_when_the_leader_gives_up_another_leads(service: Service, pool: ThreadPoolExecutor) -> None:
    row, door = a_new_row(), service.another_door()
    (worker,) = service.main.workers
    with worker.paused():
        leading = pool.submit(ask, service.main.url, row, 1)
        first = led(service, row)
        followers = [following(pool, door, row, others) for others in range(3)]
        assert leading.result(30).status_code == 504
        wait_until(lambda: led(service, row) != first, 5, "another leads")
    answers = [answered(future.result(30)) for future in followers]
    assert_one_was_computed(answers)


def test_followers_of_a_killed_front_door_are_answered(
    service: Service, pool: ThreadPoolExecutor
) -> None:
    row, door = a_new_row(), service.another_door()
    (worker,) = service.main.workers
    with worker.paused():
        leading = following(pool, door, row)
        first = led(service, row)
        followers = [following(pool, service.main, row, others) for others in range(3)]
        door.api.send(signal.SIGKILL)
        with pytest.raises(requests.ConnectionError):
            leading.result(30)
        wait_until(lambda: led(service, row) != first, 5, "a follower leads")
    answers = [answered(future.result(30)) for future in followers]
    assert_one_was_computed(answers)


def test_a_leader_that_died_before_it_published_holds_nobody_up(
    service: Service, pool: ThreadPoolExecutor
) -> None:
    row = a_new_row()
    before = service.computed()
    service.redis.set(flight_of(row), "a dead leader's task", px=500)
    answers = list(pool.map(lambda _: answered(ask(service.main.url, row, 2)), range(10)))
    assert {where for where, _ in answers} <= {MISS, SHARED, HIT}
    assert service.computed() == before + 1


def test_followers_of_a_leader_whose_task_fails_compute_for_themselves(
    service: Service, pool: ThreadPoolExecutor
) -> None:
    row = a_new_row()
    service.redis.set(flight_of(row), "failing", px=20_000)
    futures = [following(pool, service.main, row, others) for others in range(3)]
    failed = encode_failure("failing", Failure("PredictionFailed", ["cannot"]))
    service.redis.set(result_key("failing"), failed, px=5000)
    service.redis.publish(result_key("failing"), failed)
    answers = [answered(future.result(5)) for future in futures]
    assert [where for where, _ in answers] == [MISS] * 3
    service.redis.delete(flight_of(row))
    assert answered(ask(service.main.url, row))[0] == MISS  # no one of them led, so none was kept


def test_front_doors_without_a_cache_leave_nothing_in_redis(
    private_stack: Stack, private_redis: Redis
) -> None:
    for _ in range(2):
        answer = ask(private_stack.url, a_row())
        assert answer.status_code == 200
        assert "Cache-Status" not in answer.headers
    for kind in ("cache", "flight"):
        assert private_redis.keys(f"regno:{kind}:*") == []
    assert "regno_cache_requests_total{" not in private_stack.client.get("/metrics").text


def test_each_outcome_is_counted(service: Service) -> None:
    client, row = service.main.client, a_new_row()
    before = counts(client)
    for _ in range(3):
        ask(service.main.url, row)
    assert counts(client) == {
        "hit": before["hit"] + 2, "miss": before["miss"] + 1, "shared": before["shared"],
    }  # fmt: skip


def test_bad_rows_are_told_as_ever_and_nothing_is_kept_of_them(service: Service) -> None:
    before = service.redis.keys("regno:cache:*")
    assert ask(service.main.url, a_row(direction="north")).status_code == 422
    assert service.redis.keys("regno:cache:*") == before
    assert service.redis.keys("regno:flight:*") == []


def test_many_clients_with_few_different_rows_get_their_own_answers(
    service: Service, pool: ThreadPoolExecutor
) -> None:
    rows = [a_new_row() | {"direction": n % 2} for n in range(5)]
    gate = threading.Barrier(50)

    def client(number: int) -> list[Any]:
        gate.wait(10)
        asked = [rows[(number + n) % len(rows)] for n in range(10)]
        with Client(service.main.url) as client:
            return [client.post("/reg/", json=row).json()["body"] for row in asked]

    answers = list(pool.map(client, range(50)))
    expected = [service.main.client.post("/reg/", json=[row]).json()["body"][0] for row in rows]
    for number, told in enumerate(answers):
        assert told == [expected[(number + n) % len(rows)] for n in range(10)]


def test_while_redis_hangs_requests_are_refused_and_afterwards_answered(service: Service) -> None:
    row = a_new_row()
    with service.server.process.paused():
        refused = ask(service.main.url, row, 10)
        assert refused.status_code == 503, refused.text
        assert "Retry-After" in refused.headers
    service.main.wait_ready()
    assert answered(ask(service.main.url, row))[0] in {MISS, HIT}


def test_an_answer_of_a_model_out_of_service_is_never_served(
    service: Service, tmp_path: Path
) -> None:
    row, main = a_new_row(), service.main
    _, old = answered(ask(main.url, row))
    assert answered(ask(main.url, row))[0] == HIT
    shipped = main.environment["REGNO_MODEL_URI"]
    try:
        main.environment["REGNO_MODEL_URI"] = str(train(tmp_path / "other.cbm", table()))
        main.replace_worker(main.workers[0])
        main.wait_ready()
        wait_until(lambda: service.version() != old["model_version"], 10, "it is announced")
        where, new = answered(ask(main.url, row))
        assert where == MISS
        assert new["model_version"] != old["model_version"]
        assert new["predictions"] != old["predictions"]
        wait_until(lambda: answered(ask(main.url, row)) == (HIT, new), 10, "the new answer is kept")
    finally:
        main.environment["REGNO_MODEL_URI"] = shipped
        main.replace_worker(main.workers[0])
        main.wait_ready()
    wait_until(lambda: service.version() == old["model_version"], 10, "it is announced")
    where, again = answered(ask(main.url, row))  # its model is in service again
    # Not its task id: what the replaced worker had not acknowledged yet has been computed anew.
    assert (where, again["predictions"]) == (HIT, old["predictions"])
    assert again["model_version"] == old["model_version"]
