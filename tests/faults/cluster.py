"""Three RabbitMQ nodes on this machine, one cluster behind one address."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from ops.local import programs, system
from ops.local.probes import listening
from ops.local.programs import Program, RabbitPorts, free_port
from tests.faults.relay import Relay
from tests.faults.site import Site
from tests.processes import Process, wait_until
from tests.servers import PASSWORD, Node

_NODES = 3


class Cluster:
    """A cluster whose clients reach whichever node is there. Use it as a context."""

    def __init__(self, folder: Path) -> None:
        found = system.find_rabbitmq()
        assert found, "the tests need RabbitMQ: apt-get install rabbitmq-server"
        mapper_port = free_port()
        managements = [free_port() for _ in range(_NODES)]
        ports = [
            RabbitPorts(free_port(), free_port(), mapper_port, management, free_port())
            for management in managements
        ]
        self.api_urls = [programs.rabbitmq_api(port, PASSWORD) for port in managements]
        """Each node's management API."""
        names = [f"regno{number}@localhost" for number in range(1, _NODES + 1)]
        self.nodes: list[Node] = []
        for name, of_node in zip(names, ports, strict=True):
            mapper, program = programs.rabbitmq(
                *found, folder / name.partition("@")[0], of_node, PASSWORD
            )
            self._join(program, names)
            program = program._replace(
                name=name.partition("@")[0],
                environment={
                    **program.environment,
                    "RABBITMQ_NODENAME": name,
                    "HOME": str(folder),  # one Erlang cookie for all of them
                },
            )
            self.nodes.append(Node(program, of_node.amqp, folder))
        self._mapper = Process(mapper, folder)
        wait_until(lambda: listening(mapper_port), 10, "epmd listens")
        self._relay = Relay([of_node.amqp for of_node in ports])
        self.url = programs.rabbitmq_url(self._relay.port, PASSWORD)

    def __enter__(self) -> Self:
        first, *others = self.nodes
        first.start()
        first.wait_ready()
        for node in others:  # one by one: each joins what is there
            node.start()
            node.wait_ready()
        self._relay.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._relay.__exit__()
        with ThreadPoolExecutor(_NODES) as pool:
            list(pool.map(lambda node: node.process.kill(), self.nodes))
        self._mapper.stop()

    def home_of(self, queue: str) -> Node:
        """The node on which a classic queue lives, or which leads a quorum queue."""
        for line in self.nodes[0].ctl("list_queues", "name", "pid", "leader").splitlines():
            name, pid, leader = line.split("\t")
            if name == queue:
                home = leader or pid.strip("<").rpartition(".")[0]
                return next(n for n in self.nodes if home.startswith(n.name))
        raise AssertionError(f"no queue {queue}")

    @staticmethod
    def _join(program: Program, names: list[str]) -> None:
        config = Path(program.environment["RABBITMQ_CONFIG_FILE"])
        peers = "".join(
            f"cluster_formation.classic_config.nodes.{number} = {name}\n"
            for number, name in enumerate(names, start=1)
        )
        config.write_text(
            config.read_text(encoding="utf-8")
            + "cluster_formation.peer_discovery_backend = classic_config\n"
            + "cluster_partition_handling = pause_minority\nqueue_leader_locator = balanced\n"
            + peers,
            encoding="utf-8",
        )


class ClusterSite(Site):
    """A site on a cluster of RabbitMQ nodes."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        super().__init__(folder, broker_url=cluster.url)
        self.cluster = cluster
