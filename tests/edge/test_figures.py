"""What the processes of a server show each other of their numbers: never half of it, nothing of the dead, no step back."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from merx.edge.figures import _HALF, _HEAD, Board, Figures, Series
from merx.edge.metrics import BOUNDS, MOST_SERIES, Metrics

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def forked() -> Iterator[Callable[..., Any]]:
    started: list[Any] = []

    def start(work: Callable[..., None], *args: Any) -> Any:
        started.append(FORK.Process(target=work, args=args, daemon=True))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.join()


def all_the_same(process: int, number: int, size: int = 40) -> Figures:
    """Figures that tell at once whether they are of one piece."""
    series = [Series("x", "GET", 200, [number] * 13, float(number)) for _ in range(size)]
    return Figures(process, number, series, {"g": float(number)}, {"c": float(number)})


def write_for_ever(board: Board, place: int) -> None:
    board.take(place)
    for number in itertools.count(1):
        board.publish(all_the_same(os.getpid(), number, 40 + number % 7))


def test_nothing_is_read_half_written_and_nothing_goes_back(forked: Callable[..., Any]) -> None:
    board = Board(3)
    board.take(2)
    writers = [forked(write_for_ever, board, place) for place in (0, 1)]
    last, seen = {one.pid: 0 for one in writers}, 0
    until = time.monotonic() + 2
    while time.monotonic() < until:
        for figures in board.others():
            number = figures.in_flight
            assert {one for series in figures.series for one in series.buckets} == {number}
            assert [figures.gauges["g"], figures.counters["c"]] == [number, number]
            assert number >= last[figures.process]
            last[figures.process], seen = number, seen + 1
    assert seen > 20 and all(last.values())


def test_a_killed_one_shows_nothing_and_the_next_has_its_place(forked: Callable[..., Any]) -> None:
    board = Board(2)
    board.take(1)
    first = forked(write_for_ever, board, 0)
    for _ in range(20):  # in the middle of its writing, as often as not
        while not board.others():
            time.sleep(0.001)
        os.kill(first.pid, signal.SIGKILL)
        first.join()
        assert board.others() == []
        pid, first = first.pid, forked(write_for_ever, board, 0)
        while not (found := board.others()):
            time.sleep(0.001)
        assert [one.process for one in found] == [first.pid] != [pid]


def test_the_half_that_is_being_written_is_passed_over() -> None:
    board = Board(2)
    board.take(0)
    board.publish(all_the_same(os.getpid(), 1))
    board.publish(all_the_same(os.getpid(), 2))
    at = 2 % 2 * _HALF + _HEAD.size + 10
    board._memory[at : at + 4] = b"????"  # somebody stopped here
    board.place = 1
    assert [one.in_flight for one in board.others()] == [1]


def test_the_most_that_there_can_be_has_room() -> None:
    board = Board(1)
    board.take(0)
    metrics = Metrics(board)
    for number in range(MOST_SERIES + 10):
        metrics.observe("a dialect with a name", "UNSUBSCRIBE", number, 0.1)
    for series in metrics._series.values():
        series.buckets = [2**63] * (len(BOUNDS) + 1)
    figures = metrics.publish()
    assert len(figures.series) == MOST_SERIES and board._latest(0)[1]


def test_one_page_for_all_of_them() -> None:
    board = Board(2)
    board.take(1)
    board.publish(Figures(os.getppid(), 3, [Series("baas", "GET", 200, [1, *[0] * 12], 0.5)], {}, {"hits": 7.0}))
    board.take(0)
    metrics = Metrics(board)
    metrics.counter("hits", "Hits.", lambda: 2.0)
    metrics.observe("baas", "GET", 200, 0.02)
    page = metrics.page().decode()
    assert page.count("# TYPE merx_request_seconds histogram") == 1
    for process, flying, hits, took in ((os.getpid(), 0, 2, 0.02), (os.getppid(), 3, 7, 0.5)):
        assert f'merx_requests_in_flight{{process="{process}"}} {flying}.0' in page
        assert f'hits_total{{process="{process}"}} {hits}.0' in page
        labels = f'dialect="baas",method="GET",process="{process}",status="200"'
        assert f"merx_request_seconds_sum{{{labels}}} {took}" in page
        assert f"merx_request_seconds_count{{{labels}}} 1.0" in page
