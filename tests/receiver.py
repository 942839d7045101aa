"""An HTTP endpoint of the test's own, in place of Sentry or a collector: keeps what it is sent."""

import gzip
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ops.local.programs import LOOPBACK


class Received(NamedTuple):
    """One POST."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    """Unpacked."""


class Receiver:
    """Answers every POST with 200 while its context lasts; or, told to be mute, with nothing."""

    def __init__(self, *, mute: bool = False) -> None:
        self.received: list[Received] = []
        self.released = threading.Event()
        if not mute:
            self.released.set()
        self._server = _Server((LOOPBACK, 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.port: int = self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def dsn(self) -> str:
        """As Sentry has them."""
        return f"http://a-public-key@{LOOPBACK}:{self.port}/7"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def events(self) -> list[dict[str, Any]]:
        """The events of all envelopes. https://develop.sentry.dev/sdk/data-model/envelopes/"""
        found = []
        for post in list(self.received):
            lines = post.body.split(b"\n")
            for head, payload in zip(lines[1::2], lines[2::2], strict=False):
                if head and msgspec.json.decode(head)["type"] == "event":
                    found.append(msgspec.json.decode(payload))
        return found

    def spans(self) -> list["ReceivedSpan"]:
        """The spans of all exports."""
        found = []
        for post in list(self.received):
            export = ExportTraceServiceRequest.FromString(post.body)
            for of_resource in export.resource_spans:
                service = _attributes(of_resource.resource.attributes)["service.name"]
                for scope in of_resource.scope_spans:
                    found += [_span(str(service), span) for span in scope.spans]
        return found


class ReceivedSpan(NamedTuple):
    """A span as the collector sees it; ids in hexadecimal, times in Unix nanoseconds."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    began: int
    ended: int
    attributes: dict[str, object]
    failed: bool
    state: str


def _span(service: str, span: Any) -> ReceivedSpan:
    return ReceivedSpan(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _attributes(span.attributes),
        span.status.code == 2,
        span.trace_state,
    )


def _attributes(pairs: Any) -> dict[str, object]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def _handler(receiver: Receiver) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            if not receiver.released.is_set():
                receiver.released.wait(60)
                self.close_connection = True  # by now nobody listens
                return
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
