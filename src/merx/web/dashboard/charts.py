"""The geometry of the home page's chart: a line for sales, bars for orders. Drawn as SVG in numbers of its own grid,
with nothing that would need inline style; the same values stand beside it as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 200


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    bars: tuple[Bar, ...]
    line: str  # the points of a polyline
    area: str  # the same, closed along the ground
    top: int  # what the highest grid line stands for
    top_bars: int

    @property
    def ticks(self) -> tuple[int, int, int]:
        return self.top, self.top // 2, 0


def drawn(amounts: Sequence[int], counts: Sequence[int]) -> Chart:
    top, top_bars = ceiling(max(amounts, default=0)), ceiling(max(counts, default=0), least=4)
    step = WIDTH / max(1, len(counts))
    bars = tuple(
        Bar(round(at * step + step * 0.2, 1), round(HEIGHT - high, 1), round(step * 0.6, 1), round(high, 1))
        for at, count in enumerate(counts)
        for high in [count / top_bars * HEIGHT]
    )
    points = [
        (round(at * step + step / 2, 1), round(HEIGHT - amount / top * HEIGHT, 1)) for at, amount in enumerate(amounts)
    ]
    line = " ".join(f"{x},{y}" for x, y in points)
    area = f"{points[0][0]},{HEIGHT} {line} {points[-1][0]},{HEIGHT}" if points else ""
    return Chart(bars, line, area, top, top_bars)


def ceiling(value: int, least: int = 1) -> int:
    """The next round number: 1, 2, 4, 5 or 10 times a power of ten."""
    value = max(value, least)
    power = int(10 ** (len(str(value)) - 1))
    for factor in (1, 2, 4, 5, 10):
        if factor * power >= value:
            return factor * power
    return 10 * power


def spark(values: Sequence[int], width: int = 120, height: int = 32) -> str:
    """The points of a small line without axes."""
    top = max(values, default=0) or 1
    step = width / max(1, len(values) - 1)
    return " ".join(
        f"{round(at * step, 1)},{round(height - 2 - value / top * (height - 4), 1)}" for at, value in enumerate(values)
    )


def change(now: int | float, before: int | float) -> float | None:
    """By how much of itself it grew; None where there was nothing before."""
    return None if not before else (now - before) / before
