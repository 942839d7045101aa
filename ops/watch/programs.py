"""The programs that watch a stack on this machine, as ``ops.local.programs`` describes programs."""

from pathlib import Path
from urllib.parse import urlsplit

from ops.local.programs import LOOPBACK, WATCHER, Program

CONFIGURATION = "prometheus.yml"
"""Where, in the folder of a private Prometheus, it is told what to scrape."""

DATA = "data"
"""Where, in the same folder, is what it remembers."""


def prometheus(binary: str, folder: Path, port: int) -> Program:
    """A private Prometheus. Its configuration and what it remembers lie in ``folder``."""
    command = (
        binary,
        f"--config.file={folder / CONFIGURATION}",
        f"--storage.tsdb.path={folder / DATA}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--log.level=warn",
    )
    return Program("prometheus", command, {}, WATCHER)


def redis_exporter(binary: str, redis_url: str, port: int) -> Program:
    """Tells Prometheus about a Redis. https://github.com/oliver006/redis_exporter"""
    redis = urlsplit(redis_url)
    environment = {
        "REDIS_ADDR": f"redis://{redis.hostname}:{redis.port}",
        "REDIS_PASSWORD": redis.password or "",
        "REDIS_EXPORTER_WEB_LISTEN_ADDRESS": f"{LOOPBACK}:{port}",
    }
    return Program("redis-exporter", (binary,), environment, WATCHER)
