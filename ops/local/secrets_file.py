"""Passwords and a key for this checkout, made once and readable by their owner alone."""

import secrets
from pathlib import Path

import msgspec


class LocalSecrets(msgspec.Struct, frozen=True):
    """What protects a local stack."""

    api_key: str
    server_password: str
    """Of the private RabbitMQ and Redis."""
    flower_password: str


def local_secrets(path: Path) -> LocalSecrets:
    """Reads the file, or makes it."""
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=LocalSecrets)
    made = LocalSecrets(*(secrets.token_urlsafe(24) for _ in range(3)))
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(made))
    return made
