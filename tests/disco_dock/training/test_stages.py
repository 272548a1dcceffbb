"""Each stage learns what it is for, and its batches depend on (seed, step) only."""

from __future__ import annotations

import json
import math
import signal
from dataclasses import replace

import pytest
import torch

from disco_dock.chem.symmetry import automorphisms
from disco_dock.diffusion.schedule import Scores, sigmas
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.graph.batch import collate
from disco_dock.graph.molecule import skeleton
from disco_dock.models.confidence import ConfidenceModel
from disco_dock.models.encoder import LatentEncoder
from disco_dock.models.prior import LatentPrior
from disco_dock.models.score import ScoreModel
from disco_dock.runtime.config import from_dict, to_dict
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.loop import LoopConfig, TrainingRun
from disco_dock.training.confidence.pose_errors import PoseErrors
from disco_dock.training.confidence.step import (
    ConfidenceStage,
    area_under_roc,
    make_confidence_batch,
)
from disco_dock.training.presets import PRESETS, preset
from disco_dock.training.prior.marginal import Marginal
from disco_dock.training.prior.step import PriorLosses, PriorStage, make_prior_batch
from disco_dock.training.score.losses import WEIGHT, score_losses
from disco_dock.training.score.run import train_score
from disco_dock.training.score.step import ScoreStage, make_score_batch, noised
from disco_dock.training.settings import TrainConfig
from tests.support.shards import made_up_dataset, made_up_shards

TINY = preset("tiny")


def examples():
    dataset = made_up_dataset()
    return [dataset[number] for number in range(len(dataset))]


def score_batch(score, *, step=0, seed=0, copies=2, null_rate=0.0):
    return make_score_batch(examples(), score.config, copies=copies, null_rate=null_rate, seed=seed, step=step)


def test_losses_of_the_target_are_zero_and_of_zero_are_near_one():
    table, score = igso3_table(), ScoreModel(TINY.score)
    batch = score_batch(score, copies=200)
    rows = batch.graphs.repeat_interleave(batch.copies)
    sigma = sigmas(batch.t, score.config.noise)
    _, target = noised(batch, rows, score.config.noise, table)
    perfect = score_losses(target, target, sigma, rows.torsion_mask, table)
    assert float(perfect.total()) == 0.0
    zero = score_losses(Scores(*map(torch.zeros_like, target)), target, sigma, rows.torsion_mask, table)
    assert float(zero.tr.mean()) == pytest.approx(1.0, abs=0.15)  # scores are measured in units of their spread
    assert float(zero.rot.mean()) == pytest.approx(1.0, abs=0.15)
    assert float(zero.tor.sum() / zero.bonds.sum()) == pytest.approx(1.0, abs=0.15)
    tor = zero.tor.sum() / zero.bonds.sum()
    assert float(zero.total()) == pytest.approx(WEIGHT * float(zero.tr.mean() + zero.rot.mean() + tor), rel=1e-5)


def test_score_batch_depends_on_seed_and_step_only():
    score = ScoreModel(TINY.score)
    torch.manual_seed(1)
    first = score_batch(score, step=3)
    torch.manual_seed(2)
    again, later, other = score_batch(score, step=3), score_batch(score, step=4), score_batch(score, step=3, seed=1)
    assert all(map(torch.equal, first.draws, again.draws)) and all(map(torch.equal, first.latents, again.latents))
    assert not torch.equal(first.draws.tr, later.draws.tr) and not torch.equal(first.t, other.t)


def test_null_rate_drops_latents():
    score = ScoreModel(TINY.score)
    keep = score_batch(score, copies=400, null_rate=0.25).latents.keep
    assert set(keep.tolist()) == {0.0, 1.0}
    assert float(keep.mean()) == pytest.approx(0.75, abs=0.06)


def test_score_stage_trains_the_encoder_and_lowers_the_loss():
    torch.manual_seed(0)
    stage = ScoreStage(ScoreModel(TINY.score), LatentEncoder(TINY.encoder), igso3_table())
    batch = score_batch(stage.score, copies=4)
    optimiser = torch.optim.Adam(stage.parameters(), 3e-3)
    losses = []
    for _ in range(25):
        optimiser.zero_grad()
        loss = stage(batch, 1.0).total()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    gradients = [p.grad for p in stage.encoder.parameters() if p.grad is not None]
    assert gradients and sum(float(g.abs().sum()) for g in gradients) > 0


