"""The prior stage as a run: what it adds to the checkpoint, that it learns, resumes and refuses."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch

from disco_dock.models.score import ScoreModel
from disco_dock.runtime.errors import CheckpointError, ConfigError
from disco_dock.training.prior.run import train_prior
from disco_dock.weights.config import write_config
from disco_dock.weights.networks import load_models, save_part
from tests.support.runs import CPU, metrics, score_run, terminated_at, tiny_config
from tests.support.shards import made_up_shards


@pytest.fixture
def run(tmp_path):
    shutil.copytree(score_run(), tmp_path / "run")
    return tmp_path / "run"


def decided_encoder(checkpoint):
    """Make the checkpoint's encoder point at few nodes, so that there is something to predict."""
    encoder = load_models(checkpoint, with_encoder=True).encoder
    assert encoder is not None
    with torch.no_grad():
        for network in (encoder.head.ligand, encoder.head.residue):
            network[-1].weight.mul_(300)
    save_part(checkpoint, "encoder", encoder)


def test_accuracy_rises_and_the_checkpoint_gets_the_prior(run):
    decided_encoder(run / "checkpoint")
    config = tiny_config(60, learning_rate=1e-2, batch_size=3, ema_decay=0.9)
    train_prior(made_up_shards(), made_up_shards(), run, config, CPU)
    rows = metrics(run / "prior")
    trained, checks = [row for row in rows if "loss" in row], [row for row in rows if "val_loss" in row]
    first, last = trained[:3], trained[-10:]
    assert sum(row["accuracy"] for row in last) / 10 > sum(row["accuracy"] for row in first) / 3 + 0.3
    assert min(row["distance"] for row in last) < min(row["distance"] for row in first)
    for row in trained:
        assert row["accuracy"] == pytest.approx((row["accuracy_0"] + row["accuracy_1"]) / 2, abs=1e-6)
    assert {"val_accuracy_0", "val_accuracy_1", "val_distance", "val_label_entropy"} <= set(checks[-1])
    assert checks[-1]["val_accuracy"] > 0.4
    models = load_models(run / "checkpoint")
    assert models.prior is not None and models.config.training["prior"]["steps"] == 60
    assert models.config.training["score"]["steps"] == 2  # what was known before is kept


def test_prior_starts_from_the_score_model(run):
    before = load_models(run / "checkpoint").score.trunk.state_dict()
    train_prior(made_up_shards(), None, run, tiny_config(1, learning_rate=1e-12, weight_decay=0.0), CPU)
    prior = load_models(run / "checkpoint").prior
    assert prior is not None
    after = prior.trunk.state_dict()
    same = [name for name in before if name in after and before[name].shape == after[name].shape]
    assert len(same) > 0.5 * len(before)  # embeddings and receptor layers; the joint layers are the prior's own
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in same)


def test_resumed_equals_uninterrupted(run, tmp_path):
    twice = tmp_path / "twice"
    shutil.copytree(run, twice)
    config = tiny_config(4)
    config = replace(config, validation=replace(config.validation, every_epochs=0.01, dock_every=0))
    train_prior(made_up_shards(), made_up_shards(), run, config, CPU)
    with terminated_at(1):
        train_prior(made_up_shards(), made_up_shards(), twice, config, CPU)
    assert load_models(twice / "checkpoint").prior is not None  # the checkpoint is complete at any time
    train_prior(made_up_shards(), made_up_shards(), twice, config, CPU)
    name = "checkpoint/prior.safetensors"
    assert (run / name).read_bytes() == (twice / name).read_bytes()


def test_a_new_score_stage_is_not_mixed_with_an_old_prior(run):
    train_prior(made_up_shards(), None, run, tiny_config(1), CPU)
    train_prior(made_up_shards(), None, run, tiny_config(2), CPU)
    decided_encoder(run / "checkpoint")
    with pytest.raises(CheckpointError, match=r"other weights of encoder; delete the folder"):
        train_prior(made_up_shards(), None, run, tiny_config(3), CPU)
    shutil.rmtree(run / "prior")
    train_prior(made_up_shards(), None, run, tiny_config(1), CPU)


def test_another_preset_is_refused(run):
    with pytest.raises(ConfigError, match="'small' is not that of"):
        train_prior(made_up_shards(), None, run, tiny_config(1, preset="small"), CPU)


def test_a_model_without_latents_needs_no_prior(run):
    config = load_models(run / "checkpoint").config
    plain = replace(config.score, trunk=replace(config.score.trunk, num_latents=0))
    save_part(run / "checkpoint", "score", ScoreModel(plain))
    write_config(run / "checkpoint", replace(config, score=plain, encoder=None))
    with pytest.raises(ConfigError, match="needs no prior"):
        train_prior(made_up_shards(), None, run, tiny_config(1), CPU)
