"""Templates and other files of the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def templates_of(package: str) -> Environment:
    """The templates of a package; what is put into them is escaped, and a name that is missing is an error."""
    return Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def environment() -> Environment:
    """The templates of reports, with their filters."""
    made = templates_of("disco_dock.report")
    made.filters["percent"] = lambda value: "–" if value in ("", None) else f"{100 * float(value):.0f} %"
    made.filters["number"] = lambda value, digits=1: "–" if value in ("", None) else f"{float(value):.{digits}f}"
    return made


def render(template: str, **values: Any) -> str:
    """A template filled in."""
    return environment().get_template(template).render(**values)


def json_text(data: Mapping[str, Any]) -> Markup:
    """JSON that cannot end the script element it stands in."""
    return Markup(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))  # noqa: S704 - no `<` is left


@cache
def asset(name: str) -> Markup:
    """A file of the package, as it is."""
    return Markup((resources.files("disco_dock.report") / "assets" / name).read_text(encoding="utf-8"))  # noqa: S704
