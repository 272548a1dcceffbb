"""The page: templates, styles and scripts of this package, served as they are; nothing comes from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import PurePath

from fastapi import FastAPI, HTTPException
from fastapi.responses import Response

BASE = "/page"
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".gz": "application/gzip"}
OF_REPORTS = ("3Dmol-min.js", "orient.js")
"""The viewer, which reports hold, too."""
EXAMPLE = "1uou.pdb.gz"
"""data/examples/1uou/protein.pdb: thymidine phosphorylase, which the bundled checkpoint was not trained on."""
EXAMPLE_SMILES = "N=C1CCCN1Cc1[nH]c(=O)[nH]c(=O)c1Cl tipiracil"


@cache
def page() -> str:
    """The page's HTML."""
    from disco_dock.report.rendering import templates_of

    templates = templates_of("disco_dock.server")
    styles = sorted(name for name in _assets() if name.endswith(".css"))
    return templates.get_template("page.html").render(
        base=BASE, styles=styles, example=EXAMPLE, example_smiles=EXAMPLE_SMILES
    )


@cache
def _assets() -> dict[str, bytes]:
    """Content of every file that the page may ask for."""
    files = {
        path.name: path.read_bytes()
        for path in (resources.files("disco_dock.server") / "assets").iterdir()
        if PurePath(path.name).suffix in KINDS
    }
    shared = {name: (resources.files("disco_dock.report") / "assets" / name).read_bytes() for name in OF_REPORTS}
    return {**files, **shared}


def add_page(app: FastAPI) -> None:
    """Add the routes of the page."""

    @app.get("/", include_in_schema=False)
    async def root() -> Response:
        return Response(page(), media_type="text/html; charset=utf-8")

    @app.get(f"{BASE}/{{name}}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in _assets():
            raise HTTPException(404, "the page has no such file")
        return Response(_assets()[name], media_type=KINDS[PurePath(name).suffix])
