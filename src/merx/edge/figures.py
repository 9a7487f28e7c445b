"""Owns what the worker processes of one server show each other of their numbers: a place for each in memory they share,
made before they are forked, so that whoever is asked for /metrics can answer for all.

A process writes into its own place only, into one half while the other stands; what is read counts where its checksum
is right. So nothing is ever read half written, nobody waits, and a process that is killed while it writes harms nobody.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib

import msgspec

_HEAD = struct.Struct("<QII")  # number of this writing, length, checksum of both and of what follows
_HALF = 1 << 19
"""Bytes. Metrics keep two thousand series at most, whose names are ours and the parser's: 340 KB at the very worst.
Only what is written takes memory."""
_TRIES = 5


class Series(msgspec.Struct, array_like=True):
    dialect: str
    method: str
    status: int
    buckets: list[int]
    total: float


class Figures(msgspec.Struct, array_like=True):
    """All of one process's numbers at one moment."""

    process: int
    in_flight: int
    series: list[Series]
    gauges: dict[str, float]
    counters: dict[str, float]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Figures).decode


class Board:
    """`place`: which is this process's."""

    def __init__(self, count: int) -> None:
        self._memory = mmap.mmap(-1, count * 2 * _HALF)
        self._count = count
        self.place = -1
        self._number = 0

    def take(self, place: int) -> None:
        """In a process that was just forked. What the one before it left here is not ours to show."""
        self.place, self._number = place, self._latest(place)[0]

    def publish(self, figures: Figures) -> None:
        written, number = _encode(figures), self._number + 1
        if len(written) > _HALF - _HEAD.size:
            raise ValueError("these figures are larger than their place")
        at = (self.place * 2 + number % 2) * _HALF
        self._memory[at : at + _HEAD.size + len(written)] = _headed(number, written)
        self._number = number

    def others(self) -> list[Figures]:
        """What the other processes that are alive published last."""
        found = []
        for place in range(self._count):
            if place != self.place and (written := self._latest(place)[1]):
                figures = _decode(written)
                if _alive(figures.process):
                    found.append(figures)
        return found

    def _latest(self, place: int) -> tuple[int, bytes]:
        """Its number and what was written. Where a half was written again since it was read, the other one may be newer
        than what was found: then both are read once more."""
        for _ in range(_TRIES):
            number, written = max(self._read((place * 2 + half) * _HALF) for half in range(2))
            if number and self._head((place * 2 + number % 2) * _HALF)[0] == number:
                return number, written
        return 0, b""

    def _head(self, at: int) -> tuple[int, int, int]:
        number, length, checksum = _HEAD.unpack(self._memory[at : at + _HEAD.size])
        return number, length, checksum

    def _read(self, at: int) -> tuple[int, bytes]:
        number, length, checksum = self._head(at)
        start = at + _HEAD.size
        if not number or length > _HALF - _HEAD.size:
            return 0, b""
        written = self._memory[start : start + length]
        return (number, written) if checksum == _checksum(number, written) else (0, b"")


def _alive(process: int) -> bool:
    """One that has died is soon replaced, and then its place is somebody else's; until then it shows nothing."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _headed(number: int, written: bytes) -> bytes:
    return _HEAD.pack(number, len(written), _checksum(number, written)) + written


def _checksum(number: int, written: bytes) -> int:
    return zlib.crc32(written, zlib.crc32(struct.pack("<QI", number, len(written))))


_made: Board | None = None


def make(count: int) -> None:
    """In the parent, before it forks."""
    global _made
    _made = Board(count)


def made() -> Board | None:
    """That of this server's processes; None where one serves alone."""
    return _made
