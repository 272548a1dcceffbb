"""Docked poses in the form of NVIDIA's DiffDock NIM, made where RDKit is loaded."""

from __future__ import annotations

from pathlib import Path

from rdkit import Chem

from disco_dock.docking.runs.outputs import TRAJECTORY
from disco_dock.report.folder import read_folder
from disco_dock.runtime.tables import write_json
from disco_dock.server.records import NIM_POSES


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
    confidence = [float(row["confidence"]) if row["confidence"] else None for row in docked.rows]
    write_json(
        folder / NIM_POSES,
        {
            "ligand_positions": positions,
            "position_confidence": confidence,
            "trajectory": [first] + [""] * (len(positions) - 1),
        },
    )
