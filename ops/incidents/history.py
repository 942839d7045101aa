"""Three quiet days in Prometheus' memory, so that burn rates behave as on a service that has run.

On an empty memory every window holds the same few minutes, and an alert that looks back over days
would fire for an outage of seconds and stay for hours.
https://prometheus.io/docs/prometheus/latest/storage/#backfilling-from-openmetrics-format
"""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

_SECONDS = 3 * 24 * 3600
_STEP = 5
"""Seconds: as often as Prometheus evaluates, because an average counts samples, not time."""


def remember_quiet_days(promtool: str, data: Path, rate: float) -> None:
    """Backfills the rates of the objectives: ``rate`` a second, all answered in time.

    ``data`` is the memory of a Prometheus that does not run. Raises CalledProcessError, OSError.
    """
    data.mkdir(parents=True, exist_ok=True)
    source = data.parent / "quiet-days.txt"
    with source.open("w", encoding="utf-8") as lines:
        lines.writelines(_lines(int(time.time()) - _STEP, rate))
    command = (promtool, "tsdb", "create-blocks-from", "openmetrics", str(source), str(data))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    source.unlink()


def _lines(end: int, rate: float) -> Iterator[str]:
    values = {
        "regno:requests:rate1m": rate,
        "regno:requests_unanswered:rate1m": 0.0,
        "regno:requests_timed:rate1m": rate,
        "regno:requests_slow:rate1m": 0.0,
    }
    for name, value in values.items():
        yield f"# TYPE {name} gauge\n"
        for at in range(end - _SECONDS, end, _STEP):
            yield f"{name} {value:g} {at}\n"
    yield "# EOF\n"
