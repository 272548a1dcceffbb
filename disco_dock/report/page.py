"""The report: one HTML file with everything inside."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from rdkit import Chem

from disco_dock.interactions.find import find_interactions
from disco_dock.interactions.pocket import PocketContacts
from disco_dock.report import sections
from disco_dock.report.depiction import depict
from disco_dock.report.folder import DockedFolder, read_folder
from disco_dock.report.trust import Reliabilities, trust
from disco_dock.runtime.files import atomic_write

REPORT = "report.html"
DETAILS = ("depiction", "validity", "modes", "pocket", "settings")


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
    """The page as text; `compact` shows only view, poses, confidence and interactions."""
    record, rows = docked.record, docked.rows
    ligand = record["inputs"]["ligand"]
    poses = len(rows)
    return Template(_asset("report.html")).substitute(
        classes="compact" if compact else "full",
        title=escape(record["name"]),
        subtitle=escape(
            f"{poses} {'pose' if poses == 1 else 'poses'} of {Path(ligand['given']).name} in "
            f"{Path(record['inputs']['protein']['path']).name}, {len(docked.receptor.restype)} residues"
        ),
        css=_asset("report.css"),
        warnings=sections.warnings(record["notes"]),
        movie=sections.movie(0 if docked.frames is None else len(docked.frames)),
        mode_filter=sections.mode_filter(record["modes"]),
        pose_table=sections.pose_table(rows),
        trust=(
            sections.GIVEN_POSES
            if "given" in record
            else sections.trust_card(
                bool(rows[0].get("p_rmsd_under_2")), bool(rows[0].get("confidence")), record.get("reliability", [])
            )
        )
        + sections.novelty_text(record.get("novelty")),
        **(dict.fromkeys(DETAILS, "") if compact else _details(docked)),
        smiles="" if compact else escape(ligand["smiles"]),
        version=escape(record["versions"].get("disco-dock", "")),
        data=_json(page_data(docked)),
        license=_asset("3Dmol-LICENSE.txt").replace("*/", "* /"),
        library=_asset("3Dmol-min.js"),
        script=_asset("report.js"),
    )


def _details(docked: DockedFolder) -> dict[str, str]:
    """The cards that a compact page leaves out."""
    record, names = docked.record, docked.rows[0].get("latents") or ""
    marked = [int(number) - 1 for number in re.findall(r"lig:[A-Za-z]*(\d+)", names)]
    light, dark = (depict(docked.mols[0], marked, dark=value) for value in (False, True))
    cards = (
        f'<div class="for-light">{light}</div><div class="for-dark">{dark}</div>',
        sections.validity_card(docked.rows, record.get("validity")),
        sections.modes_card(record["modes"], bool(record["settings"]["modes"])),
        sections.pocket_card(record["pocket_suggestion"]),
        sections.settings_card(record),
    )
    return dict(zip(DETAILS, cards, strict=True))


def page_data(docked: DockedFolder) -> dict[str, Any]:
    """What the page's script reads."""
    pocket = PocketContacts(docked.receptor)
    reliability = docked.record.get("reliability", [])  # older folders have none
    return {
        "receptor": docked.receptor_pdb,
        "poses": [_pose(row, mol, pocket, reliability) for row, mol in zip(docked.rows, docked.mols, strict=True)],
        "frames": None if docked.frames is None else docked.frames.round(2).tolist(),
    }


def _pose(row: Mapping[str, str], mol: Chem.Mol, pocket: PocketContacts, reliability: Reliabilities) -> dict[str, Any]:
    return {
        "rank": int(row["rank"]),
        "sdf": Chem.MolToMolBlock(mol, kekulize=True),
        "mode": int(row["mode"]) if row.get("mode") else None,
        "confidence": float(row["confidence"]) if row.get("confidence") else None,
        "latents": (row.get("latents") or "").split(),
        "trust": trust(row, reliability),
        "interactions": [asdict(one) for one in find_interactions(mol, pocket)],
    }


def _json(data: Mapping[str, Any]) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


@cache
def _asset(name: str) -> str:
    return (resources.files("disco_dock.report") / "assets" / name).read_text(encoding="utf-8")
