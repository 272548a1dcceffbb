"""Headless Chromium for tests of pages; a test is skipped where there is none."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SOFTWARE = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PATIENCE = 240_000  # milliseconds; views are drawn by software here


@contextmanager
def chromium() -> Iterator:
    """A browser of Playwright that draws by software."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as play:
        found = next(filter(None, map(shutil.which, NAMES)), None) or play.chromium.executable_path
        if not Path(found).exists():
            pytest.skip("no Chromium found; apt-get install chromium")
        opened = play.chromium.launch(executable_path=found, args=list(SOFTWARE))
        yield opened
        opened.close()


def wait_until_drawn(page, view, share: float = 0.005) -> None:
    """Wait until so large a part of a view's pixels is not background; software may take its time.

    Args:
        page: that waits.
        view: locator of an element.
        share: of the pixels.
    """
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    seen = 0.0
    for _ in range(PATIENCE // 1000):
        shot = np.asarray(image.open(io.BytesIO(view.screenshot(timeout=PATIENCE))).convert("RGB")).astype(float)
        seen = (np.abs(shot - np.median(shot.reshape(-1, 3), 0)).max(-1) > 25).mean()
        if seen > share:
            return
        page.wait_for_timeout(500)
    pytest.fail(f"only {seen:.2%} of the view differs from the background")


def watched(context) -> tuple[list[str], list[str]]:
    """What a browser context asks for and what goes wrong in it, from now on."""
    asked: list[str] = []
    errors: list[str] = []
    context.set_default_timeout(PATIENCE)
    context.on("request", lambda request: asked.append(request.url))
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    return asked, errors
