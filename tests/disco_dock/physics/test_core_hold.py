"""A core that the search holds: it stays where it is, the rest moves, and nothing changes without one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from disco_dock.kernels.compiled import available
from disco_dock.physics.core_hold import CoreHold
from disco_dock.physics.search_settings import SearchSettings
from disco_dock.physics.torch_search import Manifold
from tests.disco_dock.physics.examples import example
from tests.disco_dock.physics.test_search import scorer
from tests.disco_dock.physics.test_vina_energy import poses

compiled = pytest.mark.skipif(not available(), reason="no C compiler")
KERNELS = [pytest.param(True, marks=compiled), False]
MOVES = SearchSettings(moves=4, hunt=8, polish=40)


def core(start, atoms=8, tolerance=0.5, shift=0.0):
    """The first atoms of a ligand, held where they start, or beside it."""
    return CoreHold(ways=np.arange(atoms)[None], pos=start[0, :atoms] + shift, tolerance=tolerance)


@pytest.mark.parametrize("use_kernel", KERNELS)
def test_a_core_stays_and_the_rest_moves(use_kernel):
    own, start = scorer(compiled=use_kernel), poses("1s3v")[:1]
    hold = core(start, tolerance=0.2)
    free = own.search(start, [1], MOVES)
    held = own.search(start, [1], MOVES, None, hold)
    assert hold.rmsd(free)[0] > hold.tolerance > hold.rmsd(held)[0]
    assert np.abs(held - start).max() > 0.1


@pytest.mark.parametrize("use_kernel", KERNELS)
def test_a_core_is_pulled_to_its_place(use_kernel):
    own, start = scorer(compiled=use_kernel), poses("1s3v")[:1]
    hold = core(start, tolerance=0.2)
    off = start + np.array([1.2, 0.0, 0.0])
    found = own.search(off, [1], SearchSettings(polish=60), None, hold)
    assert hold.rmsd(off)[0] > 1 > hold.rmsd(found)[0]


@compiled
def test_the_force_on_a_core_is_that_of_its_energy():
    own, start = scorer(), poses("1s3v")[:1]
    hold = core(start, tolerance=0.2, shift=1.0)
    stiff = hold.held(0)
    manifold, draws = Manifold(own.ligand), torch.Generator().manual_seed(0)

    def total(pos):
        beyond = np.clip(np.linalg.norm(pos[0, stiff.atoms] - stiff.pos, axis=1) - stiff.slack, 0, None)
        return own.score(pos).inter[0] + own.score(pos).intra[0] + stiff.stiffness * (beyond**2).sum()

    found = own.search(start, [0], SearchSettings(polish=1000, tolerance=0.0), None, hold)
    assert total(found) < total(start)
    for _ in range(20):
        step = 0.02 * torch.randn(1, manifold.size, generator=draws, dtype=torch.float64)
        assert total(manifold.displace(torch.from_numpy(found), step).numpy()) > total(found) - 0.05


@compiled
def test_seed_decides_and_company_and_threads_do_not():
    own, start = scorer(), poses("1s3v")[:3]
    hold = CoreHold(
        ways=np.stack([np.arange(8), np.arange(8)[::-1]]), pos=start[0, :8], tolerance=1.0
    )  # two ways, so that poses are searched in groups
    found = own.search(start, [5, 6, 7], MOVES, None, hold)
    alone = np.concatenate([own.search(start[k : k + 1], [5 + k], MOVES, None, hold) for k in range(3)])
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        threaded = own.search(start, [5, 6, 7], MOVES, None, hold)
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(found, alone) and np.array_equal(found, threaded)


def test_poses_are_laid_on_the_core_in_the_nearest_way():
    ligand = example("1s3v")[1]
    rng = np.random.default_rng(0)
    hold = CoreHold(ways=np.stack([np.arange(6), np.arange(6)[::-1]]), pos=ligand.pos[:6], tolerance=1.0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    moved = ligand.pos[None] @ turn + 3.0
    moved[0] += ligand.pos[:6].mean(0) - moved[0, :6].mean(0)
    assert hold.rmsd(hold.laid(moved))[0] <= hold.rmsd(moved)[0]
    assert hold.rmsd(ligand.pos[None])[0] == 0 and hold.nearest(ligand.pos[None])[0] == 0
    np.testing.assert_allclose(hold.laid(ligand.pos[None] + 0.3), ligand.pos[None], atol=1e-9)
