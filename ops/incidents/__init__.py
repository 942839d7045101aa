"""Staged incidents: what breaks, which alert says so and when, what ends it."""
