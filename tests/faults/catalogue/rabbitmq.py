"""RabbitMQ, ended, mute, in an alarm, or cutting its connections."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.faults.fault import Fault
from tests.faults.site import Site
from tests.processes import Process

MUTE_SECONDS = 10.0


def _ended(end: Callable[[Process], object]) -> Callable[[Site], AbstractContextManager[None]]:
    @contextmanager
    def cause(site: Site) -> Iterator[None]:
        end(site.rabbit.process)
        yield
        _start(site)

    return cause


def _start(site: Site) -> None:
    site.rabbit.start()
    site.rabbit.wait_ready()


@contextmanager
def _mute(site: Site) -> Iterator[None]:
    with site.rabbit.process.paused():
        yield


@contextmanager
def _mute_then_killed(site: Site) -> Iterator[None]:
    """What was written to it meanwhile is lost with it."""
    with site.rabbit.process.paused():
        yield
        site.rabbit.process.kill()
    _start(site)


@contextmanager
def _in_alarm(site: Site) -> Iterator[None]:
    site.rabbit.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
    yield
    site.rabbit.ctl("set_vm_memory_high_watermark", "0.4")


@contextmanager
def _cutting(site: Site) -> Iterator[None]:
    # Milliseconds between one connection and the next.
    site.rabbit.ctl("close_all_connections", "--per-connection-delay", "500", "maintenance")
    yield


RABBITMQ = (
    Fault("RabbitMQ restarted", _ended(Process.stop)),
    Fault("RabbitMQ killed", _ended(Process.kill)),
    Fault("RabbitMQ mute for 10 s", _mute, seconds=MUTE_SECONDS),
    Fault("RabbitMQ mute, then killed", _mute_then_killed, seconds=2.0),
    Fault("RabbitMQ in a memory alarm", _in_alarm, seconds=5.0),
    Fault("RabbitMQ's connections closed one by one", _cutting),
)
