"""Tries the stack of ``docker-compose.yml`` as its operator would, and prints a ledger."""
