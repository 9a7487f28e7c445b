"""The system's Chromium, a page that hears every fault, and axe. Skips only where there is no Chromium."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--no-first-run"]  # fmt: skip
WIDE, NARROW = (1440, 900), (390, 844)
SHOTS = Path(os.environ.get("MERX_SCREENSHOTS", "out/screenshots"))
PATIENCE = 20_000  # milliseconds: others may be at work on this machine
expect.set_options(timeout=PATIENCE)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@contextlib.asynccontextmanager
async def browsing(size: tuple[int, int], dark: bool = False) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page, and what its console and its scripts complained about."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        scheme = "dark" if dark else "light"
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            has_touch=size == NARROW,
            reduced_motion="reduce",  # what is half faded in can't be judged
        )
        page, faults = await context.new_page(), list[str]()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda wrong: faults.append(str(wrong)))
        yield page, faults
        await browser.close()


async def shot(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


async def accessible(page: Page) -> None:
    """Raises where axe finds a serious or critical fault."""
    found = await Axe().run(page)
    serious = [
        f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    assert not serious, f"{page.url}\n" + "\n".join(serious)


async def does_not_overflow(page: Page) -> None:
    """Nothing is wider than the screen."""
    await page.wait_for_load_state()  # what follows on a click may have begun, and have no content yet
    width, shown = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= shown, f"{page.url} is {width} wide on a screen of {shown}"
