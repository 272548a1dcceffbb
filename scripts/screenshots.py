"""Pictures of the report, the page of the server and the page of a screen, as a reader of the README sees them.

    python scripts/screenshots.py --report out/report.html --out docs/figures
    python scripts/screenshots.py --report out/report.html --screen run.html --all --out pictures
    python scripts/screenshots.py --serve http://127.0.0.1:8000 --out docs/figures

The first writes `report_light.png`, the last `serve.png`: the example of a running `disco-dock serve`, loaded, and with
`--dock` docked, too. `--all` adds dark, phone and print. Needs playwright and Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SOFTWARE = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PATIENCE = 240_000  # milliseconds; views are drawn by software
WIDE, PHONE = {"width": 1280, "height": 980}, {"width": 390, "height": 844}


def main() -> int:
    """Write the pictures; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, help="report.html of disco-dock predict")
    parser.add_argument("--screen", type=Path, help="page of disco-dock results --report")
    parser.add_argument("--serve", help="address of a running disco-dock serve")
    parser.add_argument("--dock", action="store_true", help="dock the example of the server and wait for it")
    parser.add_argument("--all", action="store_true", help="also dark, phone and print")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    args.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        found = next(filter(None, map(shutil.which, NAMES)), None) or play.chromium.executable_path
        browser = play.chromium.launch(executable_path=found, args=list(SOFTWARE))
        looks = [("light", WIDE), *([("dark", WIDE), ("phone", PHONE)] if args.all else [])]
        for name, file in (("report", args.report), ("screen", args.screen)):
            for look, size in looks if file is not None else ():
                _file(browser, file, args.out / f"{name}_{look}.png", look, size, view=name == "report")
            if args.all and file is not None:
                page = browser.new_page()
                page.goto(file.resolve().as_uri())
                if name == "report":
                    page.wait_for_selector("#view[data-ready]", timeout=PATIENCE)
                page.pdf(path=args.out / f"{name}_print.pdf", format="A4", print_background=True)
        for look, size in looks if args.serve else ():
            name = "serve.png" if look == "light" else f"serve_{look}.png"
            _serve(browser, args.serve, args.out / name, look, size, dock=args.dock and look == "light")
        browser.close()
    return 0


def _page(browser, look: str, size: dict):
    context = browser.new_context(viewport=size, color_scheme="dark" if look == "dark" else "light")
    context.set_default_timeout(PATIENCE)
    return context.new_page()


def _file(browser, file: Path, out: Path, look: str, size: dict, *, view: bool) -> None:
    page = _page(browser, look, size)
    page.goto(file.resolve().as_uri())
    if view:
        page.wait_for_selector("#view[data-ready]")
    page.wait_for_timeout(2000)
    page.screenshot(path=out, full_page=look == "phone")
    page.close()


def _serve(browser, address: str, out: Path, look: str, size: dict, *, dock: bool) -> None:
    page = _page(browser, look, size)
    page.goto(address)
    page.click("#example")
    page.wait_for_selector("#view[data-ready]")
    if dock:
        page.click("button[type=submit]")
        page.wait_for_selector("text=Report")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(3000)
    page.screenshot(path=out, full_page=True)
    page.close()


if __name__ == "__main__":
    sys.exit(main())
