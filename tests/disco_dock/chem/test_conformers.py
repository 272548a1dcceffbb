"""Embedding: stereo is always the molecule's, seeds reproduce, the ladder falls through and records its rung."""

from __future__ import annotations

import time

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from disco_dock.chem import conformers
from disco_dock.chem.conformers import embed
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.stereo import signature_from_pose, stereo_signature
from disco_dock.runtime.errors import InputError

STEREO = [
    "C[C@H](N)C(=O)O",
    "C[C@@H](N)C(=O)O",
    "C/C=C\\C",
    "C/C=C/C",
    "C[S@](=O)c1ccccc1",
    "O[C@H]1[C@H](O)[C@@H](O)CO1",
]


@pytest.mark.parametrize("smiles", STEREO)
def test_stereo_is_the_molecules(smiles):
    mol = read_ligand(smiles).mol
    for seed in range(3):
        conformer = embed(mol, seed=seed)
        assert conformer.rung == "etkdg"
        assert signature_from_pose(mol, conformer.pos) == stereo_signature(mol)


def test_bond_lengths_are_chemical_and_only_heavy_atoms_return():
    mol = read_ligand("CC(=O)Oc1ccccc1C(=O)O").mol
    conformer = embed(mol, seed=0)
    assert conformer.pos.shape == (13, 3) and conformer.pos.dtype == np.float64
    ends = np.array([(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()])
    lengths = np.linalg.norm(conformer.pos[ends[:, 0]] - conformer.pos[ends[:, 1]], axis=1)
    assert 1.1 < lengths.min() and lengths.max() < 1.65
    assert mol.GetNumConformers() == 0  # the argument is left as it was
    assert 0 < conformer.seconds < 30


def test_same_seed_same_conformer_and_other_seed_another():
    mol = read_ligand("CCCCCCO").mol
    np.testing.assert_array_equal(embed(mol, seed=5).pos, embed(mol, seed=5).pos)
    assert np.abs(embed(mol, seed=5).pos - embed(mol, seed=6).pos).max() > 0.1
    embed(mol, seed=2**63 - 1)
    embed(mol, seed=-1)


@pytest.mark.parametrize(
    "smiles",
    [
        "C1CCCCCCCCCCCCCCC1",
        "CC[C@H](C)[C@@H]1NC(=O)[C@H](C)NC(=O)CNC(=O)[C@H](CC(C)C)NC1=O",
        "c1ccc2c(c1)c1ccccc1c1ccccc21",
        "CC",
        "C[C@@H](C(=O)N[C@@H](CO)C(=O)NCC(=O)N[C@@H](C)C(=O)O)N",
    ],
)
def test_macrocycles_rigid_and_flexible_ligands(smiles):
    mol = read_ligand(smiles).mol
    assert signature_from_pose(mol, embed(mol, seed=0).pos) == stereo_signature(mol)


def test_more_than_a_hundred_heavy_atoms():
    mol = Chem.MolFromSequence("GASGAGSAGGASGAGSAGGASGAG")
    mol = read_ligand(Chem.MolToSmiles(mol)).mol
    assert mol.GetNumAtoms() > 100
    assert embed(mol, seed=0).pos.shape == (mol.GetNumAtoms(), 3)


def test_the_ladder_falls_through_to_the_next_rung(monkeypatch):
    tried = []
    real = conformers._attempt

    def fail_first(full, mol, parameters, seconds):
        tried.append(parameters.useRandomCoords)
        return real(full, mol, parameters, seconds) if parameters.useRandomCoords else (None, 0.0)

    monkeypatch.setattr(conformers, "_attempt", fail_first)
    assert embed(read_ligand("CCCO").mol, seed=0).rung == "random-coordinates"
    assert tried == [False, True]


def test_relaxed_settings_are_tried_until_the_stereo_is_right(monkeypatch):
    real = conformers._attempt
    monkeypatch.setattr(
        conformers, "_attempt", lambda full, mol, p, s: (None, 0.0) if p.enforceChirality else real(full, mol, p, s)
    )
    for smiles in STEREO[:4]:
        mol = read_ligand(smiles).mol
        conformer = embed(mol, seed=0)
        assert conformer.rung == "relaxed"
        assert signature_from_pose(mol, conformer.pos) == stereo_signature(mol)


def test_input_coordinates_are_the_last_resort_only_with_the_right_stereo(monkeypatch, tmp_path):
    full = Chem.AddHs(Chem.MolFromSmiles("C[C@H](N)C(=O)O"))
    rdDistGeom.EmbedMolecule(full, randomSeed=1)
    (tmp_path / "a.mol").write_text(Chem.MolToMolBlock(full))
    ligand = read_ligand(tmp_path / "a.mol")
    monkeypatch.setattr(conformers, "_attempt", lambda *args: (None, 0.0))
    conformer = embed(ligand.mol, seed=0)
    assert conformer.rung == "input"
    np.testing.assert_array_equal(conformer.pos, ligand.pos)
    mirrored = Chem.Mol(ligand.mol)
    mirrored.GetConformer().SetPositions(ligand.mol.GetConformer().GetPositions() * [1.0, 1.0, -1.0])
    with pytest.raises(InputError, match=r"no 3-D conformer of C\[C@H\]"):
        embed(mirrored, seed=0)


def test_an_impossible_molecule_is_refused_in_time_or_has_the_right_stereo():
    mol = read_ligand("OC1=CC=C2[C@]34CCN(CC5CC5)[C@H](C3)Cc2c14").mol  # a bridge on the wrong face
    start = time.thread_time()
    try:
        conformer = embed(mol, seed=0, time_limit=1.0)
    except InputError as error:
        assert "could be built within 1 s" in str(error)
    else:
        assert signature_from_pose(mol, conformer.pos) == stereo_signature(mol)
    assert time.thread_time() - start < 8.0


def test_nothing_reaches_standard_error(capfd):
    embed(read_ligand("CB(O)O").mol, seed=0)
    embed(read_ligand("C[Si](C)(C)[Se]C").mol, seed=0)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("smiles", ["OC1CC2C(C1)C2(C)C", "CC(=O)N1CC2C(C1C(N)=O)C2(C)C"])
@pytest.mark.parametrize("seed", range(3))
def test_open_centres_get_no_impossible_fusion(smiles, seed):
    """A three-membered ring on a five-membered one is fused cis: its neighbours lie on one side of its plane."""
    mol = read_ligand(smiles).mol
    pos = embed(mol, seed=seed).pos
    small = next(ring for ring in mol.GetRingInfo().AtomRings() if len(ring) == 3)
    normal = np.cross(pos[small[1]] - pos[small[0]], pos[small[2]] - pos[small[0]])
    large = next(ring for ring in mol.GetRingInfo().AtomRings() if len(ring) == 5)
    beside = [
        other.GetIdx()
        for atom in set(small) & set(large)
        for other in mol.GetAtomWithIdx(atom).GetNeighbors()
        if other.GetIdx() in large and other.GetIdx() not in small
    ]
    sides = [np.sign((pos[other] - pos[small[0]]) @ normal) for other in beside]
    assert len(sides) == 2 and sides[0] == sides[1]


def test_a_busy_machine_changes_no_conformer(monkeypatch):
    """The clock on the wall runs ten times as fast as the processor's: RDKit gives up, and is asked again."""
    mol = read_ligand("CCCCC(=O)NC1CCCC1").mol
    free = embed(mol, seed=5).pos
    real, calls = rdDistGeom.EmbedMolecule, []

    def slow(full, parameters):
        calls.append(parameters.timeout)
        return -1 if len(calls) < 2 else real(full, parameters)

    clock = iter(range(0, 10**6, 1000))
    monkeypatch.setattr(conformers.rdDistGeom, "EmbedMolecule", slow)
    monkeypatch.setattr(conformers.time, "perf_counter", lambda: float(next(clock)))
    busy = embed(mol, seed=5)
    assert busy.rung == "etkdg" and calls == sorted(set(calls))
    np.testing.assert_array_equal(busy.pos, free)
