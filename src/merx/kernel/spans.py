"""Owns where a piece of work stands in a trace: the span that is open around it. Who records spans is not known here
(`merx/tracing.py` does, where that is wanted); without a tracer nothing is ever open, and all of this does nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol

from merx.kernel.errors import MerxError

Kind = Literal["server", "client", "producer", "internal"]
Attributes = Mapping[str, str | int | float | bool]
"""Never an e-mail address, a key, a query string or a statement's argument."""


class Span(Protocol):
    @property
    def trace(self) -> str:
        """The trace's id, in hexadecimal."""
        ...

    def child(self, name: str, kind: Kind, attributes: Attributes) -> Span: ...

    def note(self, attributes: Attributes, name: str | None = None) -> None:
        """Adds what is known by now; `name` takes the place of the one before."""
        ...

    def fail(self, kind: str) -> None:
        """`kind`: of error, of which there are few."""
        ...

    def end(self) -> None: ...


class Tracer(Protocol):
    def root(self, name: str, kind: Kind, attributes: Attributes, headers: Mapping[bytes, bytes] | None = None) -> Span:
        """A span that nothing here is around; the request's `headers` may tell of a trace that it belongs to."""
        ...

    async def close(self) -> None:
        """Hands over what has been recorded, for so long as that is worth waiting for."""
        ...


class _Nothing:
    """Where nobody records."""

    trace = ""

    def child(self, name: str, kind: Kind, attributes: Attributes) -> Span:
        return self

    def note(self, attributes: Attributes, name: str | None = None) -> None:
        return None

    def fail(self, kind: str) -> None:
        return None

    def end(self) -> None:
        return None


NOTHING: Span = _Nothing()
OPEN: ContextVar[Span | None] = ContextVar("merx_open_span", default=None)


@contextmanager
def below(name: str, kind: Kind, attributes: Attributes) -> Iterator[Span]:
    """The block as a span beneath the open one; where none is open, there is nobody to tell."""
    above = OPEN.get()
    if above is None:
        yield NOTHING
        return
    with _around(above.child(name, kind, attributes)) as span:
        yield span


@contextmanager
def alone(tracer: Tracer | None, name: str, attributes: Attributes, kind: Kind = "internal") -> Iterator[Span]:
    """The block as the beginning of a trace of its own."""
    if tracer is None:
        yield NOTHING
        return
    with _around(tracer.root(name, kind, attributes)) as span:
        yield span


@contextmanager
def _around(span: Span) -> Iterator[Span]:
    token = OPEN.set(span)
    try:
        yield span
    except BaseException as wrong:
        span.fail(kind_of(wrong))
        raise
    finally:
        OPEN.reset(token)
        span.end()


def kind_of(wrong: BaseException) -> str:
    """An error's kind, without what it says: that may name somebody."""
    return wrong.code if isinstance(wrong, MerxError) else type(wrong).__name__
