"""Looking at ports and readiness of this machine's own services."""

import socket
import urllib.error
import urllib.request

from ops.local.programs import LOOPBACK


def port_taken(port: int) -> bool:
    """Whether somebody listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
        return False


def listening(port: int) -> bool:
    """Whether the port accepts connections."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def ready(port: int, path: str = "/readyz") -> bool:
    """Whether the front door on this port says, on ``path``, that it can serve."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://{LOOPBACK}:{port}{path}", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
