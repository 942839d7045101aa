"""Redis, ended, mute, or full."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.faults.fault import Fault
from tests.faults.site import Site
from tests.processes import Process

MUTE_SECONDS = 10.0


def _ended(end: Callable[[Process], object]) -> Callable[[Site], AbstractContextManager[None]]:
    @contextmanager
    def cause(site: Site) -> Iterator[None]:
        end(site.redis_server.process)
        yield
        site.redis_server.start()
        site.redis_server.wait_ready()

    return cause


@contextmanager
def _mute(site: Site) -> Iterator[None]:
    with site.redis_server.process.paused():
        yield


@contextmanager
def _full(site: Site) -> Iterator[None]:
    with site.redis() as redis:
        redis.config_set("maxmemory", "1mb")
        try:
            yield
        finally:
            redis.config_set("maxmemory", "0")


WAITING = 200

REDIS = (
    Fault("Redis restarted, 200 requests waiting", _ended(Process.stop), waiting=WAITING),
    Fault("Redis killed, 200 requests waiting", _ended(Process.kill), waiting=WAITING),
    Fault(
        "Redis mute for 10 s, 200 requests waiting", _mute, seconds=MUTE_SECONDS, waiting=WAITING
    ),
    Fault("Redis full, 200 requests waiting", _full, seconds=3.0, waiting=WAITING),
)
