"""The page in a browser: example, drawings, pockets by click and by list, errors beside their fields, jobs, sharing."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from disco_dock.server import page as page_module
from tests.disco_dock.server.serving import ASPIRIN, listening, quick_engine, slow_engine, with_bound_ring
from tests.support.browser import chromium, watched

EXAMPLE = Path(__file__).parents[3] / "data" / "examples" / "1uou"


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with listening(tmp_path_factory.mktemp("page"), quick_engine, max_poses=50) as found:
        yield found


@pytest.fixture(scope="module")
def bound(tmp_path_factory, peptide_bytes) -> Path:
    """A peptide with a bound ring."""
    path = tmp_path_factory.mktemp("bound") / "bound.pdb"
    path.write_bytes(with_bound_ring(peptide_bytes))
    return path


@pytest.fixture
def page(browser, address):
    """The page, just opened; nothing may fail in it, and nothing be fetched from elsewhere."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, color_scheme="light")
    asked, errors = watched(context)
    opened = context.new_page()
    opened.goto(address)
    yield opened
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []
    assert [text for text in errors if "status of 4" not in text] == []
    context.close()


def load(page, bound) -> None:
    page.set_input_files("[name=protein]", str(bound))
    page.wait_for_selector("#view[data-ready]")


def problem(page, field: str) -> str:
    page.wait_for_selector(f"#{field}-problem:not([hidden])")
    assert page.get_attribute(f"[name={field}]", "aria-invalid") == "true"
    assert page.get_attribute(f"[name={field}]", "aria-describedby") == f"{field}-problem"
    return page.inner_text(f"#{field}-problem")


def test_the_example_is_that_of_the_repository():
    assert gzip.decompress(page_module._assets()[page_module.EXAMPLE]) == (EXAMPLE / "protein.pdb").read_bytes()


def test_the_example_fills_the_form(page):
    page.click("#example")
    page.wait_for_selector("#ligand-told img")
    page.wait_for_selector("#protein-told:has-text('438 residues')")
    assert "tipiracil" in page.inner_text("#ligand-told") and "16 heavy atoms" in page.inner_text("#ligand-told")
    assert page.evaluate("document.querySelector('#ligand-told .for-light').naturalWidth") > 0
    assert page.evaluate("document.activeElement.id") == "dock"
    assert page.input_value("[name=num_poses]") == "40"  # as on the command line


def test_errors_stand_beside_their_fields(page, bound):
    page.click("#dock")
    assert problem(page, "protein") == "Add a protein first."
    page.set_input_files("[name=protein]", str(EXAMPLE / "ligand.sdf"))
    page.wait_for_selector("#protein-problem:has-text('neither PDB nor mmCIF')")
    load(page, bound)
    assert page.is_hidden("#protein-problem")
    page.fill("[name=smiles]", "C1CC")
    assert problem(page, "smiles").startswith("Not a readable SMILES")
    page.fill("[name=smiles]", ASPIRIN)
    page.wait_for_selector("#ligand-told img")
    assert page.is_hidden("#smiles-problem") and page.get_attribute("[name=smiles]", "aria-invalid") is None
    page.fill("[name=num_poses]", "51")
    page.click("#dock")
    assert "at most 50 poses" in problem(page, "num_poses")
    assert page.evaluate("document.activeElement.name") == "num_poses"


def test_pockets_by_list_and_by_text(page, bound):
    load(page, bound)
    page.check("[name=where][value=group]", force=True)
    assert page.input_value("[name=pocket_group]") == "B:BNZ900"
    page.check("[name=where][value=residues]", force=True)
    assert page.is_hidden("[name=pocket_group]")
    page.select_option("#residue-picker", "A:SER3")
    page.select_option("#residue-picker", "A:THR5")
    assert page.input_value("[name=pocket_residues]") == "A:SER3, A:THR5"
    page.fill("[name=pocket_residues]", "A:3, A:ALA99")
    assert "A:ALA99 is no residue of this protein; it has A:1 to A:10" in problem(page, "pocket_residues")
    page.fill("[name=pocket_residues]", "A:3")
    assert page.is_hidden("#pocket_residues-problem")


