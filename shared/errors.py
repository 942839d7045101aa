"""What can go wrong, named by what the caller should do. No HTTP here: ``api/errors.py`` maps."""

from typing import Self


class RegnoError(Exception):
    """Base of every error this service raises on purpose."""

    def __init__(self, detail: str) -> None:
        """``detail`` is one sentence for the person who has to act."""
        super().__init__(detail)
        self.detail = detail


class MalformedBody(RegnoError):
    """The body is not what its content type says. Mend the sender."""


class InvalidField(RegnoError):
    """A field is wrong. ``pointer`` is its JSON pointer (RFC 6901), ``""`` for the whole body."""

    def __init__(self, detail: str, pointer: str) -> None:
        """``detail`` says what was expected of the field at ``pointer``."""
        super().__init__(detail)
        self.pointer = pointer


class InvalidParameter(RegnoError):
    """A query parameter or header is wrong. ``parameter`` is its name."""

    def __init__(self, detail: str, parameter: str) -> None:
        """``detail`` says what was expected of ``parameter``."""
        super().__init__(detail)
        self.parameter = parameter


class TooLarge(RegnoError):
    """More rows or bytes than the limit. Send less at once."""


class UnsupportedContent(RegnoError):
    """A content type this service does not read."""


class UnsupportedCoding(UnsupportedContent):
    """A content coding (compression) this service does not read."""


class Unauthorised(RegnoError):
    """No API key, or a wrong one."""


class RetryLater(RegnoError):
    """The service cannot take the request now; nothing was accepted."""

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        """``retry_after`` is in seconds."""
        super().__init__(detail)
        self.retry_after = retry_after

    def anew(self) -> Self:
        """Another one that says the same, to be raised for one of those that it is told to.

        An error keeps the frames alive that it was raised in, and whoever keeps the error.
        """
        return type(self)(self.detail, self.retry_after)


class BrokerUnavailable(RetryLater):
    """RabbitMQ did not take the message in time."""


class ResultStoreUnavailable(RetryLater):
    """Redis did not answer in time."""


class DeadlineExceeded(RegnoError):
    """No answer before the caller's deadline."""


class UnknownTask(RegnoError):
    """The task id was never issued, or its result has been dropped."""


class Conflict(RegnoError):
    """What was asked does not fit the state the task or the key is in."""


class PredictionFailed(RegnoError):
    """The worker could not predict an accepted request."""


class NotRegistered(RegnoError):
    """A task of another name was sent to this service's queues."""


class GivenUp(PredictionFailed):
    """Nobody who began the request ended it: it is taken to be what kills its workers."""


class ModelMismatch(RegnoError):
    """The model file is not the one its manifest describes, or asks for unknown features."""


class InvalidSettings(RegnoError):
    """A setting is missing or wrong; the detail names it."""
