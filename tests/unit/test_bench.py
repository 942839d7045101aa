"""What the benchmark makes of what it measured: everything that needs no server."""

import io
from collections import Counter
from itertools import count
from typing import Any

import pytest

from ops.bench.dialects import BENTO, OPEN_INFERENCE, PLAIN
from ops.bench.figures import latency_p99, middle_round, ratio_of_rounds, spread, throughput
from ops.bench.lengths import FULL, QUICK, Lengths
from ops.bench.machine import cpu_model
from ops.bench.progress import Plan, Progress, time_left
from ops.bench.scenarios.cache import Readings
from ops.bench.scenarios.identity import largest_difference
from ops.bench.scenarios.memory import growth_percent
from ops.bench.scenarios.overload import beside_its_best, overload_figures, overload_targets
from ops.bench.scenarios.throughput import ratios_to_peers
from ops.bench.scenarios.watched import Turn, watched_outcome
from ops.bench.systems import System
from ops.bench.table import Table, number, targets_table
from ops.bench.targets import Relation, Target
from ops.bench.timeline import seconds_to_normal
from ops.bench.work import Work
from ops.load.connection import Reply
from ops.load.record import Ended
from shared.results import Prediction


def a_round(
    rate: float, errors: int = 0, wrong: int = 0, cpu_ms: float = 1.0, p99_ms: float = 10.0
) -> dict[str, Any]:
    return {
        "good_per_second": rate,
        "errors": errors,
        "wrong": wrong,
        "cpu_ms_per_request_sum": cpu_ms,
        "latency_ms": {"p50": p99_ms / 2, "p99": p99_ms},
    }


def an_end(due: float, status: int = 200, latency: float = 0.010) -> Ended:
    return Ended(Reply(status, b"", retry_after=status == 503), True, due, latency)


def steadily(start: float, end: float, status: int = 200, latency: float = 0.010) -> list[Ended]:
    """A request every 50 ms."""
    return [an_end(start + n * 0.05, status, latency) for n in range(round((end - start) * 20))]


def test_the_round_in_the_middle_stands_for_all() -> None:
    figures = middle_round([a_round(300.0), a_round(100.0), a_round(200.0, cpu_ms=2.0)])
    assert figures["good_per_second"] == 200.0
    assert figures["cpu_ms_per_request_sum"] == 2.0
    assert figures["rounds"]["throughput"] == {
        "median": 200.0,
        "lowest": 100.0,
        "highest": 300.0,
    }


def test_at_a_constant_rate_the_middle_is_that_of_latency() -> None:
    rounds = [a_round(5.0, p99_ms=p99, cpu_ms=p99) for p99 in (9.0, 1.0, 4.0)]
    figures = middle_round(rounds, by=latency_p99)
    assert figures["latency_ms"]["p99"] == figures["cpu_ms_per_request_sum"] == 4.0
    assert figures["rounds"]["latency_p50"] == {"median": 2.0, "lowest": 0.5, "highest": 4.5}


def test_errors_of_every_round_count() -> None:
    figures = middle_round([a_round(1.0, errors=1, wrong=1), a_round(2.0), a_round(3.0, errors=2)])
    assert (figures["errors"], figures["wrong"]) == (3, 1)


def test_a_ratio_is_taken_within_each_round() -> None:
    ours, theirs = [a_round(10.0), a_round(40.0)], [a_round(5.0), a_round(10.0)]
    assert ratio_of_rounds(ours, theirs, throughput) == spread([2.0, 4.0])


@pytest.mark.parametrize(
    ("relation", "measured", "verdict"),
    [
        ("<=", 2.0, "met"),
        ("<", 2.0, "missed"),
        (">=", 2.0, "met"),
        (">=", 1.99, "missed"),
        ("==", 2.0, "met"),
        ("==", 2.01, "missed"),
        ("<", None, "not measured"),
    ],
)
def test_a_target_is_met_or_missed(
    relation: Relation, measured: float | None, verdict: str
) -> None:
    target = Target("a target", measured, relation, 2.0)
    assert target.verdict == verdict
    assert target.as_json()["verdict"] == verdict


def test_a_target_stands_beside_what_was_measured() -> None:
    text = targets_table([Target("p99", 41.5, "<", 40, "ms"), Target("x", None, "==", 0)])
    assert "| p99 | < 40 ms | 41.5 ms | **missed** |" in text.markdown()
    assert "| x | == 0 | - | **not measured** |" in text.markdown()


