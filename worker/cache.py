"""Keeps a result for identical requests."""

from redis.client import Pipeline

from shared.cache import CacheTicket, cache_key, flight_key
from shared.results import decode_predictions, decode_result


def keep_for_identical(pipe: Pipeline, ticket: CacheTicket, encoded: bytes) -> None:
    """Adds to a pipeline what follows from a stored result whose message had a ticket.

    Only predictions are kept, under the version of the model that made them. Whatever the
    result, nobody computes these rows any more, so the next request need not wait for it.
    """
    result = decode_result(encoded)
    if result.status == "SUCCESS":
        version = decode_predictions(result).model_version
        pipe.set(cache_key(ticket.digest, version), encoded, px=ticket.ttl_ms)
    pipe.delete(flight_key(ticket.digest))
