"""A small folder of made-up complexes with real file formats: a peptide and a ligand beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDistGeom
from rdkit.Geometry import Point3D

from disco_dock.docking.runs.self_test import write_peptide

LIGANDS = ("CC(=O)Nc1ccc(O)cc1", "CCOC(=O)c1ccccc1", "OCC(N)Cc1ccncc1")


def write_ligand(path: Path, smiles: str, center: np.ndarray) -> None:
    """Write a ligand with its centroid at a point, as SDF."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=7) == 0
    mol = Chem.RemoveHs(mol)
    conformer = mol.GetConformer()
    pos = conformer.GetPositions()
    for index, point in enumerate(pos - pos.mean(0) + center):
        conformer.SetAtomPosition(index, Point3D(*map(float, point)))
    Chem.MolToMolFile(mol, str(path))


def write_complexes(root: Path) -> list[str]:
    """Write one folder per complex and return their names."""
    names = []
    for number, smiles in enumerate(LIGANDS):
        folder = root / f"made{number}"
        folder.mkdir(parents=True)
        write_peptide(folder / "protein.pdb")
        lines = (folder / "protein.pdb").read_text().splitlines()
        atoms = [line for line in lines if line.startswith("ATOM")]
        pos = np.array([[float(line[start : start + 8]) for start in (30, 38, 46)] for line in atoms])
        write_ligand(folder / "ligand.sdf", smiles, pos.mean(0) + (6.0, 0.0, float(number)))
        names.append(folder.name)
    return names
