"""The displacement head recovers known motions of a pose from the field that they are."""

from __future__ import annotations

import math

import pytest
import torch

from disco_dock.diffusion.perturb import Update, apply_update
from disco_dock.diffusion.schedule import Sigmas
from disco_dock.graph.batch import collate
from disco_dock.models.displacement_head import FIELDS, DisplacementHead, displacement_scale
from disco_dock.models.layers.irreps import Channels, Features
from disco_dock.models.trunk import TrunkConfig
from tests.support.graphs import random_graph

SIGMA = Sigmas(torch.full((2,), 0.3), torch.full((2,), 0.05), torch.full((2,), 0.1))
CONFIG = TrunkConfig(scalars=4, time_dim=4)


def passing_head(vectors: int = 1) -> DisplacementHead:
    """A head that takes the first odd vector of each atom as its displacement, and corrects nothing."""
    head = DisplacementHead(CONFIG, Channels(4, vectors, 0, 0))
    with torch.no_grad():
        head.gates[2].weight.zero_()
        head.gates[2].bias.zero_()
        head.gates[2].bias.view(vectors, FIELDS)[0, 0] = 1.0
    return head


def motion_of(update: Update, atoms: tuple[int, int] = (9, 12)):
    """What the head says of poses that an update has moved away from the clean ones."""
    graphs = [random_graph(seed, atoms=count) for seed, count in enumerate(atoms)]
    batch = collate(graphs)
    clean = batch.conformer + torch.tensor([3.0, -5.0, 40.0])
    clean = torch.where(batch.lig_mask.unsqueeze(-1), clean, torch.zeros(3))
    noised = apply_update(clean, update, batch.topology, batch.lig_mask, batch.torsion_mask)
    scale = displacement_scale(noised, batch.lig_mask, SIGMA)
    field = (clean - noised) / scale[:, None, None]
    shape = batch.lig_mask.shape
    features = Features(torch.zeros(*shape, 4), field.unsqueeze(-1), torch.zeros(*shape, 3, 0), torch.zeros(*shape, 0))
    return passing_head()(batch, noised, features, torch.zeros(2, 4), SIGMA), batch


def update_of(tr: float = 0.0, rot: float = 0.0, tor: float = 0.0, torsion: int = 0) -> Update:
    draws = torch.Generator().manual_seed(4)
    angles = torch.zeros(2, 3)
    angles[:, torsion] = tor
    axis = torch.nn.functional.normalize(torch.randn(2, 3, generator=draws), dim=-1)
    return Update(tr * torch.randn(2, 3, generator=draws), rot * axis, angles)


def test_translation_is_the_mean_displacement():
    update = update_of(tr=2.0)
    motion, _ = motion_of(update)
    assert torch.allclose(motion.tr * SIGMA.tr[:, None], -update.tr, atol=1e-4)
    assert float((motion.rot * SIGMA.rot[:, None]).detach().abs().max()) < 1e-4
    assert float((motion.tor * SIGMA.tor[:, None]).detach().abs().max()) < 1e-3


def test_rotation_is_recovered_up_to_the_damping_of_thin_ligands():
    update = update_of(rot=0.02)
    motion, _ = motion_of(update)
    found = (motion.rot * SIGMA.rot[:, None]).detach()
    assert torch.nn.functional.cosine_similarity(found, -update.rot).min() > 0.95
    assert torch.all(found.norm(dim=-1) < 1.01 * update.rot.norm(dim=-1))
    assert torch.all(found.norm(dim=-1) > 0.7 * update.rot.norm(dim=-1))
    assert float((motion.tr * SIGMA.tr[:, None]).detach().abs().max()) < 1e-4


@pytest.mark.parametrize("torsion", [0, 1, 2])
def test_a_turned_bond_is_recovered(torsion):
    update = update_of(tor=0.02, torsion=torsion)
    motion, _ = motion_of(update)
    found = (motion.tor * SIGMA.tor[:, None]).detach()
    assert torch.all(found[:, torsion] < -0.3 * 0.02)  # part of it goes into bending elsewhere along the chain
    assert torch.all(found[:, torsion] < 0.9 * found.min(1).values)  # bonds side by side share what they explain
    assert float((motion.tr * SIGMA.tr[:, None]).detach().abs().max()) < 1e-4


def test_padding_and_ligands_without_torsions():
    motion, batch = motion_of(update_of(tr=1.0, rot=0.1, tor=0.1))
    assert torch.all(motion.field[~batch.lig_mask] == 0)
    graph = random_graph(5, torsions=0)
    alone = collate([graph])
    shape = alone.lig_mask.shape
    features = Features(
        torch.zeros(*shape, 4), torch.randn(*shape, 3, 1), torch.zeros(*shape, 3, 0), torch.zeros(*shape, 0)
    )
    sigma = Sigmas(*(value[:1] for value in SIGMA))
    motion = passing_head()(alone, alone.conformer, features, torch.zeros(1, 4), sigma)
    assert motion.tor.shape == (1, 0)
    assert torch.isfinite(motion.rot).all()


def test_gradients_stay_finite_for_a_linear_and_a_single_atom_ligand():
    head = DisplacementHead(CONFIG, Channels(4, 2, 0, 0))
    for atoms in (1, 3):
        graph = random_graph(3, atoms=max(atoms, 4), torsions=0)
        batch = collate([graph])
        batch.lig_mask[:, atoms:] = False
        pos = torch.zeros(1, batch.num_atoms, 3)
        pos[0, :, 0] = 1.5 * torch.arange(batch.num_atoms)
        features = Features(
            torch.randn(1, batch.num_atoms, 4),
            torch.randn(1, batch.num_atoms, 3, 2, requires_grad=True),
            torch.zeros(1, batch.num_atoms, 3, 0),
            torch.zeros(1, batch.num_atoms, 0),
        )
        motion = head(batch, pos, features, torch.zeros(1, 4), Sigmas(*(value[:1] for value in SIGMA)))
        (motion.tr.sum() + motion.rot.sum() + motion.field.sum()).backward()
        gradient = features.odd_vectors.grad
        assert gradient is not None and torch.isfinite(gradient).all()


def test_scale_is_the_spread_of_the_noise():
    """For small noise the scale is within a factor of two of the atoms' displacements, component by component."""
    graph = collate([random_graph(7, atoms=10, torsions=0)])
    draws, moves = torch.Generator().manual_seed(0), []
    for _ in range(400):
        angle = math.sqrt(2) * 0.05 * torch.randn(1, 3, generator=draws)
        update = Update(0.3 * torch.randn(1, 3, generator=draws), angle, torch.zeros(1, 0))
        moves.append(apply_update(graph.conformer, update, graph.topology) - graph.conformer)
    spread = float(torch.stack(moves).square().mean().sqrt())
    sigma = Sigmas(*(value[:1] for value in SIGMA))
    scale = float(displacement_scale(graph.conformer, graph.lig_mask, sigma))
    assert 0.5 < scale / spread < 2
