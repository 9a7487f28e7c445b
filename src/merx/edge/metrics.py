"""Owns the numbers at /metrics. A request adds to plain lists, which cost next to nothing; the Prometheus client reads
them when somebody asks. Each process shows its own, told apart by the label `process`."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class _Series:
    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.total = 0.0


class Metrics(Collector):
    def __init__(self) -> None:
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
            if len(self._series) > 2000:  # a method is whatever a client sends
                return
            series = self._series[key] = _Series()
        series.buckets[bisect_left(BOUNDS, elapsed)] += 1
        series.total += elapsed

    def gauge(self, name: str, about: str, read: Callable[[], float]) -> None:
        self._gauges[name] = (about, read)

    def counter(self, name: str, about: str, read: Callable[[], float]) -> None:
        self._counters[name] = (about, read)

    def collect(self) -> Iterable[Metric]:
        process = str(os.getpid())
        times = HistogramMetricFamily(
            "merx_request_seconds",
            "Time from a request's arrival to the end of its answer.",
            labels=("process", "dialect", "method", "status"),
        )
        for (dialect, method, status), series in self._series.items():
            count, buckets = 0, []
            for bound, here in zip((*BOUNDS, float("inf")), series.buckets, strict=True):
                count += here
                buckets.append(("+Inf" if bound == float("inf") else str(bound), count))
            times.add_metric((process, dialect, method, str(status)), buckets, series.total)
        yield times
        flying = GaugeMetricFamily("merx_requests_in_flight", "Requests being answered.", labels=("process",))
        flying.add_metric((process,), self.in_flight)
        yield flying
        for name, (about, read) in self._gauges.items():
            gauge = GaugeMetricFamily(name, about, labels=("process",))
            gauge.add_metric((process,), read())
            yield gauge
        for name, (about, read) in self._counters.items():
            counter = CounterMetricFamily(name, about, labels=("process",))
            counter.add_metric((process,), read())
            yield counter

    def page(self) -> bytes:
        return generate_latest(self._registry)
