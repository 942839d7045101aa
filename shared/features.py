"""What the model sees: 41 features of one pair of plate readings.

Standard library only, so that training, the worker and a notebook build the very
same numbers. ``feature_row`` is the definition; ``feature_rows`` computes the same
values for many readings column by column, which is what the worker calls.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from itertools import repeat
from operator import attrgetter, itemgetter
from typing import Literal, NamedTuple, Protocol

FeatureKind = Literal["numeric", "categorical", "text"]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""English whatever the locale: these words are the model's vocabulary."""

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

SYMBOLS = "0123456789DАВЕКМНОРСТУХ"
"""The symbols that have a feature of their own: digits, Latin D, twelve Cyrillic letters."""

UNKNOWN_TEMPLATE = "unknown"

_L = "[А-Я]"  # a capital Cyrillic letter; Ё lies outside the range and is not on plates
_D = "[0-9]"
_R = "[0-9]{2,3}"

PLATE_TEMPLATES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (category, re.compile(pattern))
    for category, pattern in (
        ("private car", f"{_L}{_D}{{3}}{_L}{{2}}{_R}"),
        (" lk_taxi_r_pricep", f"{_L}{{2}}{_D}{{3}}{_R}"),
        ("lk_pricep_r_transit", f"{_L}{{2}}{_D}{{4}}{_R}"),
        ("lk_moto_tract", f"{_D}{{4}}{_L}{{2}}{_R}"),
        ("some", f"{_L}{_D}{{4}}{_L}{{2}}"),
        ("lk_transit", f"{_L}{{2}}{_D}{{3}}{_L}{_R}"),
        ("lk_export", f"[TТ]{_L}{{2}}{_D}{{3}}{_R}"),
        ("lk_mvd_avto", f"{_L}{_D}{{4}}{_R}"),
        ("lk_mvd_moto", f"{_D}{{4}}{_L}{_R}"),
        ("lk_mvd_pricep", f"{_D}{{3}}{_L}{_R}"),
        ("lk_diplomat", f"{_D}{{3}}(?:CD|СD|D|T|Т){_D}{{3}}{_D}{{0,3}}"),
    )
)
"""Plate categories in order of precedence; the labels, odd ones included, are the model's."""


class Reading(Protocol):
    """One plate as the camera and as the neural network read it."""

    @property
    def regno_recognize(self) -> str:
        """The plate as the camera read it."""

    @property
    def afts_regno_ai(self) -> str:
        """The plate as the neural network read it."""

    @property
    def recognition_accuracy(self) -> float | None:
        """The camera's confidence, 0..100; None where it gave none."""

    @property
    def afts_regno_ai_score(self) -> float | None:
        """The network's confidence, 0..1; None where it gave none."""

    @property
    def char_scores(self) -> Sequence[float]:
        """The network's confidence of each character it read."""

    @property
    def length_scores(self) -> Sequence[float]:
        """The network's confidence of each possible plate length."""

    @property
    def camera_type(self) -> str:
        """Kind of camera mounting."""

    @property
    def camera_class(self) -> str:
        """Make of camera."""

    @property
    def time_check(self) -> str:
        """Moment of the reading, starting ``YYYY-MM-DD?hh``; an offset is not applied."""

    @property
    def direction(self) -> int | None:
        """Direction of travel, 0 or 1 as cameras send it; None where it gave none."""


class FeatureRow(NamedTuple):
    """The features of one reading, in the order of ``FEATURES``. Missing numbers are NaN."""

    afts_regno_ai_score: float
    direction: float
    recognition_accuracy: float
    max_sym_score: float
    min_sym_score: float
    max_len_score: float
    ai_len: int
    cam_len: int
    symbol_0: float
    symbol_1: float
    symbol_2: float
    symbol_3: float
    symbol_4: float
    symbol_5: float
    symbol_6: float
    symbol_7: float
    symbol_8: float
    symbol_9: float
    symbol_latin_d: float
    symbol_a: float
    symbol_ve: float
    symbol_ie: float
    symbol_ka: float
    symbol_em: float
    symbol_en: float
    symbol_o: float
    symbol_er: float
    symbol_es: float
    symbol_te: float
    symbol_u: float
    symbol_ha: float
    foreign_sym: float
    hour: int
    weekday: str
    month: str
    camera_type: str
    camera_class: str
    regno_template: str
    regno_template_ai: str
    regno_recognize_text: str
    afts_regno_ai_text: str


_FIRST_SYMBOL = FeatureRow._fields.index("symbol_0")
_AFTER_SYMBOLS = _FIRST_SYMBOL + len(SYMBOLS)
_CATEGORICAL = frozenset(
    ("weekday", "month", "camera_type", "camera_class", "regno_template", "regno_template_ai")
)
_TEXT = frozenset(("regno_recognize_text", "afts_regno_ai_text"))


def _kind(field: str) -> FeatureKind:
    if field in _TEXT:
        return "text"
    return "categorical" if field in _CATEGORICAL else "numeric"


FEATURES: dict[str, FeatureKind] = {
    (SYMBOLS[i - _FIRST_SYMBOL] if _FIRST_SYMBOL <= i < _AFTER_SYMBOLS else field): _kind(field)
    for i, field in enumerate(FeatureRow._fields)
}
"""The model's name for each field of ``FeatureRow``, in the same order, with its kind."""

