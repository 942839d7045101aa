"""A RabbitMQ and a Redis of the tests' own, on free ports."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis as redis_py
from kombu.connection import Connection

from ops.local import programs, system
from ops.local.probes import listening
from ops.local.programs import Program, RabbitPorts, free_port
from tests.processes import Process, child_environment, wait_until

PASSWORD = "only-for-tests"


class RedisServer:
    """A Redis that can be stopped, killed and started again on its port."""

    def __init__(self, folder: Path, more: str = "") -> None:
        """``more``: lines of its configuration."""
        binary = system.find_redis()
        assert binary, "the tests need redis-server: apt-get install redis-server"
        port = free_port()
        self.url = programs.redis_url(port, PASSWORD)
        self.program = programs.redis(binary, folder / "redis", port, PASSWORD)
        with Path(self.program.command[-1]).open("a", encoding="utf-8") as configuration:
            configuration.write(more)
        self._folder = folder
        self.start()

    def start(self) -> None:
        self.process = Process(self.program, self._folder)

    def wait_ready(self) -> None:
        with redis_py.Redis.from_url(self.url) as client:

            def answers() -> bool:
                try:
                    return bool(client.ping())
                except redis_py.RedisError:
                    return False

            wait_until(answers, 20, "Redis answers")

    @contextmanager
    def refusing(self, command: str) -> Iterator[None]:
        """It does everything but this one command while the context lasts."""
        with redis_py.Redis.from_url(self.url) as client:
            client.execute_command("ACL SETUSER", "default", f"-{command}")
            try:
                yield
            finally:
                client.execute_command("ACL SETUSER", "default", f"+{command}")


class Node:
    """One RabbitMQ node that can be stopped, killed and started again on its ports."""

    def __init__(self, program: Program, port: int, folder: Path) -> None:
        self.program = program
        self.name = program.environment["RABBITMQ_NODENAME"]
        self.url = programs.rabbitmq_url(port, PASSWORD)
        self._folder = folder

    def start(self) -> None:
        self.process = Process(self.program, self._folder)

    def wait_ready(self) -> None:
        def accepts() -> bool:
            with Connection(self.url, connect_timeout=2) as connection:
                try:
                    connection.connect()
                except connection.connection_errors:
                    return False
                return True

        wait_until(accepts, 90, "RabbitMQ accepts connections")

    def ctl(self, *command: str) -> str:
        """Runs rabbitmqctl on this node; its output."""
        tool = Path(self.program.command[0]).with_name("rabbitmqctl")
        done = subprocess.run(
            [str(tool), "--quiet", "--node", self.name, *command],
            env=child_environment(self.program.environment),
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout


class RabbitServer(Node):
    """A RabbitMQ of a single node."""

    def __init__(self, folder: Path, *, watched: bool = False) -> None:
        """One that is ``watched`` has its management API and its own metrics."""
        found = system.find_rabbitmq()
        assert found, "the tests need RabbitMQ: apt-get install rabbitmq-server"
        self.port = free_port()
        ports = RabbitPorts(self.port, free_port(), free_port())
        if watched:
            ports = ports._replace(management=(management := free_port()), metrics=free_port())
            self.api_url = programs.rabbitmq_api(management, PASSWORD)
            self.metrics_url = f"http://{programs.LOOPBACK}:{ports.metrics}/metrics"
        mapper, program = programs.rabbitmq(*found, folder / "rabbitmq", ports, PASSWORD)
        super().__init__(program, self.port, folder)
        self._mapper = Process(mapper, folder)
        wait_until(lambda: listening(ports.epmd), 10, "epmd listens")
        self.start()

    def close(self) -> None:
        self.process.stop()
        self._mapper.stop()

    def add_vhost(self, name: str) -> str:
        """A virtual host of its own for one stack; its URL."""
        self.ctl("add_vhost", name)
        self.ctl("set_permissions", "-p", name, "regno", ".*", ".*", ".*")
        return self.url.removesuffix("//") + f"/{name}"


class Servers:
    """Both servers, started side by side."""

    def __init__(self, folder: Path) -> None:
        self.redis = RedisServer(folder)
        self.rabbit = RabbitServer(folder)
        self.redis.wait_ready()
        self.rabbit.wait_ready()

    def close(self) -> None:
        self.rabbit.close()
        self.redis.process.stop()
