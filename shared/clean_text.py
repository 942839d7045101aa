"""Text from outside that is fit for Redis keys, log lines and terminals."""

MAX_CHARS = 255
"""AMQP's limit of a short string."""


def is_clean(text: object) -> bool:
    """Whether it is text of 1 to 255 printable characters.

    No control characters, line breaks, marks that turn the direction of writing, or lone
    surrogates: ``str.isprintable`` leaves out Unicode's categories Other and Separator, but the
    space.
    """
    return isinstance(text, str) and 0 < len(text) <= MAX_CHARS and text.isprintable()


def cleaned(text: str, max_chars: int = MAX_CHARS) -> str:
    """The text with what is not printable escaped, and cut short."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:max_chars])
    return shown if len(text) <= max_chars else f"{shown}..."
