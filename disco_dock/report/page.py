"""The report: one HTML file with everything inside."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup
from rdkit import Chem

from disco_dock.interactions.find import Interaction, find_interactions
from disco_dock.interactions.fingerprint import fingerprint, key_residues, word
from disco_dock.interactions.pocket import PocketContacts
from disco_dock.report.depiction import depict
from disco_dock.report.diagram import diagram
from disco_dock.report.folder import DockedFolder, read_folder
from disco_dock.report.molviewspec import scene
from disco_dock.report.rendering import asset, json_text, render
from disco_dock.report.scripts import chimerax_text, pymol_text
from disco_dock.report.summary import distinct, summary
from disco_dock.report.trust import NO_INDEX, NOT_AN_AFFINITY, NOT_CHECKED, UNCALIBRATED, Reliabilities, told, trust
from disco_dock.runtime.files import atomic_write

REPORT = "report.html"
DIAGRAMS = 12  # distinct poses that get a drawing
COLUMNS = (
    ("rank", "#", ""),
    ("given_as", "Given as", ""),
    ("p_rmsd_under_2", "P(<2 Å)", "probability of an RMSD below 2 Å"),
    ("vina_score", "Vina", "kcal/mol, not an affinity"),
    ("contact_score", "Contacts", "learned contact score, higher is better"),
    ("confidence", "Confidence", "logit of the confidence network"),
    ("rmsd", "RMSD", "Å to the reference"),
    ("valid", "Valid", "by PoseBusters"),
    ("clash_count", "Clashes", "atoms that overlap the receptor"),
    ("pocket_distance", "To pocket", "Å from the pocket's centre"),
    ("copies", "Copies", "this pose and those like it"),
    ("key_residues", "Key residues", ""),
)
"""Column, heading, explanation."""
ALWAYS = ("rank", "copies")
TABS = (("contacts", "Interactions"), ("trust", "Trust"))
MORE_TABS = (("quality", "Validity and ligand"), ("latents", "Latents"), ("settings", "Settings and notes"))
SCRIPTS = ("3Dmol-min.js", "orient.js", "report.js")
DOWNLOADS = (
    ("poses.sdf", "Poses (SDF)"),
    ("results.csv", "Table (CSV)"),
    ("view.png", "Picture (PNG)"),
    ("view.pml", "PyMOL script"),
    ("view.cxc", "ChimeraX script"),
    ("view.mvsj", "MolViewSpec scene"),
)


def write_report(folder: Path) -> Path:
    """Write `report.html` beside the results of one complex and return its path.

    Raises:
        InputError: the folder does not hold the results of one complex.
    """
    docked = read_folder(folder)
    page = report_page(docked)
    with atomic_write(folder / REPORT, "w") as file:
        file.write(page)
    return folder / REPORT


def report_page(docked: DockedFolder, *, compact: bool = False) -> str:
    """The page as text; `compact` shows only summary, view, poses, interactions and trust."""
    record, rows = docked.record, docked.rows
    ligand, protein = record["inputs"]["ligand"], record["inputs"]["protein"]
    pocket = PocketContacts(docked.receptor)
    found = [find_interactions(mol, pocket) for mol in docked.mols]
    groups = distinct(rows)
    count = "1 pose" if len(rows) == 1 else f"{len(rows)} poses"
    alike = "" if len(groups) == len(rows) else f", {len(groups)} of them distinct"
    warnings = list(record.get("warnings", []))
    names = rows[0].get("latents") or ""
    marked = [int(number) - 1 for number in re.findall(r"lig:[A-Za-z]*(\d+)", names)]
    reliability = record.get("reliability", [])  # older folders have none
    measured = [told(reliability, 2.0, which) for which in ("first", "all")]
    return render(
        "report.html",
        compact=compact,
        given="given" in record,
        title=record["name"],
        subtitle=f"{count}{alike} of {Path(ligand['given']).name} in {Path(protein['path']).name}, "
        f"{len(docked.receptor.restype)} residues",
        css=asset("report.css"),
        warnings=warnings,
        notes=[note for note in record["notes"] if note not in warnings],
        summary=summary(docked, found[0]),
        columns=_columns(rows),
        rows=_table(rows, found),
        copies=len(rows) - len(groups),
        modes=record["modes"],
        modes_drawn=[mode for mode in record["modes"] if mode["poses"]],
        enumerated=bool(record["settings"]["modes"]),
        suggestion=record["pocket_suggestion"],
        frames=0 if docked.frames is None else len(docked.frames),
        tabs=TABS if compact else (*TABS, *MORE_TABS),
        measured=[one for one in measured if one is not None],
        has_confidence=bool(rows[0].get("confidence")),
        novelty=record.get("novelty"),
        judged=[row for row in rows if row.get("valid")],
        invalid=[row for row in rows if row.get("valid") == "false"],
        validity=record.get("validity"),
        texts={
            "uncalibrated": UNCALIBRATED,
            "not_an_affinity": NOT_AN_AFFINITY,
            "not_checked": NOT_CHECKED,
            "no_index": NO_INDEX,
        },
        depiction=_depiction(docked.mols[0], None),
        latent_depiction=_depiction(docked.mols[0], marked) if names else "",
        smiles=ligand["smiles"],
        facts=_facts(record),
        groups=record.get("receptor", {}).get("groups", []),
        waters=record.get("receptor", {}).get("records", {}).get("dropped", {}).get("water", 0),
        record=json.dumps(record, indent=2, ensure_ascii=False),
        downloads=DOWNLOADS,
        version=record["versions"].get("disco-dock", ""),
        data=json_text(page_data(docked, found, whole=not compact)),
        license=Markup(asset("3Dmol-LICENSE.txt").replace("*/", "* /")),  # noqa: S704 - a file of the package
        scripts=[asset(name) for name in SCRIPTS],
    )


def _depiction(mol: Chem.Mol, marked: Sequence[int] | None) -> Markup:
    light, dark = (depict(mol, marked or (), dark=value, numbers=marked is not None) for value in (False, True))
    return Markup(f'<div class="for-light">{light}</div><div class="for-dark">{dark}</div>')  # noqa: S704 - by RDKit


def _columns(rows: Sequence[Mapping[str, str]]) -> list[tuple[str, str, str]]:
    """The columns that decide; those that say nothing or the same as another are left out."""
    used = {name for name, _, _ in COLUMNS if name in ALWAYS or any(row.get(name) for row in rows)}
    if {"p_rmsd_under_2", "contact_score"} & used:
        used.discard("confidence")
    if "valid" in used or not any(row.get("clash_count", "").strip("0") for row in rows):
        used.discard("clash_count")
    return [one for one in COLUMNS if one[0] in used or one[0] == "key_residues"]


def _table(rows: Sequence[Mapping[str, str]], found: Sequence[list[Interaction]]) -> list[dict[str, Any]]:
    first = {id(row): count for row, count in distinct(rows)}
    return [
        {"rank": row["rank"], "repeated": id(row) not in first, "cells": _cells(row, one, first.get(id(row)))}
        for row, one in zip(rows, found, strict=True)
    ]


def _cells(row: Mapping[str, str], found: list[Interaction], copies: int | None) -> dict[str, str]:
    digits = {"vina_score": 1, "contact_score": 2, "confidence": 2, "rmsd": 2, "pocket_distance": 1}
    cells = {name: row.get(name) or "" for name, _, _ in COLUMNS}
    for name, count in digits.items():
        cells[name] = f"{float(cells[name]):.{count}f}" if cells[name] else ""
    cells["p_rmsd_under_2"] = f"{100 * float(cells['p_rmsd_under_2']):.0f} %" if cells["p_rmsd_under_2"] else ""
    cells["valid"] = {"true": "yes", "false": "no"}.get(cells["valid"], "")
    cells["copies"] = "" if copies is None else str(copies)
    cells["key_residues"] = " ".join(name.partition(":")[2] for name in key_residues(fingerprint(found)))
    return cells


def page_data(docked: DockedFolder, found: Sequence[list[Interaction]], *, whole: bool = True) -> dict[str, Any]:
    """What the page's script reads; without what the compact page has no controls for, unless whole."""
    reliability = docked.record.get("reliability", [])
    first = {row["rank"] for row, _ in distinct(docked.rows)}
    drawn = {row["rank"] for row, _ in distinct(docked.rows)[:DIAGRAMS]}
    held = Counter(
        word for row, own in zip(docked.rows, found, strict=True) if row["rank"] in first for word in fingerprint(own)
    )
    poses = zip(docked.rows, docked.mols, found, strict=True)
    return {
        "receptor": docked.receptor_pdb,
        "poses": [_pose(row, mol, own, reliability, held, drawn=row["rank"] in drawn) for row, mol, own in poses],
        "distinct": len(first),
        "frames": None if docked.frames is None or not whole else docked.frames.round(2).tolist(),
        "files": _files(docked) if whole else {},
    }


