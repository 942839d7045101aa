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
        end(site.servers.redis.process)
        yield
        site.servers.redis.start()
        site.servers.redis.wait_ready()

    return cause


@contextmanager
def _mute(site: Site) -> Iterator[None]:
    with site.servers.redis.process.paused():
        yield


@contextmanager
def _full(site: Site) -> Iterator[None]:
    with site.redis() as redis:
        redis.config_set("maxmemory", "1mb")
        try:
            yield
        finally:
            redis.config_set("maxmemory", "0")


REDIS = (
    Fault("Redis restarted", _ended(Process.stop)),
    Fault("Redis killed", _ended(Process.kill)),
    Fault("Redis mute for 10 s", _mute, seconds=MUTE_SECONDS),
    Fault("Redis full", _full, seconds=3.0),
)
