"""Faults under load, and the ledger of what became of every request."""
