"""How traffic cameras read plates: their makes, their mistakes, their confidence."""

from random import Random
from typing import NamedTuple

from models.plates import latin_look_alike, look_alike


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


def camera_plate(rng: Random, camera: Camera, plate: str, region: str, hardness: float) -> str:
    """The plate as the camera reads it; ``hardness`` is 1.0 for an ordinary one."""
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


def camera_accuracy(rng: Random, camera: Camera, *, mistaken: bool) -> float | None:
    """The confidence the camera reports, 0..100: a little lower where it was mistaken."""
    if rng.random() < 0.004:
        return None
    if rng.random() < camera.sure * (0.8 if mistaken else 1.0):
        return camera.most
    middle = 0.45 if mistaken else 0.55
    span = camera.most - camera.least
    return round(camera.least + span * rng.betavariate(3 * middle, 3 * (1 - middle)), 2)
