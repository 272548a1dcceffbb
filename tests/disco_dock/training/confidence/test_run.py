"""The confidence stage as a run: docked poses, ranking on them, resume, and the checkpoint."""

from __future__ import annotations

import math
import shutil

import pytest
import torch

from disco_dock.models.confidence import ConfidenceModel
from disco_dock.models.score import ScoreModel
from disco_dock.runtime.errors import CheckpointError, NumericsError
from disco_dock.training.confidence import sampled_poses as module
from disco_dock.training.confidence.run import train_confidence
from disco_dock.training.confidence.sampled_poses import sampled_poses
from disco_dock.training.confidence.step import docked_batch, make_confidence_batch, ranking_values
from disco_dock.training.earlier_stages import copy_matching
from disco_dock.training.presets import preset
from disco_dock.weights.networks import load_models, save_part
from tests.support.runs import CPU, metrics, prior_run, terminated_at, tiny_config
from tests.support.shards import made_up_dataset, made_up_shards

TINY = preset("tiny")


@pytest.fixture
def run(tmp_path):
    shutil.copytree(prior_run(), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def calls(monkeypatch):
    """Names of the complexes that are docked."""
    names, dock = [], module.dock

    def counted(models, graph, settings, *, name):
        names.append(name)
        return dock(models, graph, settings, name=name)

    monkeypatch.setattr(module, "dock", counted)
    return names


def test_run_ranks_docked_poses_and_adds_the_model(run):
    train_confidence(made_up_shards(), made_up_shards(), run, tiny_config(3), CPU)
    rows = metrics(run / "confidence")
    values = next(row for row in reversed(rows) if "val_loss" in row)
    for limit in ("2", "5"):
        chance, top, best = (values[f"val_docked_{name}_under_{limit}"] for name in ("chance", "top1", "best"))
        assert 0 <= chance <= best <= 1 and 0 <= top <= best
        assert f"val_share_{limit}" in values and (f"val_docked_auroc_{limit}" in values) == (0 < chance < 1)
    assert all(math.isfinite(value) for value in values.values())  # so that the checkpoint's config is plain JSON
    models = load_models(run / "checkpoint")
    assert models.confidence is not None and models.prior is not None
    assert models.config.training["confidence"]["poses_per_complex"] == 2


def test_resumed_equals_uninterrupted_and_docks_once(run, tmp_path, calls):
    twice = tmp_path / "twice"
    shutil.copytree(run, twice)
    config = tiny_config(4)
    train_confidence(made_up_shards(), made_up_shards(), run, config, CPU)
    calls.clear()
    with terminated_at(1):
        train_confidence(made_up_shards(), made_up_shards(), twice, config, CPU)
    assert len(calls) == 6  # three complexes, as training and as validation data
    train_confidence(made_up_shards(), made_up_shards(), twice, config, CPU)
    assert len(calls) == 6
    name = "checkpoint/confidence.safetensors"
    assert (run / name).read_bytes() == (twice / name).read_bytes()


def test_other_earlier_stages_are_refused(run):
    train_confidence(made_up_shards(), None, run, tiny_config(1), CPU)
    train_confidence(made_up_shards(), None, run, tiny_config(1), CPU)  # its own export is no change
    change_prior(load_models(run / "checkpoint"), run / "checkpoint")
    with pytest.raises(CheckpointError, match=r"other weights of prior"):
        train_confidence(made_up_shards(), None, run, tiny_config(2), CPU)


def change_prior(models, checkpoint):
    with torch.no_grad():
        next(models.prior.parameters()).add_(1.0)
    save_part(checkpoint, "prior", models.prior)


def test_poses_are_reused_only_with_the_same_weights_and_settings(run, tmp_path, calls):
    models, dataset = load_models(run / "checkpoint"), made_up_dataset()

    def poses(models=models, **changes):
        settings = {"poses": 2, "steps": 2, "seed": 0, **changes}
        calls.clear()
        found = sampled_poses(models, dataset, [0, 2], tmp_path / "poses", **settings)
        return found, len(calls)

    first, made = poses()
    again, none = poses()
    assert (made, none) == (2, 0) and list(first) == [0, 2]
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert first[0].shape == (2, dataset[0].graph.num_atoms, 3)
    assert poses(seed=1)[1] == 2 and poses(steps=3)[1] == 2 and poses(poses=3)[1] == 2
    assert poses()[1] == 2
    change_prior(models, run / "checkpoint")
    assert poses(load_models(run / "checkpoint"))[1] == 2


def test_a_complex_that_cannot_be_docked_is_left_out(run, tmp_path, monkeypatch):
    models, dataset = load_models(run / "checkpoint"), made_up_dataset()
    dock = module.dock

    def failing(models, graph, settings, *, name):
        if name == dataset.ids[1]:
            raise NumericsError("score is not finite")
        return dock(models, graph, settings, name=name)

    monkeypatch.setattr(module, "dock", failing)
    assert list(sampled_poses(models, dataset, [0, 1, 2], tmp_path, poses=1, steps=1, seed=0)) == [0, 2]


def test_docked_batch_holds_every_pose_once():
    examples = [made_up_dataset()[number] for number in range(3)]
    offsets = torch.tensor([1.0, 4.0, 7.0])
    batch = docked_batch(
        examples, [e.pos_crystal[None] + offsets[:, None, None] * torch.tensor([1.0, 0, 0]) for e in examples]
    )
    assert batch.copies == 3
    assert torch.allclose(batch.rmsd.view(3, 3), offsets.expand(3, 3), atol=1e-4)


def test_odd_number_of_copies_has_the_docked_pose():
    examples = [made_up_dataset()[0]]
    far = [examples[0].pos_crystal[None] + 30.0 / math.sqrt(3)]
    batch = make_confidence_batch(examples, far, TINY.score.noise, copies=1, seed=0, step=0)
    assert float(batch.rmsd) == pytest.approx(30.0, abs=1e-3)


def test_ranking_values():
    rmsd = torch.tensor([[1.0, 6.0], [4.0, 1.5], [9.0, 8.0], [3.0, 7.0]])
    logit = torch.tensor([[2.0, 1.0], [2.0, 1.0], [2.0, 1.0], [1.0, 2.0]])
    values = ranking_values(logit, rmsd, (2.0, 5.0))
    assert (values["top1_under_2"], values["chance_under_2"], values["best_under_2"]) == (0.25, 0.25, 0.5)
    assert (values["top1_under_5"], values["chance_under_5"], values["best_under_5"]) == (0.5, 0.5, 0.75)


def test_copy_matching_takes_what_fits_and_leaves_the_rest():
    torch.manual_seed(0)
    score, confidence = ScoreModel(TINY.score).trunk, ConfidenceModel(TINY.confidence).trunk
    before, given = {k: v.clone() for k, v in confidence.state_dict().items()}, score.state_dict()
    count = copy_matching(score, confidence)
    after = confidence.state_dict()
    fits = [name for name in after if name in given and given[name].shape == after[name].shape]
    assert 0 < count == len(fits) < len(after)
    for name, value in after.items():
        assert torch.equal(value, given[name] if name in fits else before[name]), name
