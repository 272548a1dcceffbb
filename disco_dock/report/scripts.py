"""Scripts that show a docked complex in PyMOL and in ChimeraX."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from disco_dock.docking.runs.outputs import BEST, COMPLEX, POSES, TRAJECTORY
from disco_dock.interactions.find import find_interactions
from disco_dock.interactions.fingerprint import fingerprint, key_residues
from disco_dock.interactions.pocket import PocketContacts
from disco_dock.report.folder import DockedFolder
from disco_dock.runtime.files import atomic_write

PYMOL, CHIMERAX = "view.pml", "view.cxc"
SHOWN = 8  # residues with names
_RESIDUE = re.compile(r"(?P<chain>[^:]*):[^:]+?:?(?P<number>-?\d+)(?P<insertion>[A-Za-z]?)")


def residue_place(name: str) -> tuple[str, int, str]:
    """Chain ("" when blank), number and insertion code of a residue named such as "A:ASP189".

    Raises:
        ValueError: it is not named so.
    """
    found = _RESIDUE.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is not the name of a residue")
    return found["chain"].replace("_", ""), int(found["number"]), found["insertion"]


def held_by(docked: DockedFolder) -> list[tuple[str, str]]:
    """Chain ("" when blank) and number of the residues that hold the first pose."""
    pocket = PocketContacts(docked.receptor, docked.mols[0].GetConformer().GetPositions())
    names = key_residues(fingerprint(find_interactions(docked.mols[0], pocket)), SHOWN)
    places = [residue_place(name) for name in names]
    return [(chain, f"{number}{insertion}") for chain, number, insertion in places]


def write_pymol(docked: DockedFolder) -> Path:
    """Write `view.pml` beside the results and return its path; `pymol view.pml` opens it from any folder."""
    return _write(docked.path / PYMOL, pymol_text(docked))


def write_chimerax(docked: DockedFolder) -> Path:
    """Write `view.cxc` beside the results and return its path; `chimerax view.cxc` opens it from any folder."""
    return _write(docked.path / CHIMERAX, chimerax_text(docked))


def pymol_text(docked: DockedFolder) -> str:
    """The script for PyMOL."""
    return "".join(line + "\n" for line in _pymol(docked))


def chimerax_text(docked: DockedFolder) -> str:
    """The script for ChimeraX."""
    return "".join(line + "\n" for line in _chimerax(docked))


def _pymol(docked: DockedFolder) -> Iterator[str]:
    yield "# where the files are; change it when they were moved"
    yield f"cd {docked.path.absolute()}"
    yield f"load {COMPLEX}, receptor"
    yield "remove receptor and resn LIG"
    yield f"load {POSES}, poses"
    if docked.frames is not None:
        yield f"load {TRAJECTORY}, diffusion"
        yield "disable diffusion"
    yield "hide everything"
    yield "bg_color white"
    yield "show cartoon, receptor"
    yield "color grey80, receptor and polymer"
    yield "show sticks, receptor and organic"
    yield "show spheres, receptor and (inorganic or metals)"
    yield "set sphere_scale, 0.4, receptor and (inorganic or metals)"
    yield "show sticks, poses"
    yield "util.cbac poses"
    yield "select pocket, byres (receptor within 5 of poses and state 1)"
    yield "show lines, pocket"
    yield "util.cnc pocket"
    for chain, number in held_by(docked):
        where = f"receptor and resi {number}" + (f" and chain {chain}" if chain else "")
        yield f"show sticks, {where}"
        yield f"color orange, {where} and elem C"
        yield f'label first ({where} and (name CA or not polymer)), "%s%s" % (resn, resi)'
    yield "deselect"
    yield "zoom poses and state 1, 5"


def _chimerax(docked: DockedFolder) -> Iterator[str]:
    yield "# where the files are; change it when they were moved"
    yield f'cd "{docked.path.absolute()}"'
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
    yield "show #1 & (ligand | ions) atoms"
    yield "style #1 & ions sphere"
    yield "hide #2 models"
    yield "show #3 atoms"
    yield "style #3 stick"
    yield "color #3 byhetero"
    for chain, number in held_by(docked):
        where = f"#1{'/' + chain if chain else ''}:{number}"
        yield f"show {where} atoms"
        yield f"style {where} stick"
        yield f"color {where} orange"
        yield f"label {where} residues"
    yield "view #3"


def _write(path: Path, text: str) -> Path:
    with atomic_write(path, "w") as file:
        file.write(text)
    return path
