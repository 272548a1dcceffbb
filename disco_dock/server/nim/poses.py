"""Docked poses in the form of NVIDIA's DiffDock NIM, made where RDKit is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from rdkit import Chem

from disco_dock.docking.runs.outputs import TRAJECTORY
from disco_dock.report.folder import read_folder
from disco_dock.runtime.tables import write_json
from disco_dock.server.records import NIM_POSES


def ranking_scores(rows: Sequence[Mapping[str, str]]) -> list[float | None]:
    """The score by which the poses of a table are ranked, so that clients who sort by it keep the order.

    That is the contact score, less the Vina energy, or the confidence: the first of them that falls from pose to pose.
    """
    for column, sign in (("contact_score", 1.0), ("vina_score", -1.0), ("confidence", 1.0)):
        values = [sign * float(row[column]) if row.get(column) else None for row in rows]
        known = [value for value in values if value is not None]
        if len(known) == len(values) and all(a >= b for a, b in pairwise(known)):
            return values
    return [float(row["confidence"]) if row.get("confidence") else None for row in rows]


def write_poses(folder: Path) -> None:
    """Write `nim.json` beside the results of a complex: SDF texts of heavy atoms, confidences and trajectories.

    Raises:
        InputError: the folder does not hold the results of one complex.
    """
    docked = read_folder(folder)
    positions = []
    for rank, mol in enumerate(docked.mols, start=1):
        heavy = Chem.RemoveHs(mol)
        heavy.SetProp("_Name", f"rank{rank}")
        positions.append(f"{Chem.MolToMolBlock(heavy)}$$$$\n")
    frames = folder / TRAJECTORY
    first = frames.read_text(encoding="utf-8") if frames.is_file() else ""
    confidence = ranking_scores(docked.rows)
    write_json(
        folder / NIM_POSES,
        {
            "ligand_positions": positions,
            "position_confidence": confidence,
            "trajectory": [first] + [""] * (len(positions) - 1),
        },
    )
