"""A receiver of OTLP over HTTP inside the test: what a collector would be told, span by span."""

from __future__ import annotations

import contextlib
import gzip
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True)
class Told:
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    failed: bool
    resource: dict[str, Any]
    events: int
    began: int
    ended: int


class Collector:
    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Told] = []

    def take(self, body: bytes) -> None:
        for batch in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _plain(batch.resource.attributes)
            for scope in batch.scope_spans:
                self.spans += [_told(span, resource) for span in scope.spans]

    def until(self, wanted: Callable[[Told], bool], seconds: float = 15) -> Told:
        """The first such span, waited for: they are sent in batches."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := [span for span in list(self.spans) if wanted(span)]:
                return found[0]
            time.sleep(0.02)
        raise AssertionError(f"no such span among {[span.name for span in self.spans]}")

    def below(self, above: Told) -> list[Told]:
        """Its children and theirs, in the order in which they began."""
        found, ids = list[Told](), {above.id}
        for span in sorted(self.spans, key=lambda span: span.began):
            if span.trace == above.trace and span.parent in ids:
                found.append(span)
                ids.add(span.id)
        return found


def _told(span: Any, resource: dict[str, Any]) -> Told:
    return Told(
        name=span.name,
        kind=Wire.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=_plain(span.attributes),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        resource=resource,
        events=len(span.events),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
    )


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
