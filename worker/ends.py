"""How a task ended, as it is counted."""

from typing import Literal, NamedTuple

from shared.errors import GivenUp, RegnoError
from shared.results import EXPIRED as EXPIRED_REASON


class End(NamedTuple):
    """A task's end. ``BEFORE`` is none of this worker's."""

    kind: Literal["succeeded", "failed", "revoked", "before"]
    why: str = ""
    """The error's name, or why it was revoked."""


SUCCEEDED = End("succeeded")
EXPIRED = End("revoked", EXPIRED_REASON)
CANCELLED = End("revoked", "cancelled")
GIVEN_UP = End("failed", GivenUp.__name__)
BEFORE = End("before")
"""It had ended when this worker got it, or the array it is a chunk of; or another message of it had
begun. It is counted elsewhere."""


def failed(error: RegnoError) -> End:
    """The end that an error makes."""
    return End("failed", type(error).__name__)
