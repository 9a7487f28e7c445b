"""Ties child processes to this one: when the parent is killed, the kernel ends them; and they work in turns with it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: a child that has already dropped its privileges may not be able to read libraries any more.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with(parent: int, by: signal.Signals) -> None:
    """Called in a child: it gets `by` as soon as the thread of `parent` that started it ends, however it ends."""
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(by), 0, 0, 0)
    if os.getppid() != parent:  # killed between the fork and the line above: nobody is left to send the signal
        os._exit(1)


def dying_with_us(by: signal.Signals) -> Callable[[], None]:
    """For `subprocess.Popen(preexec_fn=…)`. Start such a child from a thread that lives as long as the child should."""
    parent = os.getpid()

    def tie() -> None:
        die_with(parent, by)
        _wait_for_turns()

    return tie


def _wait_for_turns() -> None:
    """Called in a child: waking it, or what it starts, interrupts nobody who is at work (docs/adr/0026-turns.md). Its
    share of the processor stays what it is, and where one is idle it runs at once."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it; nothing depends on it
            if os.sched_getscheduler(0) == os.SCHED_OTHER:
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def alive(pid: int) -> bool:
    """Whether this process runs. One that has ended but that nobody has waited for does not."""
    if pid <= 1:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
