"""How the neural network reads a plate: the text, and how sure it says it is of it."""

import math
import struct
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from models.plates import LEANS_TO, look_alike
from shared.features import SYMBOLS

LENGTHS = 11
"""Length scores the network gives: for plates of 0..10 characters."""


class NetworkReading(NamedTuple):
    """What the network says of one plate."""

    plate: str
    score: float
    char_scores: tuple[float, ...]
    length_scores: tuple[float, ...]


def network_reading(rng: Random, plate: str, region: str, hardness: float) -> NetworkReading:
    """What the network gives for a plate with this region code (empty where it has none).

    ``hardness`` is 1.0 for an ordinary plate.
    """
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
