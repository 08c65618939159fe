"""A server that takes whatever is posted to it, as Sentry and an OpenTelemetry collector do."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class _Taking(BaseHTTPRequestHandler):
    server: "Receiver"

    def do_POST(self) -> None:  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.taken.append((self.path, f"{self.path}\n{self.headers}".encode(), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Receiver(ThreadingHTTPServer):
    """Listens on a port of its own, and keeps what it takes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.taken: list[tuple[str, bytes, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self.server_port}/1"

    def events(self) -> list[dict[str, Any]]:
        """Return the faults that came as Sentry's envelopes: a header, then an item's header before each item."""
        lines = [body.splitlines()[1:] for path, _, body in list(self.taken) if path == "/api/1/envelope/"]
        items = [(json.loads(head), item) for each in lines for head, item in zip(each[::2], each[1::2], strict=True)]
        return [json.loads(item) for head, item in items if head["type"] == "event"]

    def spans(self) -> Iterator[tuple[str, Span]]:
        """Yield (service, span) of what came as OTLP."""
        for path, _, body in list(self.taken):
            if path == "/v1/traces":
                for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                    (service,) = (each.value.string_value for each in part.resource.attributes if each.key == NAME)
                    yield from ((service, span) for scope in part.scope_spans for span in scope.spans)

    def everything(self) -> bytes:
        """Return all that came: addresses, headers and bodies."""
        return b"\n".join(head + body for _, head, body in list(self.taken))


NAME = "service.name"


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run one for a while."""
    with Receiver() as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        yield running
        running.shutdown()