def _files(docked: DockedFolder) -> dict[str, Any]:
    """What can be saved from the page; the scene's structures are filled in by the script."""
    return {
        "results.csv": (docked.path / "results.csv").read_text(encoding="utf-8"),
        "view.pml": pymol_text(docked),
        "view.cxc": chimerax_text(docked),
        "view.mvsj": scene(docked, inline=False),
    }


def _pose(
    row: Mapping[str, str],
    mol: Chem.Mol,
    found: list[Interaction],
    reliability: Reliabilities,
    held: Mapping[str, int],
    *,
    drawn: bool,
) -> dict[str, Any]:
    """A pose as the script reads it; `held` says how many distinct poses have a word of a fingerprint."""
    return {
        "rank": int(row["rank"]),
        "sdf": Chem.MolToMolBlock(mol, kekulize=True),
        "tags": {name: value for name, value in row.items() if value},
        "mode": int(row["mode"]) if row.get("mode") else None,
        "confidence": float(row["confidence"]) if row.get("confidence") else None,
        "latents": (row.get("latents") or "").split(),
        "trust": trust(row, reliability),
        "interactions": [{**asdict(one), "poses": max(1, held[word(one)])} for one in found],
        "residues": list(key_residues(fingerprint(found), 8)),
        "diagram": str(diagram(mol, found)) if drawn else "",
    }


def _facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Inputs, checkpoint and settings."""
    inputs, given = record["inputs"], record["settings"]
    facts = {
        "Protein": inputs["protein"]["path"],
        "Ligand": inputs["ligand"]["given"],
        "Checkpoint": f"{record['checkpoint']['directory']} ({record['checkpoint']['sha256'][:12]})",
        "Device": record["resolved"]["device"],
        "Docking": f"{record['timings_seconds'].get('docking', 0):.1f} s",
        **{name.replace("_", " "): value for name, value in given.items() if value not in (None, [], False)},
    }
    return [(str(name), _fact(value)) for name, value in facts.items()]


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_fact(item)}" for key, item in value.items() if item not in (None, []))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
