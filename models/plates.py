"""Licence plates: which ones drive past, and which symbols look alike to a reader."""

from itertools import accumulate
from random import Random

LETTERS = "АВЕКМНОРСТУХ"
"""The Cyrillic letters that plates use: those with a Latin look-alike (GOST R 50577-2018)."""

FOREIGN_LETTERS = "FGIJLNRSUVWZ"
"""Latin letters of foreign plates that no Cyrillic plate letter looks like."""

LEANS_TO = {
    "147": "177",
    "193": "197",
    "196": "190",
    "198": "190",
    "790": "750",
    "797": "777",
}
"""Young region code to the older one that a network which has seen few of it leans to."""

_MASKS = {
    "LdddLLR": 90.0,  # private car
    "LLdddR": 2.0,  # taxi, bus
    "LLddddR": 1.6,  # trailer
    "ddddLLR": 1.4,  # motorcycle, tractor
    "LddddLL": 0.5,
    "LLdddLR": 0.6,  # transit
    "ТLLdddR": 0.5,  # leaves the country
    "LddddR": 0.8,  # police car
    "ddddLR": 0.5,  # police motorcycle
    "dddLR": 0.5,  # police trailer
    "dddDdddR": 0.3,  # diplomat
    "dddCDdR": 0.2,  # head of a mission
    "dddТdddR": 0.2,  # staff of a mission
    "ddddFFd": 0.9,  # foreign: the network has no such letters
}
"""Shape of a plate to its weight. L: letter, d: digit, R: region, F: foreign letter."""

_REGIONS = {
    "777": 12, "799": 8, "797": 16, "197": 6, "199": 6, "177": 8, "77": 6, "97": 4, "99": 4,
    "750": 9, "790": 9, "190": 7, "150": 6, "50": 6, "90": 4, "198": 6, "178": 2, "78": 2,
    "40": 1, "67": 1, "69": 1, "71": 1, "62": 1, "33": 1, "76": 1, "32": 1, "36": 1, "48": 1,
    "123": 2, "23": 1, "193": 2, "116": 1, "16": 1, "152": 1, "52": 1, "163": 1, "161": 1,
    "61": 1, "174": 1, "74": 1, "196": 2, "66": 1, "147": 2, "47": 1, "186": 1, "102": 1,
    "02": 1, "26": 1, "59": 1, "75": 1,
}  # fmt: skip
"""Region code to its weight on the roads around Moscow."""

_LOOKS_LIKE = {
    "0": "868О", "1": "774Т", "2": "773", "3": "895", "4": "17А", "5": "639", "6": "0085",
    "7": "1912", "8": "006В", "9": "7750", "А": "4ХМ", "В": "8РЕ", "Е": "ВСК", "К": "ХНВ",
    "М": "ННК", "Н": "МКВ", "О": "0СD", "Р": "ВСЕ", "С": "ОЕВ", "Т": "У17", "У": "ХХТ",
    "Х": "УКА", "D": "0О", "C": "С", "F": "ТЕ", "G": "С6", "I": "1Т", "J": "УТ", "L": "1Е",
    "N": "НМ", "R": "КВ", "S": "58", "U": "ОН", "V": "УХ", "W": "МН", "Z": "27",
}  # fmt: skip
"""Symbol to those it is taken for; what stands twice happens twice as often."""

_LATIN_TWIN = dict(zip("АВЕКМНОРСТУХ", "ABEKMNQPCFYX", strict=True))

_SHAPES, _SHAPE_STEPS = list(_MASKS), list(accumulate(_MASKS.values()))
_CODES, _CODE_STEPS = list(_REGIONS), list(accumulate(_REGIONS.values()))


def draw_plate(rng: Random) -> tuple[str, str]:
    """A plate as it is bolted on the car, and its region code (empty where it has none)."""
    [shape] = rng.choices(_SHAPES, cum_weights=_SHAPE_STEPS)
    [region] = rng.choices(_CODES, cum_weights=_CODE_STEPS)
    alphabets = {"L": LETTERS, "d": "0123456789", "F": FOREIGN_LETTERS}
    symbols = [region if kind == "R" else rng.choice(alphabets.get(kind, kind)) for kind in shape]
    return "".join(symbols), region if "R" in shape else ""


def look_alike(rng: Random, symbol: str, *, same_kind: bool) -> str:
    """A symbol of the network's alphabet for which ``symbol`` is taken by mistake.

    ``same_kind``: a digit for a digit and a letter for a letter, as a reader gives that
    knows the shapes of plates.
    """
    alike = _LOOKS_LIKE[symbol]
    if same_kind:
        alike = "".join(other for other in alike if other.isdigit() == symbol.isdigit()) or alike
    return rng.choice(alike)


def latin_look_alike(symbol: str) -> str:
    """The Latin letter that a reader without Cyrillic gives; a digit stays what it is."""
    return _LATIN_TWIN.get(symbol, symbol)
