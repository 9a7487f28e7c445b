"""Owns what is known of OpenTelemetry: the one module that imports it, and only where MERX_TRACING asks for traces.
Everything about where they go and how many is said by the standard OTEL_* variables, which the SDK reads. Each process
opens its own after it was forked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Mapping

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagators.textmap import Getter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

from merx import __version__
from merx.kernel.spans import Attributes, Kind
from merx.kernel.spans import Span as AnySpan

CLOSES_WITHIN = 5.0
"""Seconds for the last spans. A collector that is away must not hold up the end of the server."""

_KINDS: Mapping[Kind, trace.SpanKind] = {
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
    "producer": trace.SpanKind.PRODUCER,
    "internal": trace.SpanKind.INTERNAL,
}
_NOWHERE = Context()


def start() -> Tracer | None:
    """None where OTEL_SDK_DISABLED says so."""
    said = OTELResourceDetector().detect().attributes
    resource = Resource.create({"service.name": "merx", "service.version": __version__, **said})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    recorder = provider.get_tracer("merx", __version__)
    if isinstance(recorder, trace.NoOpTracer):
        return None
    for name in (os.environ.get("OTEL_TRACES_EXPORTER") or "otlp").split(","):
        if (exporter := _exporter(name.strip().lower())) is not None:
            provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracer(provider, recorder)


def _exporter(name: str) -> SpanExporter | None:
    """`merx.settings` has refused the names that are none of these."""
    if name == "console":
        return ConsoleSpanExporter()
    return None if name == "none" else OTLPSpanExporter()


class Tracer:
    def __init__(self, provider: TracerProvider, recorder: trace.Tracer) -> None:
        self._provider, self._recorder = provider, recorder

    def root(
        self, name: str, kind: Kind, attributes: Attributes, headers: Mapping[bytes, bytes] | None = None
    ) -> AnySpan:
        around = _NOWHERE if headers is None else propagate.extract(headers, _NOWHERE, _HEADERS)
        return Span(self._recorder, self._recorder.start_span(name, around, _KINDS[kind], attributes))

    async def close(self) -> None:
        """In a thread that nobody joins: the SDK has no bound for this that it keeps."""
        loop, closed = asyncio.get_running_loop(), asyncio.Event()

        def close() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(closed.set)

        threading.Thread(target=close, name="merx-traces", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSES_WITHIN):
                await closed.wait()


class Span:
    __slots__ = ("_recorder", "_span")

    def __init__(self, recorder: trace.Tracer, span: trace.Span) -> None:
        self._recorder, self._span = recorder, span

    @property
    def trace(self) -> str:
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    def child(self, name: str, kind: Kind, attributes: Attributes) -> AnySpan:
        """Of a trace that is not sampled there is nothing to record further down either."""
        if not self._span.is_recording():
            return self
        around = trace.set_span_in_context(self._span, _NOWHERE)
        return Span(self._recorder, self._recorder.start_span(name, around, _KINDS[kind], attributes))

    def note(self, attributes: Attributes, name: str | None = None) -> None:
        self._span.set_attributes(attributes)
        if name is not None:
            self._span.update_name(name)

    def fail(self, kind: str) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(trace.StatusCode.ERROR)

    def end(self) -> None:
        self._span.end()


class _Headers(Getter[Mapping[bytes, bytes]]):
    def get(self, carrier: Mapping[bytes, bytes], key: str) -> list[str] | None:
        found = carrier.get(key.lower().encode())
        return None if found is None else [found.decode("latin-1")]

    def keys(self, carrier: Mapping[bytes, bytes]) -> list[str]:
        return [name.decode("latin-1") for name in carrier]


_HEADERS = _Headers()
