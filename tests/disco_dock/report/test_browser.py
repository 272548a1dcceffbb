"""The report in headless Chromium: something is drawn, controls work, and nothing is fetched."""

from __future__ import annotations

import io

import numpy as np
import pytest

from disco_dock.report.notebook_view import notebook_view
from tests.support.browser import PATIENCE, chromium, wait_until_drawn

image = pytest.importorskip("PIL.Image", reason="pillow is not installed")

VS_CODE = (
    "default-src 'none'; script-src https: 'unsafe-inline' 'unsafe-eval'; style-src https: 'unsafe-inline'; "
    "img-src https: http: data:; font-src https:; connect-src https:; child-src https: data:"
)
"""What outputs may do in VS Code with its setting `notebook.experimental.enableCsp`; without it they may do more."""


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def loaded(browser, report_path):
    """The page and everything it asked for."""
    page = browser.new_page(viewport={"width": 1200, "height": 820}, color_scheme="light")
    page.set_default_timeout(PATIENCE)
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(report_path.as_uri())
    page.wait_for_selector("#view[data-ready]")
    if page.locator("#copies").count():
        page.check("#copies")
    return page, asked, errors


def pixels(page) -> np.ndarray:
    shot = page.locator("#view").screenshot(timeout=PATIENCE)
    return np.asarray(image.open(io.BytesIO(shot)).convert("RGB")).astype(float)


def wait_until(page, expression: str) -> None:
    """Poll an expression; the page's own rules forbid what `wait_for_function` does."""
    for _ in range(PATIENCE // 100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"{expression} never became true")


def pressed(page, name: str) -> bool:
    return page.get_attribute(f'[data-toggle="{name}"]', "aria-pressed") == "true"


def test_view_is_not_blank(loaded):
    seen = pixels(loaded[0])
    background = np.median(seen.reshape(-1, 3), 0)
    drawn = (np.abs(seen - background).max(-1) > 25).mean()
    assert drawn > 0.005, f"only {drawn:.2%} of the view differs from the background"
    assert len(np.unique(seen.reshape(-1, 3), axis=0)) > 50


def test_toggles_change_the_view_and_say_so(loaded):
    page = loaded[0]
    for name in ("cartoon", "labels", "latents", "interactions"):
        before, was = pixels(page), pressed(page, name)
        page.click(f'[data-toggle="{name}"]')
        assert pressed(page, name) is not was
        if name not in ("interactions", "labels"):  # there may be none
            assert np.abs(pixels(page) - before).max() > 25, f"{name} changed nothing"
        page.click(f'[data-toggle="{name}"]')
    page.click('[data-toggle="surface"]')
    wait_until(page, "report.surfaces() > 0")
    page.click('[data-toggle="surface"]')
    wait_until(page, "report.surfaces() === 0")


def test_poses_by_mouse_and_by_keyboard(loaded):
    page = loaded[0]
    page.click('tr[data-rank="3"]')
    assert page.evaluate("report.current") == 3
    assert page.get_attribute('tr[data-rank="3"]', "aria-selected") == "true"
    page.focus('tr[data-rank="3"]')
    page.keyboard.press("ArrowDown")
    assert page.evaluate("report.current") == 4 and page.evaluate("document.activeElement.dataset.rank") == "4"
    page.keyboard.press("Home")
    assert page.evaluate("report.current") == 1
    assert page.locator('tr[aria-selected="true"]').count() == 1
    assert "Pose 1 of 6" in page.inner_text("#caption")


def test_every_control_is_reached_by_tab(loaded):
    page = loaded[0]
    page.evaluate("document.activeElement.blur()")
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.dataset.toggle || 'rank'"))
    assert {"theme", "cartoon", "surface", "latents", "all", "zoom", "rank", "tab-contacts"} <= seen


def test_letters_switch(loaded):
    page = loaded[0]
    page.evaluate("document.activeElement.blur()")
    was = pressed(page, "all")
    page.keyboard.press("a")
    assert pressed(page, "all") is not was
    page.keyboard.press("a")
    before = page.evaluate("document.documentElement.dataset.theme || 'light'")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") != before
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 21, 27)"
    assert pixels(page).reshape(-1, 3).mean() < 120
    page.keyboard.press("t")


