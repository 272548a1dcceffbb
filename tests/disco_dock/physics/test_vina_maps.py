"""The search on maps: the lattice has the energy, minima are distinct, and company and threads change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.kernels.compiled import available
from disco_dock.physics.search_settings import Basins, SearchSettings, Sphere
from disco_dock.physics.vina_ligand import vina_ligand
from disco_dock.physics.vina_maps import ReceptorMaps, fragment_tree
from disco_dock.physics.vina_scorer import VinaField, VinaScorer
from tests.disco_dock.physics.examples import example
from tests.disco_dock.physics.test_search import energy, scorer
from tests.disco_dock.physics.test_vina_energy import poses

compiled = pytest.mark.skipif(not available(), reason="no C compiler")
SHORT = SearchSettings(moves=10)


@compiled
def test_the_lattice_has_the_energies_of_exact_pairs():
    """At lattice points they are the same; the values are read back from where the search has put them."""
    own = scorer()
    own.search_basins(poses("1s3v")[:2], [1, 2], SHORT)
    lattices = own.field.maps.of(own.ligand.atoms)
    assert lattices is not None
    maps, _ = lattices
    cells, side, checked = own.field.cells, maps.steps + 1, 0
    for kind, (values, filled) in enumerate(zip(maps.energy, maps.filled, strict=True)):
        for cell in np.flatnonzero(filled)[:2]:
            corner = cells.corner + 4.0 * np.array(np.unravel_index(cell, cells.shape)) + cells.origin
            for point in ((0, 0, 0), (3, 7, 1), (10, 10, 10)):
                at = corner + 0.4 * np.array(point)
                exact = atom_energy(own, at, maps.radius[kind], maps.kind[kind])
                assert values[cell, np.ravel_multi_index(point, (side,) * 3)] == pytest.approx(
                    exact, abs=2e-3, rel=1e-4
                )
                checked += 1
    assert checked >= 12


def atom_energy(own: VinaScorer, at: np.ndarray, radius: float, kind: int) -> float:
    """Vina energy of one atom in the receptor, from the torch form."""
    from disco_dock.physics.vina_energy import pose_energies
    from disco_dock.physics.vina_ligand import VinaLigand
    from disco_dock.physics.vina_terms import VinaAtoms

    atoms = VinaAtoms(np.array([radius], dtype=np.float32), np.array([kind], dtype=np.int32))
    alone = VinaLigand(
        atoms=atoms, rotors=0.0, bonds=np.zeros((0, 2), int), moved=np.zeros((0, 1), bool), pairs=np.zeros((0, 2), int)
    )
    return float(pose_energies(own.field.receptor, alone, torch.from_numpy(at[None, None])).inter)


@compiled
def test_company_and_threads_change_nothing():
    own, start = scorer(), np.concatenate([poses("1s3v") + 0.5 * k for k in range(4)])[:20]
    keep = Basins(count=3)
    together = own.search_basins(start, range(20), SHORT, keep=keep)
    fresh = scorer()  # with maps of its own
    alone = np.concatenate([fresh.search_basins(start[k : k + 1], [k], SHORT, keep=keep) for k in (0, 7, 19)])
    assert np.array_equal(together[[0, 7, 19]], alone)
    before = torch.get_num_threads()
    try:
        for count in (2, 3):
            torch.set_num_threads(count)
            assert np.array_equal(scorer().search_basins(start, range(20), SHORT, keep=keep), together)
    finally:
        torch.set_num_threads(before)
    assert not np.array_equal(together, own.search_basins(start, range(1, 21), SHORT, keep=keep))


@compiled
def test_minima_are_exact_distinct_and_in_order():
    own, start = scorer(), poses("1s3v")[:4]
    found = own.search_basins(start, range(4), SearchSettings(moves=100), keep=Basins(count=4))
    values = energy(own, found.reshape(-1, *found.shape[2:])).reshape(found.shape[:2])
    assert np.all(np.diff(values, axis=1) >= -1e-6) or np.any(found[:, 1:] == found[:, :1])
    assert np.all(values[:, 0] <= energy(own, start))
    apart = np.sqrt(((found[:, 0] - found[:, 1]) ** 2).sum(2).mean(1))
    assert np.all((apart >= 1) | (apart == 0)) and np.any(apart >= 1)
    settled = own.search(found[:, 0], range(4), SearchSettings(polish=100))
    assert np.all(energy(own, settled) > values[:, 0] - 0.2)  # nothing is left to minimise


@compiled
def test_as_deep_as_the_search_on_exact_pairs():
    own, start = scorer(), poses("1s3v")[:6]
    moves = SearchSettings(moves=60)
    exact, maps = own.search(start, range(6), moves), own.search_basins(start, range(6), moves)[:, 0]
    assert energy(own, maps).mean() < energy(own, exact).mean() + 1.0


@compiled
def test_bonds_and_angles_stay_and_a_sphere_holds_the_centroid():
    own, (_, ligand) = scorer(), example("1s3v")
    assert ligand.pos is not None
    sphere = Sphere(center=ligand.pos.mean(0) + [6.0, 0, 0], radius=2.0)
    found = own.search_basins(np.repeat(ligand.pos[None], 2, 0), [1, 2], SearchSettings(moves=30), sphere)[:, 0]
    pairs = np.array([[b.GetBeginAtomIdx(), b.GetEndAtomIdx()] for b in ligand.mol.GetBonds()])
    length = np.linalg.norm(found[:, pairs[:, 0]] - found[:, pairs[:, 1]], axis=-1)
    assert np.allclose(length, np.linalg.norm(ligand.pos[pairs[:, 0]] - ligand.pos[pairs[:, 1]], axis=-1), atol=1e-5)
    assert np.linalg.norm(found.mean(1) - sphere.center, axis=1).max() < 3.5


@compiled
@pytest.mark.parametrize("smiles", ["C", "CC", "c1ccccc1", "C[NH3+]", "[Na+]", "CCCCCCCCO", "O=C(O)c1ccccc1CCN1CCOCC1"])
def test_ligands_of_any_shape(smiles: str):
    receptor, other = example("1s3v")
    assert other.pos is not None
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    if mol.GetNumAtoms() > 1:
        rdDistGeom.EmbedMolecule(mol, randomSeed=1)
        mol = Chem.RemoveHs(mol)
        pos = mol.GetConformer().GetPositions()
    else:
        pos = np.zeros((1, 3))
    own = VinaScorer(VinaField(receptor), mol)
    start = (pos - pos.mean(0) + other.pos.mean(0))[None]
    found = own.search_basins(start, [1], SHORT, keep=Basins(count=2))
    assert np.isfinite(found).all()
    assert energy(own, found[:, 0]) <= energy(own, start)


def test_fragments_hang_together():
    mol = Chem.MolFromSmiles("O=C(O)c1ccccc1CCN1CCOCC1")
    ligand = vina_ligand(mol)
    tree = fragment_tree(ligand.bonds, ligand.moved, np.zeros(mol.GetNumAtoms(), np.int32))
    assert sorted(tree.atoms.tolist()) == list(range(mol.GetNumAtoms())) and tree.start[-1] == mol.GetNumAtoms()
    assert sorted(tree.torsion.tolist()) == list(range(-1, len(ligand.bonds)))
    for number in range(1, len(tree.parent)):
        assert tree.parent[number] < number
        inside = {number}
        for later in range(number + 1, len(tree.parent)):
            inside |= {later} if tree.parent[later] in inside else set()
        atoms = {a for f in inside for a in tree.atoms[tree.start[f] : tree.start[f + 1]].tolist()}
        assert atoms == set(np.flatnonzero(ligand.moved[tree.torsion[number]]).tolist())
    assert rotatable_bonds(mol).bonds.shape[0] >= len(ligand.bonds)


def test_too_large_a_receptor_has_no_maps():
    ligand = vina_ligand(Chem.MolFromSmiles("CCO"))
    assert ReceptorMaps(10).of(ligand.atoms) is not None
    assert ReceptorMaps(10**7).of(ligand.atoms) is None


def test_without_a_compiler_the_search_is_the_exact_one():
    own, quick = scorer(compiled=False), SearchSettings(polish=3)
    found = own.search_basins(poses("1s3v")[:1], [1], quick, keep=Basins(count=2))
    assert found.shape[:2] == (1, 2) and np.array_equal(found[:, 0], found[:, 1])
    assert np.array_equal(found[:, 0], own.search(poses("1s3v")[:1], [1], quick))
