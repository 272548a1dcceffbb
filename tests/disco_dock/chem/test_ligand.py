"""The Ligand record: what it holds and that it cannot be changed."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from disco_dock.chem.ligand import LigandFailure
from disco_dock.chem.ligands.read_ligand import read_ligand


def test_counts_heavy_atoms_and_gives_canonical_smiles():
    ligand = read_ligand("OCC ethanol")
    assert (ligand.num_atoms, ligand.smiles, ligand.name, ligand.index_in_file) == (3, "CCO", "ethanol", 0)
    assert ligand.pos is None
    assert ligand.mol.GetNumConformers() == 0


def test_is_frozen():
    ligand = read_ligand("CCO")
    with pytest.raises(FrozenInstanceError):
        ligand.name = "other"  # type: ignore[misc]
    failure = LigandFailure(source="a.sdf", index=0, name="x", message="no")
    with pytest.raises(FrozenInstanceError):
        failure.message = "yes"  # type: ignore[misc]
