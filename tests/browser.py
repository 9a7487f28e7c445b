"""A real browser for the tests of pages: Chromium as the system has it. Each page it opens notes what went wrong in it,
and screenshots are left in `out/screenshots`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
SCREENSHOTS = Path(os.environ.get("MERX_SCREENSHOTS", Path(__file__).parent.parent / "out" / "screenshots"))
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")

needs_chromium = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"pages are driven in Chromium; there is no {CHROMIUM}"),
    pytest.mark.timeout(240),
]


class Tab:
    """A page, with the faults that showed in its console, and its keyboard."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("console", lambda line: self.faults.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda wrong: self.faults.append(str(wrong)))
        page.on("requestfailed", lambda request: self._failed(request))

    def _failed(self, request: Any) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # gone elsewhere meanwhile
            self.faults.append(f"{request.url}: {request.failure}")

    async def tab_to(self, selector: str, most: int = 120) -> None:
        """Presses Tab until the focus is on it."""
        for _ in range(most):
            await self.page.keyboard.press("Tab")
            if await self.page.evaluate("s => document.activeElement?.matches(s) ?? false", selector):
                return
        raise AssertionError(f"{most} times Tab did not lead to {selector} on {self.page.url}")

    async def check(self, name: str) -> None:
        """Fits its width, axe finds nothing serious, and leaves a screenshot."""
        from axe_playwright_python.async_playwright import Axe

        page = self.page
        await page.wait_for_load_state()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
        found = (await Axe().run(page)).response["violations"]
        bad = [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in SERIOUS]
        assert not bad, f"{name}: {bad}"


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        chromium = await play.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        try:
            yield chromium
        finally:
            await chromium.close()


@contextlib.asynccontextmanager
async def tab(chromium: Any, viewport: dict[str, int] = DESKTOP, **how: Any) -> AsyncIterator[Tab]:
    """What is half faded in can't be judged, so nothing fades."""
    context = await chromium.new_context(viewport=viewport, **{"reduced_motion": "reduce", **how})
    try:
        yield Tab(await context.new_page())
    finally:
        await context.close()
