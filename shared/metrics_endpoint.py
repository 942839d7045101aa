"""``/metrics`` of a process that answers no other HTTP."""

from prometheus_client import CollectorRegistry, start_http_server

from shared.errors import InvalidSettings


def serve_metrics(registry: CollectorRegistry, host: str, port: int) -> None:
    """Shows the registry on a port, from a thread that ends with the process.

    Raises InvalidSettings where the port cannot be listened on.
    """
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        raise InvalidSettings(f"REGNO_METRICS_PORT: {host}:{port}: {error}") from error