def test_pockets_by_click(page, bound):
    load(page, bound)
    page.fill("[name=smiles]", ASPIRIN)
    for place, way in (("B:BNZ900", "group"), ("A:LYS8", "residues")):
        page.click("#view-all")
        page.locator("#view").scroll_into_view_if_needed()
        at = page.evaluate("(id) => structure.screen(id)", place)
        scrolled = page.evaluate("[window.scrollX, window.scrollY]")
        page.mouse.click(at["x"] - scrolled[0], at["y"] - scrolled[1])
        page.wait_for_selector(f"[name=where][value={way}]:checked", state="attached")
    assert page.input_value("[name=pocket_residues]").startswith("A:")
    page.check("[name=where][value=group]", force=True)
    with page.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith("/jobs")) as job:
        page.click("#dock")
    assert job.value.json()["options"]["pocket_group"] == "B:BNZ900"


def test_dock_read_and_share(page, bound, browser):
    load(page, bound)
    page.fill("[name=smiles]", ASPIRIN)
    page.fill("[name=num_poses]", "3")
    page.fill("[name=title]", "to be read")
    page.click("#dock")
    entry = page.locator("#list > li", has_text="to_be_read")
    entry.locator("a:has-text('Open report')").wait_for()
    assert "done" in entry.inner_text() and "3 poses" in entry.inner_text()
    entry.locator("[data-act=share]").click()
    entry.locator(".shared input").wait_for()
    link = entry.locator(".shared input").input_value()
    guest = browser.new_page()
    guest.goto(link)
    guest.wait_for_selector("#view[data-ready]", timeout=240_000)
    assert guest.locator("tr[data-rank]").count() == 3
    entry.locator("[data-act=unshare]").click()
    entry.locator("[data-act=share]").wait_for()
    assert guest.goto(link).status == 404
    guest.close()
    entry.locator("[data-act=delete]").click()
    entry.wait_for(state="detached")


def test_keyboard_reaches_everything(page):
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("(e => e.name || e.id || e.tagName)(document.activeElement)"))
    assert {"example", "theme", "protein", "ligand", "smiles", "where", "num_poses", "seed", "title", "dock"} <= seen
    page.focus("[name=where]:checked")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert page.is_visible("[name=pocket_residues]") and page.is_hidden("[name=pocket_center]")


def test_every_control_has_a_name(page):
    unnamed = page.evaluate(
        """[...document.querySelectorAll("input, select, button, a")].filter((one) =>
             !(one.labels?.length || one.getAttribute("aria-label") || one.getAttribute("aria-labelledby") ||
               one.textContent.trim())).map((one) => one.outerHTML)"""
    )
    assert unnamed == []


def test_light_dark_and_phone(page):
    color = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(color)
    page.click("#theme")
    assert page.evaluate(color) != before
    page.reload()
    assert page.evaluate(color) != before  # it is remembered
    page.click("#theme")
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_places_in_the_queue_and_cancelling(browser, tmp_path, bound):
    with listening(tmp_path, slow_engine) as slow:
        page = browser.new_page()
        page.goto(slow)
        page.set_input_files("[name=protein]", str(bound))
        page.fill("[name=smiles]", ASPIRIN)
        for title in ("first", "second", "third"):
            page.fill("[name=title]", title)
            page.click("#dock")
            page.locator("#list > li", has_text=title).wait_for()
        entries = {title: page.locator("#list > li", has_text=title) for title in ("first", "second", "third")}
        entries["first"].locator("progress").wait_for()
        page.wait_for_selector("#list > li:has-text('third'):has-text('number 2 in the queue')")
        assert "next in the queue" in entries["second"].inner_text()
        entries["second"].locator("[data-act=cancel]").click()
        page.wait_for_selector("#list > li:has-text('third'):has-text('next in the queue')")
        assert "cancelled" in entries["second"].inner_text()
        page.close()