_SYMBOL_INDEX = {symbol: i for i, symbol in enumerate(SYMBOLS)}
_ALL_ABSENT = [1.0] * len(SYMBOLS)
_ALL_FIELDS = attrgetter(
    "regno_recognize",
    "afts_regno_ai",
    "recognition_accuracy",
    "afts_regno_ai_score",
    "char_scores",
    "length_scores",
    "camera_type",
    "camera_class",
    "time_check",
    "direction",
)
_NO_SCORES = (0.0,)  # an empty score list counts as [0]
_NAN = math.nan


def plate_template(plate: str) -> str:
    """The plate's category: the first template that the whole string matches, else unknown."""
    for category, pattern in PLATE_TEMPLATES:
        if pattern.fullmatch(plate):
            return category
    return UNKNOWN_TEMPLATE


def symbol_scores(plate: str, char_scores: Sequence[float]) -> list[float]:
    """The lowest score of each of ``SYMBOLS`` in the plate, 1.0 for one that is absent.

    Characters and scores pair up by position, up to the shorter of the two.
    """
    scores = char_scores or _NO_SCORES
    return _symbol_scores(plate, scores, max(scores))


def _symbol_scores(plate: str, scores: Sequence[float], highest: float) -> list[float]:
    """The same of scores of which there is one at least, and whose highest is known."""
    lowest = _ALL_ABSENT.copy()
    if highest > 1.0:
        # A score above that of an absent symbol: only then must presence be known first.
        for symbol in set(plate[: len(scores)]) & _SYMBOL_INDEX.keys():
            lowest[_SYMBOL_INDEX[symbol]] = math.inf
    for character, score in zip(plate, scores, strict=False):
        index = _SYMBOL_INDEX.get(character)
        if index is not None and score < lowest[index]:
            lowest[index] = score
    return lowest


@lru_cache(maxsize=1024)
def _hour(moment: str) -> tuple[int, str, str]:
    """The same of ``YYYY-MM-DD?hh`` alone, which the readings of an hour share."""
    month = int(moment[5:7])
    day = date(int(moment[:4]), month, int(moment[8:10]))
    return int(moment[11:]), WEEKDAYS[day.weekday()], MONTHS[month - 1]


def calendar(time_check: str) -> tuple[int, str, str]:
    """Hour 0..23 as written, English weekday and English month of ``YYYY-MM-DD?hh...``.

    Raises ValueError where the text does not start with a calendar date and an hour.
    """
    return _hour(time_check[:13])


def _number(value: float | None) -> float:
    return _NAN if value is None else value


def feature_row(reading: Reading) -> FeatureRow:
    """The features of one reading.

    Raises ValueError where ``time_check`` is not a date and time.
    """
    char_scores = reading.char_scores or _NO_SCORES
    hour, weekday, month = calendar(reading.time_check)
    camera_plate, network_plate = reading.regno_recognize, reading.afts_regno_ai
    values = (
        _number(reading.afts_regno_ai_score),
        _number(reading.direction),
        _number(reading.recognition_accuracy),
        max(char_scores),
        min(char_scores),
        max(reading.length_scores or _NO_SCORES),
        len(network_plate),
        len(camera_plate),
        *symbol_scores(network_plate, char_scores),
        _NAN,
        hour,
        weekday,
        month,
        reading.camera_type,
        reading.camera_class,
        plate_template(camera_plate),
        plate_template(network_plate),
        " ".join(camera_plate),
        " ".join(network_plate),
    )
    return FeatureRow._make(values)


def feature_rows(readings: Sequence[Reading]) -> list[FeatureRow]:
    """The features of many readings, built column by column; equal to ``feature_row`` of each.

    Raises ValueError where a ``time_check`` is not a date and time.
    """
    if not readings:
        return []
    # One call in C fetches all ten fields of a reading.
    fields = zip(*map(_ALL_FIELDS, readings), strict=True)
    camera, network, accuracy, score, chars, lengths, kind, make, times, direction = fields
    chars = tuple(scores or _NO_SCORES for scores in chars)
    highest = list(map(max, chars))
    rows = zip(
        [_NAN if value is None else value for value in score],
        [_NAN if value is None else value for value in direction],
        [_NAN if value is None else value for value in accuracy],
        highest,
        map(min, chars),
        [max(scores or _NO_SCORES) for scores in lengths],
        map(len, network),
        map(len, camera),
        *zip(*map(_symbol_scores, network, chars, highest), strict=True),
        repeat(_NAN, len(readings)),
        *zip(*map(calendar, times), strict=True),
        kind,
        make,
        map(plate_template, camera),
        map(plate_template, network),
        map(" ".join, camera),
        map(" ".join, network),
        strict=True,
    )
    # What FeatureRow._make calls, without a frame for each row.
    return list(map(tuple.__new__, repeat(FeatureRow), rows))


def in_order(feature_names: Sequence[str]) -> Callable[[FeatureRow], tuple[object, ...]]:
    """A function that puts a ``FeatureRow`` in the order in which a model names its features.

    Raises KeyError, naming it, for a feature that is not in ``FEATURES``.
    """
    position = {name: i for i, name in enumerate(FEATURES)}
    return itemgetter(*[position[name] for name in feature_names])
