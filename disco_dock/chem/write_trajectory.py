"""The steps of a pose as a PDB file of many models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rdkit import Chem

from disco_dock.runtime.files import atomic_write

RESIDUE = "LIG"


def write_trajectory_pdb(path: str | Path, mol: Chem.Mol, frames: np.ndarray) -> None:
    """Write one MODEL per frame, with the bonds of the ligand after the last.

    Args:
        path: file to write, atomically.
        mol: ligand of L heavy atoms, at most 9999.
        frames: (frames, L, 3) in Angstrom.
    """
    with atomic_write(Path(path), "w") as file:
        file.writelines(line + "\n" for line in _lines(mol, frames))


def _lines(mol: Chem.Mol, frames: np.ndarray) -> Iterator[str]:
    symbols = [atom.GetSymbol() for atom in mol.GetAtoms()]
    names = [f"{symbol}{number}"[:4] for number, symbol in enumerate(symbols, start=1)]
    yield "REMARK   1 REVERSE DIFFUSION OF A POSE WRITTEN BY DISCO-DOCK, FROM NOISE TO THE POSE"
    for model, pos in enumerate(frames, start=1):
        yield f"MODEL     {model:4d}"
        for serial, (name, symbol, (x, y, z)) in enumerate(zip(names, symbols, pos.tolist(), strict=True), start=1):
            padded = f" {name:<3}" if len(symbol) == 1 and len(name) < 4 else f"{name:<4}"
            yield (
                f"HETATM{serial:5d} {padded} {RESIDUE} L   1    "
                f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {symbol.upper():>2}"
            )
        yield "ENDMDL"
    for atom in mol.GetAtoms():
        bonded = sorted(other.GetIdx() + 1 for other in atom.GetNeighbors())
        for start in range(0, len(bonded), 4):
            yield f"CONECT{atom.GetIdx() + 1:5d}" + "".join(f"{other:5d}" for other in bonded[start : start + 4])
    yield "END"
