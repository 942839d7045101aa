import pytest

from ops.capacity.__main__ import PAGE
from ops.capacity.arithmetic import Load, cells, channels, core_range, pods, rate_at
from ops.capacity.measured import PARTS, read
from ops.capacity.page import put_in, tables

LOADS = [Load(500, 0.5), Load(1500, 0.9)]


def test_between_two_measured_loads_cpu_grows_evenly() -> None:
    assert rate_at(LOADS, 0.7) == pytest.approx(1000)


@pytest.mark.parametrize(("cores", "rate"), [(0.5, 500), (0.9, 1500)])
def test_at_a_measured_load_it_is_the_measured_rate(cores: float, rate: float) -> None:
    assert rate_at(LOADS, cores) == pytest.approx(rate)


def test_below_what_was_measured_a_request_costs_what_it_cost_there() -> None:
    assert rate_at(LOADS, 0.25) == pytest.approx(250)


def test_no_more_is_planned_than_was_ever_measured() -> None:
    assert rate_at(LOADS, 5.0) == 1500


@pytest.mark.parametrize(("rate", "count"), [(1, 2), (1000, 2), (1001, 3), (5000, 6)])
def test_one_pod_is_to_spare(rate: float, count: int) -> None:
    assert pods(rate, 1000) == count


@pytest.mark.parametrize(("rate", "count"), [(500, 1), (5000, 1), (5001, 2), (50_000, 10)])
def test_a_cell_takes_its_rate_and_no_more(rate: float, count: int) -> None:
    assert cells(rate, 5000) == count


def test_a_server_needs_between_its_cheapest_and_its_dearest_request() -> None:
    assert core_range(LOADS, 10_000) == pytest.approx((6.0, 10.0))


def test_a_batch_speaks_to_no_more_channels_than_it_has_rows_or_than_there_are() -> None:
    assert channels(20, 1) == 1
    assert channels(1, 50) == pytest.approx(1)
    assert channels(2, 2) == pytest.approx(1.5)
    assert channels(10_000, 8) == pytest.approx(8)


def test_the_kept_benchmark_measured_every_part_at_two_loads() -> None:
    measured = read()
    assert set(measured) == set(PARTS)
    for loads in measured.values():
        low, high = loads
        assert low.rate < high.rate


def test_the_page_has_every_table_as_it_would_be_made_now() -> None:
    page = PAGE.read_text(encoding="utf-8")
    made = tables(read())
    assert put_in(page, made) == page
    for name in made:
        assert f"<!-- {name} -->" in page


def test_a_marker_without_a_table_is_an_error() -> None:
    with pytest.raises(KeyError):
        put_in("<!-- weather -->\n<!-- end -->", {})
