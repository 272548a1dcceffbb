"""Strain by MMFF94s."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from disco_dock.chem.conformers import embed
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.physics.mmff import for_each_pose, strain
from tests.disco_dock.physics.examples import example


@pytest.mark.parametrize("smiles", ["CCCC(=O)N", "FC(F)(F)C(F)(F)F"])
def test_strain_is_above_the_free_minimum_with_and_without_hydrogens(smiles):
    ligand = read_ligand(smiles)
    pos = embed(ligand.mol, seed=0).pos
    near, far = strain(ligand, pos), strain(ligand, 1.1 * pos)
    assert near is not None and far is not None
    assert -1e-3 <= near < far


def test_elements_without_parameters_have_no_strain():
    ligand = read_ligand("C[Se]C")
    assert strain(ligand, embed(ligand.mol, seed=0).pos) is None


def test_threads_change_no_strain():
    _, ligand = example("1uou")
    start = ligand.pos + np.random.default_rng(0).normal(scale=0.05, size=(5, *ligand.pos.shape))
    before, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(for_each_pose(partial(strain, ligand), start))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] == found[2] and len(set(found[0])) == 5 and None not in found[0]
