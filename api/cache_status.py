"""The Cache-Status header (RFC 9211): whether an answer came from the cache."""

from api.dispatch.cache import CacheUse

HEADER = "Cache-Status"

VALUES: dict[CacheUse, str] = {
    "hit": "regno; hit",
    "miss": "regno; fwd=miss",
    "shared": "regno; fwd=miss; collapsed",
}


def cache_status(use: CacheUse | None) -> dict[str, str]:
    """The header that says so; none where there is no cache."""
    return {} if use is None else {HEADER: VALUES[use]}
