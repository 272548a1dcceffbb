"""Batches and losses of the pose expert's stage."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from disco_dock.chem.structures.protein_atoms import KINDS
from disco_dock.data.dataset import ComplexDataset
from disco_dock.diffusion.schedule import NoiseConfig, sigmas
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.models.pose_expert.network import PoseExpert
from disco_dock.runtime.errors import InputError
from disco_dock.training.expert.settings import ExpertTraining
from disco_dock.training.expert.step import PLAIN, ExpertStage, make_expert_batch, training_levels, without_change
from tests.support.pose_expert import SMALL
from tests.support.shards import all_atom_shards, made_up_dataset

NOISE = NoiseConfig()


def batch_of(training=PLAIN, *, numbers=(0, 1, 2), copies=4, step=0, **changes):
    dataset = ComplexDataset(all_atom_shards())
    examples = [dataset[number] for number in numbers]
    return make_expert_batch(
        examples, SMALL, training, NOISE, igso3_table(), copies=copies, seed=1, step=step, **changes
    )


def test_a_complex_is_the_same_in_any_company():
    together, alone = batch_of(), batch_of(numbers=(1,))
    atoms = int(alone.ligands.mask.sum())
    torch.testing.assert_close(together.pos_t[4:8, :atoms], alone.pos_t[:, :atoms], atol=1e-4, rtol=0)
    assert torch.equal(together.sigma.tr[4:8], alone.sigma.tr)
    assert torch.equal(together.receptors[1].kind, alone.receptors[0].kind)
    assert not torch.equal(batch_of(step=1).sigma.tr, together.sigma.tr)


def test_levels_cover_the_ways_from_noise_to_pose():
    t = torch.linspace(0, 1, 1001)
    for share, spread in ((0.0, 0.0), (0.5, 0.9), (1.0, 1.0)):
        level = training_levels(t, torch.full_like(t, share), torch.full_like(t, spread), ExpertTraining(), NOISE)
        assert level.tr.max() <= 6.5001 and level.tr.min() >= 0.0999
        assert float(level.rot.max()) == pytest.approx(1.55) and level.tor.max() <= 3.1401
    low = training_levels(t, torch.zeros_like(t), torch.full_like(t, 0.5), ExpertTraining(), NOISE)
    torch.testing.assert_close(low.tr, sigmas(t * 0.5, NOISE).tr)
    torch.testing.assert_close(low.tor, sigmas(t, NOISE).tor)


def test_hidden_residues_and_shaken_atoms():
    plain, changed = batch_of(), batch_of(ExpertTraining(hidden_residues=0.5, jitter=0.3))
    for before, after in zip(plain.receptors, changed.receptors, strict=True):
        different = before.kind != after.kind
        names = {KINDS[kind].split()[0] for kind in after.kind[different].tolist()}
        assert 0 < int(different.sum()) < len(different) and names == {"residue"}
        moved = (before.pos - after.pos).norm(dim=1)
        assert 0 < float(moved.mean()) < 1.0
    assert torch.equal(plain.pos_t, changed.pos_t)


def test_losses_by_pose_and_of_no_change():
    torch.manual_seed(0)
    stage = ExpertStage(PoseExpert(SMALL), igso3_table(), ExpertTraining())
    batch = batch_of(copies=40)
    zero = without_change(batch, stage)
    assert 0.7 < float(zero.tr.mean()) < 1.3 and 0.7 < float(zero.rot.mean()) < 1.4
    loss, values = stage.loss(batch)
    loss.backward()
    assert all(parameter.grad is not None for parameter in stage.parameters())
    assert values["rows"] == 120 and values["loss"] == pytest.approx(float(loss.detach()))
    heavier = ExpertStage(stage.expert, igso3_table(), ExpertTraining(torsion_weight=2.0))
    assert float(heavier.loss(batch)[0].detach()) > float(loss.detach())


def test_shards_without_heavy_atoms_are_refused():
    examples = [made_up_dataset()[0]]
    with pytest.raises(InputError, match="data build --all-atoms"):
        make_expert_batch(examples, SMALL, PLAIN, NOISE, igso3_table(), copies=1, seed=0, step=0)


def test_a_receptor_out_of_reach():
    dataset = ComplexDataset(all_atom_shards())
    example = dataset[0]
    atoms = example.graph.heavy_atoms
    far = replace(example, graph=replace(example.graph, heavy_atoms=atoms._replace(pos=atoms.pos + 500.0)))
    batch = make_expert_batch([far], SMALL, PLAIN, NOISE, igso3_table(), copies=2, seed=0, step=0)
    assert len(batch.receptors[0].pos) == 0
    stage = ExpertStage(PoseExpert(replace(SMALL, receptor_layers=0)), igso3_table(), PLAIN)
    assert torch.isfinite(stage.loss(batch)[0])