def test_dropped_latents_do_not_reach_the_score():
    torch.manual_seed(0)
    stage = ScoreStage(ScoreModel(TINY.score), LatentEncoder(TINY.encoder), igso3_table()).eval()
    batch = score_batch(stage.score)
    null = batch.with_latents(False)
    other = null._replace(latents=null.latents._replace(uniform=1 - batch.latents.uniform))
    with torch.no_grad():
        assert torch.equal(stage(null, 1.0).tr, stage(other, 1.0).tr)


def encoder_labels(factor: float = 200.0) -> list[torch.Tensor]:
    """Logits of a decided encoder: its distribution is far from uniform."""
    torch.manual_seed(0)
    encoder = LatentEncoder(TINY.encoder).eval()
    labels = []
    with torch.no_grad():
        for network in (encoder.head.ligand, encoder.head.residue):
            network[-1].weight.mul_(factor)
        for example in examples():
            labels.append(encoder(collate([example.graph]), example.pos_crystal.unsqueeze(0))[0])
    return labels


def prior_stage(labels) -> PriorStage:
    marginal = Marginal.of([example.graph for example in examples()], [value.softmax(-1) for value in labels])
    return PriorStage(LatentPrior(TINY.prior), marginal)


@pytest.mark.parametrize("hard", [False, True])
def test_prior_learns_the_encoders_choice(hard):
    labels = encoder_labels()
    stage = prior_stage(labels)
    optimiser = torch.optim.Adam(stage.prior.parameters(), 1e-2)
    first = last = None
    for step in range(60):
        losses = stage(make_prior_batch(examples(), labels, hard=hard, seed=0, step=step))
        optimiser.zero_grad()
        losses.loss.backward()
        optimiser.step()
        last = PriorLosses(*(value.detach() for value in losses))
        first = last if first is None else first
    assert first is not None and last is not None
    assert float(first.loss) > 0.8 * float(first.uniform)  # nothing is known at first
    assert float(last.loss) - float(last.label_entropy) < 0.5 * float(first.loss - first.label_entropy)
    assert float(last.loss) >= float(last.label_entropy) - 1e-4  # cross entropy is bounded by the entropy
    assert float(last.loss) < float(last.marginal) < float(last.uniform)
    assert last.values()["perplexity"] == pytest.approx(math.exp(float(last.loss)), rel=1e-4)


def test_prior_sees_conformers_and_earlier_latents_only():
    labels = encoder_labels()
    stage = prior_stage(labels).eval()
    batch = make_prior_batch(examples(), labels, hard=False, seed=0, step=0)
    seen = []
    stage.prior.register_forward_pre_hook(lambda module, args: seen.append((args[1], args[2], args[3])))
    stage(batch)
    assert [position for _, _, position in seen] == [0, 1]
    assert all(torch.equal(pos, batch.pos_prior) for pos, _, _ in seen)
    assert float(batch.pos_prior.mean(1).abs().max()) < 1.0  # centred, up to padding
    (_, nothing, _), (_, first, _) = seen
    assert float(nothing.abs().sum()) == 0.0 and float(first[:, 1:].abs().sum()) == 0.0
    assert torch.equal(first[:, 0].argmax(-1), batch.earlier[:, 0])


def test_hard_targets_are_one_draw_per_complex_and_soft_ones_the_distribution():
    labels = encoder_labels(factor=5.0)
    hard = [make_prior_batch(examples(), labels, hard=True, seed=0, step=step) for step in range(3)]
    assert all(torch.equal(batch.target, hard[0].target) for batch in hard)
    assert torch.equal(hard[0].target.argmax(-1), hard[0].earlier) and set(hard[0].target.unique().tolist()) == {0, 1}
    soft = make_prior_batch(examples(), labels, hard=False, seed=0, step=0)
    assert torch.allclose(soft.target.sum(-1), torch.ones(3, 2)) and float(soft.target.max()) < 1.0
    assert float((soft.target * ~soft.graphs.node_mask.unsqueeze(1)).sum()) == 0.0


def test_confidence_labels_are_rmsds_from_the_crystal():
    complexes = examples()
    sampled = [example.pos_crystal[None] + 3.0 / math.sqrt(3) for example in complexes]  # 3 Angstrom off
    batch = make_confidence_batch(complexes, sampled, TINY.score.noise, copies=4, seed=0, step=0)
    assert torch.allclose(batch.rmsd.view(-1, 4)[:, :2], torch.tensor(3.0), atol=1e-4)
    noised = batch.rmsd.view(-1, 4)[:, 2:]
    assert not torch.allclose(noised, torch.tensor(3.0), atol=1e-2)
    stage = ConfidenceStage(ConfidenceModel(TINY.confidence))
    assert torch.equal(stage(batch).labels.view(-1, 4, 2)[:, :2], torch.tensor([0.0, 1.0]).expand(3, 2, 2))


