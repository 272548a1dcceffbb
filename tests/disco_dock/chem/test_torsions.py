"""Rotatable bonds: hand-counted molecules, a naive second implementation, golden vectors."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from disco_dock.chem.ligand_features import bond_edges
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.torsions import rotatable_bonds
from tests.support.golden import load_golden


@pytest.mark.parametrize(
    ("smiles", "count"),
    [
        ("CC", 0),
        ("CCC", 0),  # terminal atoms do not count
        ("CCCC", 1),
        ("CC=CC", 0),  # double bonds keep their configuration
        ("CC(=O)NC", 1),  # and amides
        ("CC(C)(C)C", 0),
        ("c1ccccc1", 0),
        ("c1ccc(cc1)-c1ccccc1", 1),
        ("C1CCCCCCCCCCCCC1", 0),  # macrocycle
        ("C1CCCCCCCCCCCCC1CC", 1),
        ("CC(=O)Oc1ccccc1C(=O)O", 3),
        ("CC#CC", 1),
        ("C" * 120, 117),
    ],
)
def test_hand_counted(smiles, count):
    torsions = rotatable_bonds(read_ligand(smiles).mol)
    num_atoms = read_ligand(smiles).num_atoms
    assert torsions.bonds.shape == (count, 2) and torsions.bonds.dtype == np.int64
    assert torsions.moved.shape == (count, num_atoms) and torsions.moved.dtype == bool
    assert torsions.edges.shape == (count,)


def test_double_bonds_rotate_when_asked_as_published():
    mol = read_ligand("CCC=CCC").mol
    assert len(rotatable_bonds(mol).bonds) == 2 and len(rotatable_bonds(mol, double_bonds=True).bonds) == 3


def test_butane_by_hand_moves_the_half_of_the_first_atom():
    torsions = rotatable_bonds(read_ligand("CCCC").mol)
    assert torsions.bonds.tolist() == [[2, 1]]
    assert torsions.moved.tolist() == [[True, True, False, False]]
    assert torsions.edges.tolist() == [3]


def naive(mol: Chem.Mol) -> tuple[list[tuple[int, int]], list[list[bool]], list[int]]:
    """The published rule, cut by cut with networkx."""
    graph = networkx.Graph()
    graph.add_nodes_from(range(mol.GetNumAtoms()))
    index, _ = bond_edges(mol)
    graph.add_edges_from(index.T.tolist())
    bonds, moved, edges = [], [], []
    for column in range(0, index.shape[1], 2):
        begin, end = index[:, column].tolist()
        cut = graph.copy()
        cut.remove_edge(begin, end)
        parts = sorted(networkx.connected_components(cut), key=len)
        if len(parts) == 1 or len(parts[0]) < 2:
            continue
        forward = end in parts[0]
        bonds.append((begin, end) if forward else (end, begin))
        moved.append([atom in parts[0] for atom in range(mol.GetNumAtoms())])
        edges.append(column if forward else column + 1)
    return bonds, moved, edges


SMILES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "OC(=O)CCCCC1SCC2NC(=O)NC12",
    "CCCCCC",
    "C1CC1CC1CC1CCC(C(C)C)CC",
]


@given(st.sampled_from(SMILES), st.randoms(use_true_random=False))
def test_agrees_with_cutting_every_bond_for_any_atom_order(smiles, random):
    mol = Chem.MolFromSmiles(smiles)
    order = list(range(mol.GetNumAtoms()))
    random.shuffle(order)
    mol = Chem.RenumberAtoms(mol, order)
    torsions = rotatable_bonds(mol)
    bonds, moved, edges = naive(mol)
    assert torsions.bonds.tolist() == [list(bond) for bond in bonds]
    assert torsions.moved.tolist() == moved
    assert torsions.edges.tolist() == edges


@pytest.mark.parametrize("name", ["6moa", "6w70", "1a0q"])
def test_golden(golden_dir, name):
    golden = load_golden(f"graph_{name}.npz")
    mol = read_ligand(golden_dir / "inputs" / f"{name}_ligand.sdf").mol
    mol.RemoveAllConformers()  # the published code turns the axis of 6moa, which a pose would hold
    torsions = rotatable_bonds(mol)
    np.testing.assert_array_equal(torsions.moved, golden["lig_mask_rotate"])
    mask = np.zeros(2 * mol.GetNumBonds(), dtype=bool)
    mask[torsions.edges] = True
    np.testing.assert_array_equal(mask, golden["lig_edge_mask"])
    index, _ = bond_edges(mol)
    np.testing.assert_array_equal(index[:, mask].T, torsions.bonds)


def test_golden_of_a_pose_turns_all_but_the_atropisomers_axis(golden_dir):
    golden = load_golden("graph_6moa.npz")
    mol = read_ligand(golden_dir / "inputs" / "6moa_ligand.sdf").mol
    assert len(rotatable_bonds(mol).bonds) == len(golden["lig_mask_rotate"]) - 1
    np.testing.assert_array_equal(rotatable_bonds(mol, double_bonds=True).moved, golden["lig_mask_rotate"])


def test_golden_from_mol2(golden_dir):
    golden = load_golden("graph_1a0q.npz")
    mol = read_ligand(golden_dir / "inputs" / "1a0q_ligand.mol2").mol
    np.testing.assert_array_equal(rotatable_bonds(mol, double_bonds=True).moved, golden["lig_mask_rotate"])
