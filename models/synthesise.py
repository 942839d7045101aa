"""Draws rows that look like those of a real road: two readings of a plate, and who was right.

A plate is drawn, then the camera and the network read it, each with its own mistakes. Only
readings that differ are kept: where both agree there is nothing to pick. The numbers
are a plausible guess, not measurements.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from models.cameras import CAMERAS, Camera, camera_accuracy, camera_plate
from models.network import network_reading
from models.plates import draw_plate

_FIRST_MOMENT = datetime(2023, 1, 1)  # noqa: DTZ001  (cameras write local time without an offset)
_DAYS = 365
_HOUR_STEPS = list(
    accumulate((1, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 8, 8, 8, 8, 8, 9, 10, 10, 9, 7, 5, 3, 2))
)
"""Traffic by hour of the day, as running totals."""

_CAMERA_STEPS = list(accumulate(camera.share for camera in CAMERAS))

_NIGHT = frozenset((22, 23, 0, 1, 2, 3, 4, 5))


class LabelledReading(NamedTuple):
    """A reading, as ``shared.features.Reading`` describes it, and its label."""

    regno_recognize: str
    afts_regno_ai: str
    recognition_accuracy: float | None
    afts_regno_ai_score: float
    char_scores: tuple[float, ...]
    length_scores: tuple[float, ...]
    camera_type: str
    camera_class: str
    time_check: str
    direction: int
    network_right: bool
    """The label: the network read the plate as it is."""


def synthesise(seed: int, rows: int) -> Iterator[LabelledReading]:
    """Yields ``rows`` independent readings. The same seed always gives the same ones."""
    rng = Random(seed)
    left = rows
    while left:
        reading = _draw_reading(rng)
        if reading.regno_recognize != reading.afts_regno_ai:
            left -= 1
            yield reading


def _draw_reading(rng: Random) -> LabelledReading:
    [camera] = rng.choices(CAMERAS, cum_weights=_CAMERA_STEPS)
    moment = _draw_moment(rng)
    plate, region = draw_plate(rng)
    hardness = _draw_hardness(rng, camera, moment.hour)
    seen_by_camera = camera_plate(rng, camera, plate, region, hardness)
    network = network_reading(rng, plate, region, hardness)
    return LabelledReading(
        seen_by_camera,
        network.plate,
        camera_accuracy(rng, camera, mistaken=seen_by_camera != plate),
        network.score,
        network.char_scores,
        network.length_scores,
        camera.camera_type,
        camera.camera_class,
        moment.isoformat(" "),
        rng.randrange(2),
        network.plate == plate,
    )


def _draw_moment(rng: Random) -> datetime:
    [hour] = rng.choices(range(24), cum_weights=_HOUR_STEPS)
    return _FIRST_MOMENT + timedelta(
        days=rng.randrange(_DAYS), hours=hour, seconds=rng.randrange(3600)
    )


def _draw_hardness(rng: Random, camera: Camera, hour: int) -> float:
    """How many times harder than an ordinary one the plate is to read: dirt, distance, dark.

    Both readers look at the same picture, so both err more where it is hard.
    """
    hardness = rng.lognormvariate(0.0, 0.6)
    if rng.random() < 0.04:
        hardness *= 8.0  # mud, snow, a bent plate
    if hour in _NIGHT:
        hardness *= 1.6
    if camera.camera_type == "Передвижная":
        hardness *= 1.2
    return min(hardness, 12.0)
