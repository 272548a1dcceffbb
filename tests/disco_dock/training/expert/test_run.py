"""The pose expert's stage as a run: it learns, resumes to the same bits, and adds the expert to the checkpoint."""

from __future__ import annotations

import shutil

import pytest
import torch

from disco_dock.data.dataset import ComplexDataset
from disco_dock.runtime.config import to_dict
from disco_dock.runtime.errors import CheckpointError, ConfigError
from disco_dock.training.confidence.sampled_poses import sampled_poses
from disco_dock.training.earlier_stages import for_shards
from disco_dock.training.expert.run import _with_fragments, train_expert
from disco_dock.training.expert.settings import ExpertTraining
from disco_dock.training.feeding import training_set
from disco_dock.training.score.run import train_score
from disco_dock.training.settings import resolve
from disco_dock.training.stage import RunOptions
from disco_dock.weights.config import read_config
from disco_dock.weights.networks import bundled_checkpoint, load_models
from tests.support.pose_expert import SMALL
from tests.support.runs import CPU, metrics, score_run, terminated_at, tiny_config
from tests.support.shards import all_atom_shards, made_up_shards

SIZES = {"expert": to_dict(SMALL)}


@pytest.fixture
def run(tmp_path):
    shutil.copytree(score_run(), tmp_path / "run")
    return tmp_path / "run"


def config(steps, **changes):
    return tiny_config(steps, networks=SIZES, copies=4, **changes)


def test_it_learns_and_the_checkpoint_gets_the_expert(run):
    settings = config(60, learning_rate=5e-3, ema_decay=0.9, expert=ExpertTraining(hidden_residues=0.0, jitter=0.0))
    train_expert(all_atom_shards(), all_atom_shards(), run, settings, CPU)
    last = metrics(run / "expert")[-1]
    assert last["val_pose_loss"] < 0.97 and last["cpu_seconds"] > 0
    assert {"val_tr_sigma_0.10-0.82", "val_pose_rot_sigma_0.22-1.55", "val_tor", "val_loss"} <= set(last)
    models = load_models(run / "checkpoint")
    assert models.expert is not None and models.config.expert == SMALL
    assert models.config.training["expert"]["steps"] == 60 and models.config.training["score"]["steps"] == 2


def test_a_killed_run_goes_on_to_the_same_weights(run, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(run, other)
    train_expert(all_atom_shards(), None, other, config(6), CPU)
    with terminated_at(3):
        train_expert(all_atom_shards(), None, run, config(6), CPU)
    train_expert(all_atom_shards(), None, run, config(6), CPU, RunOptions())
    whole, pieces = (load_models(folder / "checkpoint").expert for folder in (other, run))
    assert whole is not None and pieces is not None
    for ours, expected in zip(pieces.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, expected)


def test_it_starts_from_a_checkpoint_and_from_an_expert(run, tmp_path):
    with pytest.raises(CheckpointError, match="train the score stage first"):
        train_expert(all_atom_shards(), None, tmp_path / "empty", config(1), CPU)
    out = tmp_path / "begun"
    source = str(run / "checkpoint")
    train_expert(all_atom_shards(), None, out, config(1, init=source), CPU)
    first = load_models(out / "checkpoint")
    assert first.config.score == load_models(run / "checkpoint").config.score
    bundled = tmp_path / "bundled"
    train_expert(all_atom_shards(), None, bundled, tiny_config(1, copies=4, init="default"), CPU)
    found = load_models(bundled / "checkpoint").config
    assert found.expert == read_config(bundled_checkpoint()).expert
    assert found.contacts is not None and found.pose_judge is None and found.physics.rank_by == "contacts"
    again = tmp_path / "again"
    settings = tiny_config(1, copies=4, init=str(out / "checkpoint"), learning_rate=1e-12, weight_decay=0.0)
    train_expert(all_atom_shards(), None, again, settings, CPU)
    second = load_models(again / "checkpoint")
    assert first.expert is not None and second.expert is not None
    for ours, expected in zip(second.expert.parameters(), first.expert.parameters(), strict=True):
        torch.testing.assert_close(ours, expected)
    with pytest.raises(ConfigError, match="the sizes are those of the checkpoint"):
        train_expert(all_atom_shards(), None, tmp_path / "third", config(1, init=str(out / "checkpoint")), CPU)


def test_other_stages_keep_the_expert_they_start_with(run, tmp_path):
    train_expert(all_atom_shards(), None, run, config(1), CPU)
    source, out = load_models(run / "checkpoint"), tmp_path / "tuned"
    settings = tiny_config(1, init=str(run / "checkpoint"))
    train_score(made_up_shards(), None, out, settings, CPU)
    tuned = load_models(out / "checkpoint")
    assert source.expert is not None and tuned.expert is not None
    assert tuned.config.expert == SMALL and tuned.config.handover == source.config.handover
    for ours, expected in zip(tuned.expert.parameters(), source.expert.parameters(), strict=True):
        assert torch.equal(ours, expected)
    assert for_shards(tuned, ComplexDataset(made_up_shards())).expert is None
    assert for_shards(tuned, ComplexDataset(all_atom_shards())).expert is tuned.expert
    dataset, folder = ComplexDataset(made_up_shards()), tmp_path / "poses"
    poses = sampled_poses(tuned, dataset, [0], folder, poses=2, steps=2, seed=0)
    assert len(poses[0]) == 2


def test_fragments_take_their_share_of_the_steps(run):
    settings = config(2, expert=ExpertTraining(fragments=str(all_atom_shards()), fragment_share=0.4))
    dataset, weight = _with_fragments(training_set(all_atom_shards(), settings), settings.expert)
    assert len(dataset) == 6 == len(weight) and dataset.ids[:3] == dataset.ids[3:]
    assert weight.sum() == pytest.approx(1) and weight[3:].sum() == pytest.approx(0.4)
    assert dataset[4].name == dataset[1].name
    train_expert(all_atom_shards(), None, run, settings, CPU)
    assert load_models(run / "checkpoint").config.training["expert"]["complexes"] == 6
    with pytest.raises(ConfigError, match="between 0 and 1"):
        ExpertTraining(fragment_share=1.0)


def test_settings_of_the_stage(tmp_path):
    found = resolve("expert", run=tmp_path, overrides=["expert.jitter=0.1", "expert.tr_share=[0.6, 1.0]"])
    assert found.expert.jitter == 0.1 and tuple(found.expert.tr_share) == (0.6, 1.0)
    for wrong in ("expert.hidden_residues=1", "expert.jitter=-1", "expert.tr_share=[2, 1]", "expert.unknown=1"):
        with pytest.raises(ConfigError):
            resolve("expert", run=tmp_path, overrides=[wrong])