def test_a_table_is_markdown() -> None:
    table = Table("Title", "A remark.", ("a", "b"), [("x", 1.23456), ("y", 15000.4)])
    assert table.markdown().splitlines() == [
        "## Title",
        "",
        "A remark.",
        "",
        "| a | b |",
        "| --- | ---: |",
        "| x | 1.235 |",
        "| y | 15000 |",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0, "0"), (12345, "12345"), (0.00001234, "0.000012"), (1.5, "1.5")],
)
def test_numbers_are_written_without_an_exponent(value: float, text: str) -> None:
    assert number(value) == text


def test_an_overload_is_set_against_its_best_before_and_after_it() -> None:
    figures = beside_its_best({"answered_in_time_per_second": 990.0}, 1000.0, 1200.0)
    assert figures == {"best_per_second": 1100.0, "share_of_best": 0.9}


def test_an_overload_in_rounds_is_judged_by_medians_and_by_every_fault() -> None:
    def overload(share: float, p99: float, others: int, back: float | None) -> dict[str, Any]:
        refused = {"count": 10, "with_retry_after": 9, "latency_ms": {"p99": p99}}
        return {
            "share_of_best": share,
            "refused": refused,
            "other_errors": others,
            "seconds_to_normal": back,
            "seconds_watched": 5.0,
            "computed_for_nobody": others,
        }

    rounds = [overload(0.8, 30, 1, None), overload(0.95, 20, 0, 0.5), overload(0.92, 24, 1, 1.0)]
    assert [target.measured for target in overload_targets(rounds, "at 2 times")] == [
        0.92, 2, 3, 24, 2, 1.0
    ]  # fmt: skip


@pytest.mark.parametrize("lengths", [FULL, QUICK], ids=["full", "quick"])
def test_a_service_that_was_not_seen_to_recover_has_missed_the_target(lengths: Lengths) -> None:
    refused = {"count": 0, "with_retry_after": 0, "latency_ms": {"p99": 0.0}}
    never = {
        "share_of_best": 1.0,
        "refused": refused,
        "other_errors": 0,
        "seconds_to_normal": None,
        "seconds_watched": lengths.normal,
        "computed_for_nobody": 0,
    }
    assert overload_targets([never], "at 2 times")[-1].verdict == "missed"


def test_what_was_computed_for_nobody_is_known_of_all_rounds_or_not_at_all() -> None:
    known = {"computed_for_nobody": 0}
    refused = {"count": 0, "with_retry_after": 0, "latency_ms": {"p99": 0.0}}
    same = {"share_of_best": 1, "refused": refused, "other_errors": 0, "seconds_to_normal": 0}
    rounds = [same | known, same | {"computed_for_nobody": None}]
    wasted = next(t for t in overload_targets(rounds, "x") if t.about.startswith("computed"))
    assert wasted.verdict == "not measured"


def test_the_overload_is_what_was_due_and_answered_in_it() -> None:
    run = [
        *steadily(0, 1),
        *steadily(1, 2),
        *steadily(1, 2, status=503, latency=0.002),
        *steadily(2, 3),
        an_end(1.5, latency=2.5),
        an_end(1.5, status=504, latency=0.1),
    ]
    figures = overload_figures(run, 1.0, 2.0)
    assert figures["answered_in_time_per_second"] == 20
    assert figures["refused"]["count"] == figures["refused"]["with_retry_after"] == 20
    assert figures["other_errors"] == 1


def test_it_is_normal_again_with_the_first_of_several_normal_windows() -> None:
    overload = steadily(0, 5, status=503)
    late = steadily(5, 5.5, latency=1.0)
    assert seconds_to_normal([*overload, *steadily(5, 8)], 5, 8, 0.02) == 0
    assert seconds_to_normal([*overload, *late, *steadily(5.5, 8)], 5, 8, 0.02) == 0.5


def test_one_lucky_window_is_not_normality() -> None:
    run = [*steadily(5, 5.25), *steadily(5.25, 5.5, status=503), *steadily(5.5, 8)]
    assert seconds_to_normal(run, 5, 8, 0.02) == 0.5
    assert seconds_to_normal(steadily(5, 8, status=503), 5, 8, 0.02) is None
    assert seconds_to_normal([], 5, 8, 0.02) is None


def a_turn(rate: float, watchers_ms: float = 0.0, errors: int = 0) -> Turn:
    figures = a_round(rate, errors) | {"cpu_ms_per_request": {"watchers": watchers_ms}}
    return {"full": figures, "rate": a_round(500.0) | {"cpu_ms_per_request": {}}}


