"""Passwords and a key for this checkout, made once and readable by their owner alone."""

import secrets
from pathlib import Path

import msgspec

from ops.local.waiting import WaitedInVain


class LocalSecrets(msgspec.Struct, frozen=True):
    """What protects a local stack."""

    api_key: str
    server_password: str
    """Of the private RabbitMQ and Redis."""
    flower_password: str


def local_secrets(path: Path, made_before: Path) -> LocalSecrets:
    """Reads the file, or makes it.

    Raises WaitedInVain where it is gone or unreadable, and ``made_before`` is there: a RabbitMQ
    that keeps the password it was made with.
    """
    if path.exists():
        try:
            return msgspec.json.decode(path.read_bytes(), type=LocalSecrets)
        except msgspec.DecodeError as error:
            raise WaitedInVain(f"{path} cannot be read: {error}; {_advice(path)}") from error
    if made_before.exists():
        raise WaitedInVain(f"{path} is gone; {_advice(path)}")
    made = LocalSecrets(*(secrets.token_urlsafe(24) for _ in range(3)))
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(made))
    return made


def _advice(path: Path) -> str:
    return f"put it back, or remove {path.parent} with all data of earlier runs"