def test_modes_filter_the_poses(loaded):
    page = loaded[0]
    options = page.eval_on_selector_all("#mode option", "nodes => nodes.map(node => node.value).filter(Boolean)")
    assert len(options) > 1
    page.select_option("#mode", options[-1])
    shown = page.eval_on_selector_all(
        "tr[data-rank]:not([hidden])", "rows => rows.map(row => Number(row.dataset.rank))"
    )
    assert 0 < len(shown) < 6 and page.evaluate("report.current") in shown
    page.select_option("#mode", "")
    assert page.locator("tr[data-rank]:not([hidden])").count() == 6


def test_zoom_and_whole_protein_differ(loaded):
    page = loaded[0]
    page.click("#zoom")
    near = pixels(page)
    page.click("#whole")
    assert np.abs(pixels(page) - near).mean() > 1
    page.click("#zoom")
    assert np.abs(pixels(page) - near).mean() < 1


def test_tabs_by_mouse_and_by_keyboard(loaded):
    page = loaded[0]
    page.click("#tab-trust")
    assert page.is_visible("#trust") and page.is_hidden("#contacts")
    page.keyboard.press("ArrowLeft")
    assert page.is_visible("#contacts") and page.evaluate("document.activeElement.id") == "tab-contacts"


def test_files_can_be_saved(loaded):
    page = loaded[0]
    names = ["poses.sdf", "results.csv", "view.pml", "view.cxc", "view.mvsj"]
    sizes = page.evaluate("(names) => Promise.all(names.map((name) => report.fileOf(name).text()))", names)
    assert sizes[0].count("$$$$") == 6 and ">  <rank>" in sizes[0] and sizes[1].startswith("rank,")
    assert "load poses.sdf" in sizes[2] and sizes[4].count("data:text/plain;base64,") == 2
    page.click("#downloads summary")
    with page.expect_download() as saved:
        page.click('[data-download="view.png"]')
    assert saved.value.suggested_filename == "view.png"


def test_movie(loaded):
    page = loaded[0]
    page.click("#tab-latents")
    page.evaluate(
        "(() => { const s = document.getElementById('frame'); s.value = 0; s.dispatchEvent(new Event('input')); })()"
    )
    assert page.evaluate("report.frame") == 0 and page.inner_text("#time") == "t = 1.00"
    page.click("#play")
    wait_until(page, "report.frame === null && document.getElementById('time').textContent === 'pose'")


def test_nothing_is_fetched_and_nothing_fails(loaded, report_path):
    _, asked, errors = loaded
    assert [url for url in asked if not url.startswith("blob:")] == [report_path.as_uri()]
    assert errors == []


def test_narrow_page_does_not_scroll_sideways(browser, report_path):
    page = browser.new_page(viewport={"width": 380, "height": 800})
    page.goto(report_path.as_uri(), timeout=PATIENCE)
    page.wait_for_selector("#view[data-ready]", timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    page.close()


@pytest.mark.parametrize("policy", ["", VS_CODE], ids=["plain", "vscode"])
def test_the_view_of_a_notebook_works_in_its_frame(browser, docked, tmp_path, policy):
    """The whole page's movie and files are not in it, and its script must not look for them."""
    path = tmp_path / "notebook.html"
    head = f'<meta charset=utf-8><meta http-equiv="Content-Security-Policy" content="{policy}">'
    path.write_text(f"<!doctype html>{head}<body>{notebook_view(docked)}</body>", encoding="utf-8")
    page = browser.new_page(viewport={"width": 1000, "height": 950}, color_scheme="light")
    page.set_default_timeout(PATIENCE)
    errors, asked = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("#view[data-ready]").wait_for()
    assert errors == [] and [url for url in asked if not url.startswith(("file:", "about:", "blob:"))] == []
    assert frame.locator("#diagram svg").count() == 1
    frame.locator('tr[data-rank="1"]').click()
    assert frame.locator("#summary").is_visible()
    wait_until_drawn(page, frame.locator("#view"))
    page.close()
