"""The servers of a watched stack, where they are on this machine."""

from typing import NamedTuple

from ops.local import system
from ops.local.waiting import WaitedInVain


class Binaries(NamedTuple):
    """Paths of what is not Python."""

    redis: str
    rabbitmq: tuple[str, str]
    """RabbitMQ's server script, and epmd."""
    prometheus: str
    promtool: str
    redis_exporter: str


def find_binaries() -> Binaries:
    """Raises WaitedInVain, saying how to get what is missing."""
    redis, rabbitmq = system.find_redis(), system.find_rabbitmq()
    prometheus, exporter = system.find_prometheus(), system.find_redis_exporter()
    if redis is None or rabbitmq is None or prometheus is None or exporter is None:
        raise WaitedInVain("a server is missing: python -m ops.local.test_tools installs them")
    return Binaries(redis, rabbitmq, *prometheus, exporter)
