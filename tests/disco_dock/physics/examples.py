"""The bundled complexes, each read once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor import Receptor

FOLDER = Path(__file__).parents[3] / "data" / "examples"
EXAMPLES = ("1g9v", "1ia1", "1s3v", "1uou")


@lru_cache(maxsize=4)
def example(name: str) -> tuple[Receptor, Ligand]:
    """Receptor and ligand with its crystal pose."""
    protein = next((FOLDER / name).glob("protein.pdb*"))
    return read_receptor(protein), read_ligand(str(FOLDER / name / "ligand.sdf"))
