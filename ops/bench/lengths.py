"""How long each measurement lasts, and how often it is repeated."""

from typing import NamedTuple


class Lengths(NamedTuple):
    """Seconds, but for the counts."""

    rounds: int
    warm_up: float
    full_speed: float
    """Each closed loop."""
    constant: float
    overload: float
    """Each of the two overloads."""
    normal: float
    """The load before an overload and after it."""
    memory: float
    curve: float
    """Each point."""
    sweep: float
    """Each of three measurements of a way to run the service."""
    curve_rates: tuple[int, ...]
    """Requests a second."""
    curve_systems: int
    """So many systems, at most, get a curve."""
    peers: int
    """So many peers, at most, take part; the first two start within seconds."""
    seconds_to_start: float = 4.0
    """What starting a system takes, roughly: for the time that is left."""


FULL = Lengths(
    rounds=3,
    warm_up=2.0,
    full_speed=10.0,
    constant=300.0,
    overload=15.0,
    normal=5.0,
    memory=600.0,
    curve=8.0,
    sweep=6.0,
    curve_rates=(50, 100, 200, 300, 400, 500, 600, 700, 800, 1000, 1200),
    curve_systems=99,
    peers=99,
)

QUICK = Lengths(
    rounds=1,
    warm_up=0.5,
    full_speed=1.5,
    constant=5.0,
    overload=3.0,
    normal=3.0,
    memory=6.0,
    curve=2.0,
    sweep=4.0,
    curve_rates=(200, 600),
    curve_systems=2,
    peers=2,
)
