"""A molecule laid over the pose of another one."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.chem.common_core import core_matches, laid_over
from disco_dock.chem.conformers import embed
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.stereo import stereo_kept
from disco_dock.runtime.errors import InputError


def posed(smiles):
    mol = read_ligand(smiles).mol
    pos = embed(mol, seed=1).pos + [10.0, 20.0, 30.0]
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions(np.ascontiguousarray(pos))
    mol.AddConformer(conformer)
    return mol, pos


def test_the_core_lies_where_it_is_in_the_known_pose():
    known, there = posed("CC(=O)Nc1ccc(O)cc1")
    mol = read_ligand("C[C@@H](F)C(=O)Nc1ccc(OC)cc1").mol
    core = core_matches(mol, known)[0]
    assert len(core) == 11
    pos, rmsd = laid_over(mol, known, core, seed=5)
    own, others = np.array(core).T
    assert rmsd < 0.5
    assert np.sqrt(((pos[own] - there[others]) ** 2).sum(1).mean()) == pytest.approx(rmsd, abs=1e-6)
    assert stereo_kept(mol, pos)
    np.testing.assert_array_equal(laid_over(mol, known, core, seed=5)[0], pos)
    assert np.abs(laid_over(mol, known, core, seed=6)[0] - pos).max() > 1e-3


def test_a_symmetric_core_lies_in_more_than_one_way():
    known, _ = posed("c1ccccc1CC(=O)NC")
    ways = core_matches(read_ligand("Clc1cccc(CC(=O)NC)c1").mol, known)
    assert len(ways) == 2 and len({way[0] for way in ways}) <= 2
    assert all(sorted(other for _, other in way) == list(range(11)) for way in ways)


@pytest.mark.parametrize(
    ("smiles", "shared"), [("CCCCCC(N)=O", "share"), ("O=C(O)c1ccccc1CCCCCCCCCCCCCC", "share"), ("CC", "share")]
)
def test_too_small_a_core_is_refused(smiles, shared):
    known, _ = posed("Nc1nc(N)c2cc(CNc3cc(OC)c(OC)c(OC)c3)ccc2n1")
    with pytest.raises(InputError, match=f"another molecule .* {shared}"):
        core_matches(read_ligand(smiles).mol, known)
