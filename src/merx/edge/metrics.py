"""Owns the numbers at /metrics. A request adds to plain lists, which cost next to nothing; the Prometheus client reads
them when somebody asks. Whichever process answers shows its own and those that the others have published, told apart by
the label `process`. It publishes its own before it shows them: a counter that was seen once never goes back."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from merx.edge.figures import Board, Figures, Series

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LE = (*map(str, BOUNDS), "+Inf")
MOST_SERIES = 2000
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class _Series:
    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.total = 0.0


class Metrics(Collector):
    def __init__(self, board: Board | None = None) -> None:
        self._board = board
        self._series: dict[tuple[str, str, int], _Series] = {}
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self._counters: dict[str, tuple[str, Callable[[], float]]] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self.in_flight = 0

    def observe(self, dialect: str, method: str, status: int, elapsed: float) -> None:
        key = (dialect, method, status)
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= MOST_SERIES:  # a method is whatever a client sends
                return
            series = self._series[key] = _Series()
        series.buckets[bisect_left(BOUNDS, elapsed)] += 1
        series.total += elapsed

    def gauge(self, name: str, about: str, read: Callable[[], float]) -> None:
        self._gauges[name] = (about, read)

    def counter(self, name: str, about: str, read: Callable[[], float]) -> None:
        self._counters[name] = (about, read)

    def publish(self) -> Figures:
        """Shows the other processes how things stand here."""
        figures = self._figures()
        if self._board is not None:
            self._board.publish(figures)
        return figures

    def _figures(self) -> Figures:
        return Figures(
            os.getpid(),
            self.in_flight,
            [Series(*key, one.buckets, one.total) for key, one in self._series.items()],
            {name: read() for name, (_, read) in self._gauges.items()},
            {name: read() for name, (_, read) in self._counters.items()},
        )

    def collect(self) -> Iterable[Metric]:
        own = self.publish()
        everybody = [own] if self._board is None else [own, *self._board.others()]
        named = [(str(one.process), one) for one in everybody]
        times = HistogramMetricFamily(
            "merx_request_seconds",
            "Time from a request's arrival to the end of its answer.",
            labels=("process", "dialect", "method", "status"),
        )
        for process, figures in named:
            for series in figures.series:
                labels = (process, series.dialect, series.method, str(series.status))
                times.add_metric(labels, _cumulative(series.buckets), series.total)
        yield times
        flying = GaugeMetricFamily("merx_requests_in_flight", "Requests being answered.", labels=("process",))
        for process, figures in named:
            flying.add_metric((process,), figures.in_flight)
        yield flying
        for name, (about, _) in self._gauges.items():
            gauge = GaugeMetricFamily(name, about, labels=("process",))
            for process, figures in named:
                gauge.add_metric((process,), figures.gauges.get(name, 0.0))
            yield gauge
        for name, (about, _) in self._counters.items():
            counter = CounterMetricFamily(name, about, labels=("process",))
            for process, figures in named:
                counter.add_metric((process,), figures.counters.get(name, 0.0))
            yield counter

    def page(self) -> bytes:
        return generate_latest(self._registry)


def _cumulative(here: Sequence[int]) -> list[tuple[str, int]]:
    return list(zip(_LE, accumulate(here), strict=True))
