"""Minimisation and search: energies fall, seeds decide, company does not matter, and geometry stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.kernels.compiled import available
from disco_dock.physics.mmff import relax_in_pocket, strain
from disco_dock.physics.search_settings import SearchSettings, Sphere
from disco_dock.physics.torch_search import Manifold, minimise
from disco_dock.physics.vina_scorer import VinaField, VinaScorer
from disco_dock.runtime.errors import ConfigError
from tests.disco_dock.physics.examples import example
from tests.disco_dock.physics.test_vina_energy import around, poses

compiled = pytest.mark.skipif(not available(), reason="no C compiler")
QUICK = SearchSettings(moves=3, hunt=5, polish=10)


def scorer(name: str = "1s3v", *, compiled: bool = True) -> VinaScorer:
    return VinaScorer(VinaField(around(name)), example(name)[1].mol, compiled=compiled)


def energy(of: VinaScorer, pos: np.ndarray) -> np.ndarray:
    inter, intra, _ = of.energies(pos)
    return inter + intra


@pytest.mark.parametrize("use_kernel", [pytest.param(True, marks=compiled), False])
@pytest.mark.parametrize("settings", [SearchSettings(polish=15), QUICK])
def test_no_pose_gets_worse_and_most_get_better(use_kernel: bool, settings: SearchSettings):
    own, start = scorer(compiled=use_kernel), poses("1s3v")[:3]
    found = own.search(start, [1, 2, 3], settings)
    before, after = energy(own, start), energy(own, found)
    assert np.all(after <= before + 1e-4)
    assert np.mean(after < before - 0.5) > 0.6


@compiled
def test_small_moves_away_from_a_minimum_cost_energy():
    """Not the gradient: the energy has kinks where contacts become whole, and minima lie on them."""
    own = scorer()
    found = own.search(poses("1s3v")[:2], [0, 0], SearchSettings(polish=1000, tolerance=0.0))
    manifold, draws = Manifold(own.ligand), torch.Generator().manual_seed(0)
    for _ in range(20):
        step = 0.02 * torch.randn(2, manifold.size, generator=draws, dtype=torch.float64)
        moved = manifold.displace(torch.from_numpy(found), step).numpy()
        assert np.all(energy(own, moved) > energy(own, found) - 0.02)


@compiled
def test_seed_decides_and_company_and_threads_do_not():
    own, start = scorer(), poses("1s3v")[:4]
    together = own.search(start, [5, 6, 7, 8], SearchSettings(moves=10))
    alone = np.concatenate([own.search(start[k : k + 1], [5 + k], SearchSettings(moves=10)) for k in range(4)])
    assert np.array_equal(together, alone)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        threaded = own.search(start, [5, 6, 7, 8], SearchSettings(moves=10))
        torch.set_num_threads(1)
        single = own.search(start, [5, 6, 7, 8], SearchSettings(moves=10))
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(threaded, single) and np.array_equal(threaded, together)
    assert not np.array_equal(together, own.search(start, [9, 10, 11, 12], SearchSettings(moves=10)))


@compiled
def test_kernel_and_torch_find_the_same_minima():
    settings = SearchSettings(polish=40)
    found = [
        energy(scorer(), scorer(compiled=way).search(poses("1s3v")[:2], [1, 2], settings)) for way in (True, False)
    ]
    assert np.allclose(*found, atol=0.02)


@compiled
def test_bonds_and_angles_stay():
    own, (_, ligand) = scorer(), example("1s3v")
    start = np.repeat(ligand.pos[None], 2, 0)
    found = own.search(start, [1, 2], SearchSettings(moves=30))
    pairs = np.array([[b.GetBeginAtomIdx(), b.GetEndAtomIdx()] for b in ligand.mol.GetBonds()])
    apart = np.array(
        [[x.GetIdx(), y.GetIdx()] for a in ligand.mol.GetAtoms() for x in a.GetNeighbors() for y in a.GetNeighbors()]
    )
    for i, j in (pairs.T, apart.T):
        length = np.linalg.norm(found[:, i] - found[:, j], axis=-1)
        assert np.allclose(length, np.linalg.norm(start[:, i] - start[:, j], axis=-1), atol=1e-5)
    assert np.abs(found - start).max() > 0.1


@pytest.mark.parametrize("use_kernel", [pytest.param(True, marks=compiled), False])
def test_a_sphere_holds_the_centroid(use_kernel: bool):
    own, (_, ligand) = scorer(compiled=use_kernel), example("1s3v")
    sphere = Sphere(center=ligand.pos.mean(0) + [6.0, 0, 0], radius=2.0)
    free, held = (own.search(ligand.pos[None], [1], SearchSettings(polish=30), where)[0] for where in (None, sphere))
    distance = [np.linalg.norm(pos.mean(0) - sphere.center) for pos in (free, held)]
    assert distance[1] < distance[0] - 1


def test_moves_have_the_gradient_that_displacing_has():
    own = scorer(compiled=False)
    manifold, pos = Manifold(own.ligand), torch.from_numpy(poses("1s3v")[:2])
    field = torch.randn(pos.shape, dtype=pos.dtype)
    found = manifold.gradient(pos, field)
    for way in range(manifold.size):
        step = torch.zeros(2, manifold.size, dtype=pos.dtype)
        step[:, way] = 1e-5
        slope = ((manifold.displace(pos, step) - manifold.displace(pos, -step)) * field).sum((1, 2)) / 2e-5
        assert torch.allclose(slope, found[:, way], atol=1e-5)


def test_minimiser_finds_the_minimum_of_a_parabola():
    manifold = Manifold(scorer(compiled=False).ligand)
    target = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)

    def parabola(pos, cap):
        offset = pos.mean(1) - target
        gradient = torch.zeros(len(pos), manifold.size, dtype=pos.dtype)
        gradient[:, :3] = 2 * offset
        return (offset**2).sum(1), gradient

    pos, value = minimise(parabola, manifold, torch.from_numpy(poses("1s3v")[:3]), 100, torch.inf, SearchSettings())
    assert torch.all(value < 1e-6)
    assert torch.allclose(pos.mean(1), target.expand(3, -1), atol=1e-3)


def test_mmff_relaxes_a_pose_and_its_strain():
    receptor, ligand = example("1uou")
    found = relax_in_pocket(receptor, ligand, ligand.pos)
    assert found is not None and found.after < found.before
    assert np.sqrt(((found.pos - ligand.pos) ** 2).sum(1).mean()) < 1.5
    before, after = strain(ligand, ligand.pos), strain(ligand, found.pos)
    assert before is not None and after is not None and 0 <= after < before


def test_strain_of_what_mmff_does_not_know():
    ligand = read_ligand("C[B-](C)(C)C")
    assert strain(ligand, np.random.default_rng(0).normal(size=(5, 3))) is None


@pytest.mark.parametrize("wrong", [{"moves": -1}, {"temperature": 0.0}, {"polish": 0}])
def test_wrong_settings(wrong):
    with pytest.raises(ConfigError):
        SearchSettings(**wrong)
