"""``python -m ops.bench.collector PORT``: takes the traces that services export, and drops them."""

import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ops.local.programs import LOOPBACK


class Collector(BaseHTTPRequestHandler):
    """Says of every export that it has arrived: an empty ExportTraceServiceResponse is no bytes."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Reads the spans."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: a line for each export would be all that it does."""


def main() -> None:
    """Serves until it is ended."""
    ThreadingHTTPServer((LOOPBACK, int(sys.argv[1])), Collector).serve_forever()


if __name__ == "__main__":
    main()