def test_confidence_without_sampled_poses_uses_noised_ones():
    batch = make_confidence_batch(examples(), [None] * 3, TINY.score.noise, copies=4, seed=0, step=0)
    assert len(set(batch.rmsd.tolist())) == 12


def test_confidence_learns_to_tell_near_from_far():
    torch.manual_seed(0)
    complexes = examples()
    far = [example.pos_crystal[None] + 8.0 for example in complexes]
    stage = ConfidenceStage(ConfidenceModel(TINY.confidence))
    optimiser = torch.optim.Adam(stage.parameters(), 1e-2)
    for step in range(40):
        batch = make_confidence_batch(complexes, far, TINY.score.noise, copies=4, seed=0, step=step)
        optimiser.zero_grad()
        stage(batch).loss.backward()
        optimiser.step()
    held_out = make_confidence_batch(complexes, far, TINY.score.noise, copies=16, seed=1, step=0)
    result = stage.eval()(held_out)
    assert area_under_roc(result.logits[:, 1].detach(), result.labels[:, 1] > 0.5) > 0.85


def test_area_under_roc():
    score = torch.tensor([0.1, 0.4, 0.35, 0.8])
    assert area_under_roc(score, torch.tensor([False, False, True, True])) == 0.75
    assert area_under_roc(torch.zeros(4), torch.tensor([True, False, True, False])) == 0.5
    assert math.isnan(area_under_roc(score, torch.ones(4, dtype=torch.bool)))


def test_confidence_labels_know_symmetry():
    example = next(one for one in examples() if one.name == "made0")  # a para-substituted ring can be turned over
    errors = PoseErrors()
    symmetry = automorphisms(skeleton(example.graph))
    assert len(symmetry.maps) > 1
    order = torch.zeros(example.graph.num_atoms, dtype=torch.long)
    for unit, other in enumerate(symmetry.maps[1]):
        order[list(symmetry.units[unit])] = torch.tensor(symmetry.units[other])
    turned = example.pos_crystal[order].unsqueeze(0)
    assert float((turned[0] - example.pos_crystal).norm(dim=-1).max()) > 1.0
    assert float(errors(example, turned)[0]) == pytest.approx(0.0, abs=1e-6)


def test_resumed_training_equals_uninterrupted(tmp_path, monkeypatch):
    config = TrainConfig(preset="tiny", batch_size=2, copies=1, loop=LoopConfig(max_steps=4, log_every=1))
    once, twice = tmp_path / "once", tmp_path / "twice"
    train_score(made_up_shards(), None, once, config, torch.device("cpu"))
    original = TrainingRun._update

    def terminated(self, *args):
        if self.step == 1:
            signal.raise_signal(signal.SIGTERM)
        original(self, *args)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TrainingRun, "_update", terminated)
        train_score(made_up_shards(), None, twice, config, torch.device("cpu"))
    train_score(made_up_shards(), None, twice, config, torch.device("cpu"))
    for name in ("score.safetensors", "encoder.safetensors"):
        assert (once / "checkpoint" / name).read_bytes() == (twice / "checkpoint" / name).read_bytes(), name
    steps = [json.loads(line)["step"] for line in (twice / "score" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4]


def test_settings_are_strict_and_survive_a_round_trip():
    config = TrainConfig(preset="tiny", loop=LoopConfig(max_steps=7))
    assert from_dict(TrainConfig, to_dict(config)) == config
    with pytest.raises(ConfigError, match="null_rate"):
        replace(config, null_rate=1.0)
    with pytest.raises(ConfigError, match="unknown preset"):
        preset("huge")


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_fit_together(name):
    sizes = preset(name)
    latents = sizes.score.trunk.num_latents
    assert (sizes.encoder is None) == (sizes.prior is None) == (latents == 0)
    if sizes.prior is not None and sizes.encoder is not None:
        assert sizes.encoder.num_latents == latents == sizes.prior.trunk.num_latents
        assert sizes.prior.context or sizes.prior.trunk == sizes.score.trunk
