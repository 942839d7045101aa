"""Where Redis keeps how often a message that may kill its worker has begun."""

BEGINNINGS_PREFIX = "regno:begun:"


def beginnings_key(task_id: str) -> str:
    """The set of the deliveries in which the task began and did not end."""
    return BEGINNINGS_PREFIX + task_id
