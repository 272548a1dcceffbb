"""The page: HTML, style and script of this package, served as they are."""

from __future__ import annotations

from functools import cache
from importlib import resources

from fastapi import FastAPI
from fastapi.responses import Response

ASSETS = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}


@cache
def _asset(name: str) -> bytes:
    return (resources.files("disco_dock.server") / "assets" / name).read_bytes()


def add_page(app: FastAPI) -> None:
    """Add the routes of the page; it loads nothing from elsewhere."""
    for address, (name, kind) in ASSETS.items():
        app.add_api_route(address, _route(name, kind), include_in_schema=False)


def _route(name: str, kind: str):
    async def asset() -> Response:
        return Response(_asset(name), media_type=f"{kind}; charset=utf-8")

    return asset
