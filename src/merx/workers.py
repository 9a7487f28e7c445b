"""Owns the processes of a server: forks them, puts another in the place of one that died, and ends them all together.
It knows nothing of what they do, and imports nothing of it, so that this process stays small."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess

log = logging.getLogger("merx")

_TOO_SOON = 5.0  # seconds; a process that ends within them, in the place of one that did, will not get better
_GIVES_UP = 3  # how a process ends that could not start at all
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Workers:
    """`run` in the main thread. Each process calls `work` with the number of its place, which is that of the one it
    replaces, and has to end by itself on SIGTERM; after `patience` seconds it is killed."""

    def __init__(self, count: int, work: Callable[[int], None], patience: float) -> None:
        self._work, self._patience = work, patience
        self._places: list[_Place] = [_Place(number) for number in range(count)]
        self._stopped = False
        self._context = multiprocessing.get_context("fork")

    def run(self) -> None:
        """Until a signal says stop. Raises SystemExit(1) where the processes can't be kept alive."""
        with self._signals() as woken:
            for place in self._places:
                self._fork(place)
            kept = True
            while not self._stopped and kept:
                wait([woken, *(place.process.sentinel for place in self._places if place.process)])
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 4096)
                kept = self._stopped or all(self._mind(place) for place in self._places)
            self._end()
        if not kept:
            raise SystemExit(1)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[int]:
        """What is written to when a signal arrives."""
        woken, wakes = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wakes, False)
        # What nohup and the like have set to be ignored stays so.
        heard = [number for number in _STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
        kept = {number: signal.signal(number, self._stop) for number in heard}
        before = signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in kept.items():
                signal.signal(number, handler)
            os.close(woken)
            os.close(wakes)

    def _stop(self, *_: object) -> None:
        self._stopped = True

    def _fork(self, place: _Place) -> None:
        place.began = time.monotonic()
        place.process = self._context.Process(target=self._begin, args=(place.number,))
        place.process.start()

    def _begin(self, number: int) -> None:
        signal.set_wakeup_fd(-1)
        # Until the work sets its own: end when told to, and leave Ctrl-C and a closed terminal to the parent.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._work(number)

    def _mind(self, place: _Place) -> bool:
        """False where nobody can be kept in this place."""
        process = place.process
        assert process is not None
        if process.is_alive():
            return True
        soon = time.monotonic() - place.began < _TOO_SOON
        if process.exitcode == _GIVES_UP or (soon and place.died_soon):
            log.error("a server process ended as soon as it had started", extra={"exit_code": process.exitcode})
            return False
        log.warning("a server process died; another takes its place", extra={"exit_code": process.exitcode})
        place.died_soon = soon
        process.close()
        self._fork(place)
        return True

    def _end(self) -> None:
        alive = [place.process for place in self._places if place.process and place.process.is_alive()]
        for process in alive:
            process.terminate()
        until = time.monotonic() + self._patience
        for process in alive:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


class _Place:
    def __init__(self, number: int) -> None:
        self.number = number
        self.process: ForkProcess | None = None
        self.began = 0.0
        self.died_soon = False
