"""Clash counts against a naive loop, distances and node names."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.docking.clashes import (
    CLASH_FRACTION,
    METAL_CLASH_DISTANCE,
    Obstacles,
    atom_label,
    centroid_distances,
    clash_counts,
    node_labels,
    obstacles,
    vdw_radius,
)


def naive(mol, pos, around):
    counts = []
    for pose in pos:
        clashing = 0
        for atom, where in zip(mol.GetAtoms(), pose, strict=True):
            for other, radius, metal in zip(*around, strict=True):
                limit = METAL_CLASH_DISTANCE if metal else CLASH_FRACTION * (vdw_radius(atom.GetSymbol()) + radius)
                if np.linalg.norm(where - other) < limit:
                    clashing += 1
                    break
        counts.append(clashing)
    return counts


def test_clash_counts_agree_with_a_loop():
    rng = np.random.default_rng(0)
    mol = Chem.MolFromSmiles("CC(=O)Nc1ccc(Br)cc1")
    pos = rng.normal(scale=4, size=(6, mol.GetNumAtoms(), 3))
    around = Obstacles(rng.normal(scale=6, size=(80, 3)), rng.choice([1.52, 1.55, 1.7, 1.8], 80), rng.random(80) < 0.2)
    counts = clash_counts(mol, pos, around)
    assert counts.tolist() == naive(mol, pos, around)
    assert 0 < counts.sum() < pos.shape[0] * pos.shape[1]


def test_threshold_and_metal_rule():
    mol = Chem.MolFromSmiles("CO")
    carbon = np.array([[0.0, 0, 0]])
    pos = np.array([[[2.50, 0, 0], [9, 0, 0]], [[2.60, 0, 0], [9, 0, 0]]])
    assert clash_counts(mol, pos, Obstacles(carbon, np.array([1.7]), np.array([False]))).tolist() == [1, 0]
    assert clash_counts(mol, pos - [0.6, 0, 0], Obstacles(carbon, np.array([2.4]), np.array([True]))).tolist() == [0, 0]


def test_no_obstacles():
    empty = Obstacles(np.zeros((0, 3)), np.zeros(0), np.zeros(0, dtype=bool))
    assert clash_counts(Chem.MolFromSmiles("C"), np.zeros((2, 1, 3)), empty).tolist() == [0, 0]


def test_obstacles_are_the_heavy_atoms_of_what_is_kept():
    group = SimpleNamespace
    receptor = SimpleNamespace(
        atom_pos=np.zeros((2, 3)),
        atom_elements=("C", "H"),
        kept_groups=[
            group(kind="metal", elements=("ZN",), pos=np.ones((1, 3))),
            group(kind="cofactor", elements=("P", "O"), pos=np.ones((2, 3))),
        ],
    )
    around = obstacles(receptor)  # pyright: ignore[reportArgumentType]
    assert around.metal.tolist() == [False, True, False, False]
    assert around.radii[0] == pytest.approx(1.7)


def test_unknown_element_has_a_radius():
    assert vdw_radius("Xx") == 1.7


def test_centroid_distances():
    pos = np.array([[[0.0, 0, 0], [2, 0, 0]], [[1.0, 3, 0], [1, 5, 0]]])
    np.testing.assert_allclose(centroid_distances(pos, np.array([1.0, 0, 0])), [0, 4])


def test_node_labels():
    mol = Chem.MolFromSmiles("CCO")
    receptor = SimpleNamespace(label=lambda index: ("A:GLY1", "A:ASP2")[index])
    assert atom_label(mol, 2) == "lig:O3"
    assert node_labels(mol, receptor, np.array([2, 4])) == ("lig:O3", "A:ASP2")  # pyright: ignore[reportArgumentType]
