"""Draws rows that look like those of a real road: two readings of a plate, and who was right.

A plate is drawn, then the camera and the network read it, each with its own mistakes. Only
readings that differ are kept: where both agree there is nothing to pick. The numbers
are a plausible guess, not measurements.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from models.plates import LEANS_TO, draw_plate, latin_look_alike, look_alike
from shared.features import SYMBOLS

LENGTHS = 11
"""Length scores the network gives: for plates of 0..10 characters."""

_FIRST_MOMENT = datetime(2023, 1, 1)  # noqa: DTZ001  (cameras write local time without an offset)
_DAYS = 365
_HOUR_STEPS = list(
    accumulate((1, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 8, 8, 8, 8, 8, 9, 10, 10, 9, 7, 5, 3, 2))
)
"""Traffic by hour of the day, as running totals."""

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


class Camera(NamedTuple):
    """How cameras of one make read."""

    camera_type: str
    camera_class: str
    share: float
    """Weight among all readings."""
    misread: float
    """Probability of a mistake in one character of an ordinary plate."""
    blank: float
    """Share of the mistakes where the camera writes an underscore for what it cannot read."""
    least: float
    """Lowest confidence it usually reports, 0..100."""
    most: float
    """Highest confidence, 0..100, which it reports whenever it feels sure."""
    sure: float
    """Share of readings it feels sure of."""


CAMERAS = (
    Camera("Стационарная", "Астра-Трафик", 68, 0.002, 0.0, 1, 25, 0.2),
    Camera("Стационарная", "Стрелка-Плюс", 24, 0.03, 0.0, 70, 99, 0.75),
    Camera("Стационарная", "АвтоУраган-ВСМ2", 16, 0.05, 0.7, 67, 97, 0.05),
    Camera("Стационарная", "Стрелка-М", 6, 0.03, 0.0, 70, 99, 0.4),
    Camera("Стационарная", "Форсаж", 6, 0.04, 0.0, 65, 93, 0.05),
    Camera("Стационарная", "Стрелка-360", 5, 0.03, 0.0, 90, 99, 0.7),
    Camera("Передвижная", "Стрелка", 4, 0.03, 0.0, 84, 93, 0.1),
    Camera("Стационарная", "Стрит Фалькон", 2, 0.02, 0.0, 80, 98, 0.1),
    Camera("Передвижная", "КРИС-П", 2, 0.05, 0.0, 60, 95, 0.1),
    Camera("Стационарная", "Кордон", 2, 0.03, 0.1, 70, 99, 0.3),
    Camera("Передвижная", "Скат", 1, 0.04, 0.1, 60, 98, 0.2),
)
_CAMERA_STEPS = list(accumulate(camera.share for camera in CAMERAS))


class NetworkReading(NamedTuple):
    """What the network says of one plate."""

    plate: str
    score: float
    char_scores: tuple[float, ...]
    length_scores: tuple[float, ...]


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
    seen_by_camera = _camera_plate(rng, camera, plate, region, hardness)
    network = _network_reading(rng, plate, region, hardness)
    return LabelledReading(
        seen_by_camera,
        network.plate,
        _camera_accuracy(rng, camera, mistaken=seen_by_camera != plate),
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


def _camera_plate(rng: Random, camera: Camera, plate: str, region: str, hardness: float) -> str:
    misread = min(camera.misread * hardness, 0.5)
    symbols = list(plate)
    for position, symbol in enumerate(plate):
        # The region is smaller print, and nothing in its place helps to guess it.
        in_region = position >= len(plate) - len(region)
        if rng.random() < misread * (2.0 if in_region else 0.5):
            symbols[position] = _camera_mistake(rng, camera, symbol)
    if rng.random() < misread / 2:
        symbols.pop()  # the last digit of the region was cut off
    elif rng.random() < misread / 8:
        symbols.append(rng.choice("0179"))  # a bolt or the frame taken for a digit
    return "".join(symbols)


def _camera_mistake(rng: Random, camera: Camera, symbol: str) -> str:
    if rng.random() < camera.blank:
        return "_"
    if rng.random() < 0.05:
        return latin_look_alike(symbol)
    return look_alike(rng, symbol, same_kind=rng.random() < 0.8)


def _camera_accuracy(rng: Random, camera: Camera, *, mistaken: bool) -> float | None:
    """The confidence the camera reports, 0..100: a little lower where it was mistaken."""
    if rng.random() < 0.004:
        return None
    if rng.random() < camera.sure * (0.8 if mistaken else 1.0):
        return camera.most
    middle = 0.45 if mistaken else 0.55
    span = camera.most - camera.least
    return round(camera.least + span * rng.betavariate(3 * middle, 3 * (1 - middle)), 2)


def _network_reading(rng: Random, plate: str, region: str, hardness: float) -> NetworkReading:
    first_of_region = len(plate) - len(region)
    leans_to = plate[:first_of_region] + LEANS_TO.get(region, region)
    read = [
        _network_symbol(rng, symbol, older, hardness * (2.0 if i >= first_of_region else 1.0))
        for i, (symbol, older) in enumerate(zip(plate, leans_to, strict=True))
    ]
    lengths = _length_scores(rng, len(plate), hardness)
    total = math.prod(score for _, score in read) * max(lengths)
    if len(region) == 3 and rng.random() < min(0.006 * hardness, 0.3):
        read.pop()  # its doubt about the missing digit shows in the total alone
        total *= rng.uniform(0.5, 0.95)
    symbols, scores = zip(*read, strict=True)
    [score] = _single_precision([total])
    return NetworkReading("".join(symbols), score, _single_precision(scores), lengths)


def _network_symbol(rng: Random, symbol: str, older: str, odds: float) -> tuple[str, float]:
    """The symbol the network gives, and its score, 0..1.

    ``older`` differs from ``symbol`` where the network leans to an older region code.
    Its doubt (one minus the score) is close to the probability that it errs, but it is
    overconfident: 1.15 mistakes for each that it expects, and a few where it has no doubt.
    """
    if symbol not in SYMBOLS:
        return look_alike(rng, symbol, same_kind=True), rng.uniform(0.2, 0.8)
    leans = symbol != older
    odds *= 10.0 if leans else 1.0
    if rng.random() < min(0.02 * odds, 0.9):
        doubt = min(0.02 + 0.1 * odds * rng.random(), 0.5) * rng.uniform(0.3, 1.3)
        mistaken = rng.random() < 1.15 * doubt
    else:
        doubt = min(10 ** rng.gauss(-4.2, 0.5), 0.02)
        mistaken = rng.random() < min(0.0015 * odds, 0.05)
    if not mistaken:
        return symbol, 1.0 - doubt
    return older if leans else look_alike(rng, symbol, same_kind=True), 1.0 - doubt


def _length_scores(rng: Random, length: int, hardness: float) -> tuple[float, ...]:
    """Scores of the plate lengths 0..10: one close to 1, its neighbours small, the rest tiny."""
    tiny = min(10 ** rng.gauss(-8.6, 0.7) * hardness**3, 1e-4)
    scores = [tiny * rng.uniform(0.99, 1.01) for _ in range(LENGTHS)]
    for neighbour in (length - 1, length + 1):
        if neighbour < LENGTHS:
            scores[neighbour] = tiny * 10 ** rng.uniform(0.5, 2.5)
    scores[length] = 0.0
    scores[length] = 1.0 - sum(scores)
    return _single_precision(scores)


def _single_precision(scores: Sequence[float]) -> tuple[float, ...]:
    """The nearest single-precision numbers: the network computes in no more than that."""
    layout = f"{len(scores)}f"
    return struct.unpack(layout, struct.pack(layout, *scores))
