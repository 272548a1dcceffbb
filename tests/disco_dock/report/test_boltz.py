"""Boltz's input for a pose's pocket."""

from __future__ import annotations

import numpy as np
import pytest

from disco_dock.chem.read_receptor import read_receptor
from disco_dock.report.boltz import boltz_input
from disco_dock.runtime.errors import InputError


def test_sequence_ligand_and_pocket(peptide):
    receptor = read_receptor(peptide)
    third = receptor.atom_pos[receptor.atom_residue == 2]
    content = boltz_input(receptor, "CCO", third + 0.5)
    protein, ligand = content["sequences"]
    assert len(protein["protein"]["sequence"]) == 10 and protein["protein"]["id"] == receptor.chains[0]
    assert ligand["ligand"]["smiles"] == "CCO" and ligand["ligand"]["id"] not in receptor.chains
    pocket = content["constraints"][0]["pocket"]
    assert pocket["binder"] == ligand["ligand"]["id"] and [receptor.chains[0], 3] in pocket["contacts"]
    for _, number in pocket["contacts"]:
        own = receptor.atom_pos[receptor.atom_residue == number - 1]
        assert np.linalg.norm(own[:, None] - third - 0.5, axis=-1).min() <= 6.0
    with pytest.raises(InputError, match="no residue within"):
        boltz_input(receptor, "CCO", third + 500.0)