def test_the_price_of_watching_is_a_share_of_each_round() -> None:
    outcome = watched_outcome(
        {
            "unwatched": [a_turn(1000.0), a_turn(500.0), a_turn(800.0, errors=1)],
            "with Flower": [a_turn(960.0), a_turn(500.0), a_turn(720.0)],
            "watched": [a_turn(900.0, 0.1), a_turn(460.0, 0.3), a_turn(700.0, 0.2)],
        }
    )
    assert [(target.measured, target.verdict) for target in outcome.targets] == [
        (0.9, "met"), (0.96, "met"), (1, "missed"),
    ]  # fmt: skip
    (table,) = outcome.tables
    assert [(row[0], row[1], row[3]) for row in table.rows] == [
        ("unwatched", 800.0, 0.0), ("with Flower", 720.0, 0.0), ("watched", 700.0, 0.2),
    ]  # fmt: skip


def test_growth_is_of_the_last_fifth_over_the_second() -> None:
    assert growth_percent([50.0, 50, 100, 100, 100, 100, 100, 100, 103, 103]) == 3.0


def test_the_largest_difference_is_of_any_number() -> None:
    expected = [Prediction(0.25, 0.75), Prediction(0.5, 0.5)]
    assert largest_difference(expected, expected) == 0.0
    assert largest_difference([expected[0], Prediction(0.5, 0.25)], expected) == 0.25
    with pytest.raises(ValueError, match="zip"):
        largest_difference(expected[:1], expected)


def test_each_system_gets_its_rows_and_is_known_by_its_answers() -> None:
    work = Work([{"n": 1}, {"n": 2}], [Prediction(0.25, 0.75), Prediction(0.5, 0.5)])
    plain = work.calls("http://h:1", PLAIN)
    assert plain.requests[1].endswith(b'\r\n\r\n{"n":2}')
    assert plain.expected == [
        b'[{"negative":0.25,"positive":0.75}]',
        b'[{"negative":0.5,"positive":0.5}]',
    ]
    arrays = work.calls("http://h:1", PLAIN, per_request=2)
    assert arrays.requests[0].endswith(b'\r\n\r\n[{"n":1},{"n":2}]')
    assert b'"positive":0.75},{"negative":0.5' in arrays.expected[0]
    assert work.calls("http://h:1", OPEN_INFERENCE).expected[0] == b"[0.25,0.75]"
    assert work.calls("http://h:1", BENTO).requests[0].endswith(b'{"rows":[{"n":1}]}')


def test_new_rows_stay_new_whoever_asks_and_whenever() -> None:
    work = Work([{"time_check": "2024-01-01T00:00:00+03:00"}] * 3, [Prediction(0.25, 0.75)] * 3)
    system = System("regno", "", "http://h:1", {}, uses_servers=True)
    turns = count()
    askers = [(Readings(work, system, turns), repeated) for repeated in (0, 9, 0)]
    sent: Counter[bytes] = Counter()
    for readings, repeated in askers * 2:
        calls = readings.take(repeated)
        sent.update(calls.requests[at] for at in range(1000))
        assert {calls.expected[at] for at in range(1000)} == {
            b'[{"negative":0.25,"positive":0.75}]'
        }
    came_back = {request for request, times in sent.items() if times > 1}
    assert came_back == {work.calls("http://h:1", PLAIN).requests[0]}
    assert sent.total() - len(sent) + 1 == 2 * 900
    assert len({len(request) for request in sent if request not in came_back}) == 1


def test_every_ratio_to_a_peer_is_kept_with_its_spread() -> None:
    rounds = {
        "regno": {32: [a_round(10.0), a_round(40.0), a_round(20.0)]},
        "flask": {32: [a_round(5.0), a_round(10.0), a_round(20.0, cpu_ms=2.0)]},
    }
    assert ratios_to_peers(rounds, 32) == {
        "flask": {
            "throughput": {"median": 2.0, "lowest": 1.0, "highest": 4.0},
            "cpu": {"median": 1.0, "lowest": 0.5, "highest": 1.0},
        }
    }


def test_progress_outside_a_terminal_is_a_plain_line_for_each_step() -> None:
    out = io.StringIO()
    progress = Progress(out)
    progress.follow(Plan(0.0, 60.0, 60.0))
    progress.step("one thing")
    progress.step("another")
    assert out.getvalue().splitlines() == [
        "[  0%, about 2 min left] one thing",
        "[  0%, about 2 min left] another",
    ]


def test_what_is_left_keeps_the_pace_of_what_is_done() -> None:
    plan = Plan(before=10, now=20, after=30)
    assert plan.left(elapsed_before=10, elapsed_now=5) == 45
    assert plan.left(elapsed_before=20, elapsed_now=10) == 90
    assert plan.left(elapsed_before=5, elapsed_now=100) == 30


def test_time_left_is_in_the_unit_that_fits() -> None:
    assert [time_left(s) for s in (-5, 59, 61)] == [
        "about 0 s left",
        "about 59 s left",
        "about 1 min left",
    ]


def test_the_processor_has_a_name() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n") == "Some CPU @ 2 GHz"
    assert cpu_model("") == "unknown"
