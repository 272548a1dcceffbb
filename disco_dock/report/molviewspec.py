"""A scene for Mol* in the MolViewSpec format, with receptor and poses inside the file.

Source: MolViewSpec 1.x, https://molstar.org/mol-view-spec-docs/.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from rdkit import Chem

from disco_dock.interactions.find import find_interactions
from disco_dock.interactions.fingerprint import fingerprint, key_residues
from disco_dock.interactions.pocket import PocketContacts
from disco_dock.report.folder import DockedFolder
from disco_dock.report.scripts import residue_place
from disco_dock.runtime.files import atomic_write

SCENE = "view.mvsj"


def write_molviewspec(docked: DockedFolder) -> Path:
    """Write `view.mvsj` beside the results and return its path; molstar.org/viewer opens it by drag and drop."""
    path = docked.path / SCENE
    with atomic_write(path, "w") as file:
        json.dump(scene(docked), file, indent=1)
    return path


def scene(docked: DockedFolder, *, inline: bool = True) -> dict[str, Any]:
    """The scene: cartoon, the first pose, the residues that hold it with their names.

    Args:
        docked: the folder.
        inline: whether the structures are inside; "receptor" and "pose" stand in their places otherwise.
    """
    pose = docked.mols[0]
    pocket = PocketContacts(docked.receptor, pose.GetConformer().GetPositions())
    residues = key_residues(fingerprint(find_interactions(pose, pocket)), 6)
    receptor = _structure(
        docked.receptor_pdb if inline else "",
        "receptor",
        "pdb",
        [
            _component("polymer", [_representation("cartoon", "#b4c0cc")]),
            _component("ligand", [_representation("ball_and_stick", "#7c3aed")]),
            _component("ion", [_representation("ball_and_stick", "#7c3aed")]),
            *(_residue(name) for name in residues),
        ],
    )
    ligand = _structure(
        Chem.MolToMolBlock(pose) if inline else "",
        "pose",
        "mol",
        [_component("all", [_representation("ball_and_stick", "#0d9488")], focus=True)],
    )
    return {
        "kind": "single",
        "root": {"kind": "root", "children": [receptor, ligand]},
        "metadata": {
            "version": "1",
            "timestamp": "1970-01-01T00:00:00.000000+00:00",
            "title": str(docked.record["name"]),
            "description": "The first-ranked pose of disco-dock and the residues that hold it.",
        },
    }


def _structure(text: str, name: str, kind: str, children: list[dict[str, Any]]) -> dict[str, Any]:
    data = f"data:text/plain;base64,{base64.b64encode(text.encode()).decode()}" if text else name
    structure = {"kind": "structure", "params": {"type": "model"}, "children": children}
    parse = {"kind": "parse", "params": {"format": kind}, "children": [structure]}
    return {"kind": "download", "params": {"url": data}, "children": [parse]}


def _component(selector: Any, children: list[dict[str, Any]], *, focus: bool = False) -> dict[str, Any]:
    extra = [{"kind": "focus", "params": {}}] if focus else []
    return {"kind": "component", "params": {"selector": selector}, "children": [*children, *extra]}


def _representation(kind: str, color: str) -> dict[str, Any]:
    return {
        "kind": "representation",
        "params": {"type": kind},
        "children": [{"kind": "color", "params": {"color": color}}],
    }


def _residue(name: str) -> dict[str, Any]:
    chain, number, insertion = residue_place(name)
    selector = {"auth_asym_id": chain, "auth_seq_id": number}
    if insertion:
        selector["pdbx_PDB_ins_code"] = insertion
    label = {"kind": "label", "params": {"text": name.partition(":")[2]}}
    return _component(selector, [_representation("ball_and_stick", "#f59e0b"), label])
