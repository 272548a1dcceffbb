"""Scripts that show a docked complex in PyMOL and in ChimeraX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from disco_dock.docking.runs.outputs import BEST, COMPLEX, POSES, TRAJECTORY
from disco_dock.report.folder import DockedFolder
from disco_dock.runtime.files import atomic_write

PYMOL, CHIMERAX = "view.pml", "view.cxc"
_RESIDUE = re.compile(r"(?P<chain>[^:]*):[A-Za-z0-9]{1,3}?(?P<number>-?\d+)(?P<insertion>[A-Za-z]?)")


def residue_place(name: str) -> tuple[str, int, str]:
    """Chain ("" when blank), number and insertion code of a residue named such as "A:ASP189".

    Raises:
        ValueError: it is not named so.
    """
    found = _RESIDUE.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is not the name of a residue")
    return found["chain"].replace("_", ""), int(found["number"]), found["insertion"]


def latent_residues(docked: DockedFolder) -> list[tuple[str, str]]:
    """Chain ("" when blank) and number of the residues that the first pose's latents point at."""
    names = (docked.rows[0].get("latents") or "").split()
    found = [_RESIDUE.fullmatch(name) for name in names if not name.startswith("lig:")]
    places = [(one["chain"].replace("_", ""), one["number"] + one["insertion"]) for one in found if one is not None]
    return list(dict.fromkeys(places))


def write_pymol(docked: DockedFolder) -> Path:
    """Write `view.pml` beside the results and return its path; `pymol view.pml` in that folder opens it."""
    return _write(docked.path / PYMOL, _pymol(docked))


def write_chimerax(docked: DockedFolder) -> Path:
    """Write `view.cxc` beside the results and return its path; `chimerax view.cxc` in that folder opens it."""
    return _write(docked.path / CHIMERAX, _chimerax(docked))


def _pymol(docked: DockedFolder) -> Iterator[str]:
    yield f"load {COMPLEX}, receptor"
    yield "remove receptor and resn LIG"
    yield f"load {POSES}, poses"
    if docked.frames is not None:
        yield f"load {TRAJECTORY}, diffusion"
        yield "disable diffusion"
    yield "hide everything"
    yield "bg_color white"
    yield "show cartoon, receptor"
    yield "color grey80, receptor"
    yield "show sticks, poses"
    yield "util.cbac poses"
    yield "select pocket, byres (receptor within 5 of poses and state 1)"
    yield "show lines, pocket"
    yield "util.cnc pocket"
    for chain, number in latent_residues(docked):
        where = f"receptor and resi {number}" + (f" and chain {chain}" if chain else "")
        yield f"show sticks, {where}"
        yield f"color orange, {where} and elem C"
        yield f'label {where} and name CA, "%s%s" % (resn, resi)'
    yield "deselect"
    yield "zoom poses, 8"


def _chimerax(docked: DockedFolder) -> Iterator[str]:
    yield f"open {COMPLEX}"
    yield "delete #1:LIG"
    yield f"open {POSES}"
    yield f"open {BEST}"
    if docked.frames is not None:
        yield f"open {TRAJECTORY} coordset true"
        yield "hide #4 models"
    yield "set bgColor white"
    yield "hide atoms"
    yield "cartoon #1"
    yield "color #1 gray"
    yield "hide #2 models"
    yield "show #3 atoms"
    yield "style #3 stick"
    yield "color #3 byhetero"
    for chain, number in latent_residues(docked):
        where = f"#1{'/' + chain if chain else ''}:{number}"
        yield f"show {where} atoms"
        yield f"style {where} stick"
        yield f"color {where} orange"
        yield f"label {where} residues"
    yield "view #3"


def _write(path: Path, lines: Iterable[str]) -> Path:
    with atomic_write(path, "w") as file:
        file.writelines(line + "\n" for line in lines)
    return path
