"""Validation of the score stage: losses by interval, the chosen weights, docking with oracle latents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disco_dock.training.score.losses import WEIGHT
from disco_dock.training.score.run import docking_is_due, train_score
from disco_dock.training.validation_docking import DockedErrors, oracle_codes, success_rates
from disco_dock.weights.networks import load_models
from tests.support.runs import CPU, metrics, score_run, terminated_at, tiny_config
from tests.support.shards import made_up_dataset, made_up_shards


def watched(steps, **changes):
    config = tiny_config(steps)
    return replace(config, validation=replace(config.validation, every_epochs=0.01, **changes))


def test_interval_losses_make_up_the_whole(tmp_path):
    train_score(made_up_shards(), made_up_shards(), tmp_path, watched(1, dock_every=0), CPU)
    row = next(row for row in metrics(tmp_path / "score") if "val_oracle_loss" in row)
    for case in ("oracle", "null"):
        for part in ("tr", "rot"):
            intervals = [value for name, value in row.items() if name.startswith(f"val_{case}_{part}_sigma_")]
            assert len(intervals) == 2 and np.mean(intervals) == pytest.approx(row[f"val_{case}_{part}"])
        assert row[f"val_{case}_loss"] == pytest.approx(
            WEIGHT * sum(row[f"val_{case}_{part}"] for part in ("tr", "rot", "tor"))
        )
    assert "val_oracle_tr_sigma_0.10-1.38" in row and "val_oracle_tr_sigma_1.38-19.00" in row
    assert not any("_sigma_" in name for name in load_models(tmp_path / "checkpoint").config.training["score"])


def test_checkpoint_is_that_of_the_best_validation_and_survives_a_stop(tmp_path):
    config = watched(6, dock_every=0, metric="val_null_rot", mode="max")
    once, twice = tmp_path / "once", tmp_path / "twice"
    train_score(made_up_shards(), made_up_shards(), once, config, CPU)
    rows = [row for row in metrics(once / "score") if "val_null_rot" in row]
    best = max(rows, key=lambda row: row["val_null_rot"])
    facts = load_models(once / "checkpoint").config.training["score"]
    assert facts["steps"] == best["step"] and facts["val_null_rot"] == best["val_null_rot"]
    with terminated_at(3):
        train_score(made_up_shards(), made_up_shards(), twice, config, CPU)
    train_score(made_up_shards(), made_up_shards(), twice, config, CPU)
    for name in ("score.safetensors", "encoder.safetensors"):
        assert (once / "checkpoint" / name).read_bytes() == (twice / "checkpoint" / name).read_bytes()


def test_docking_comes_at_its_turn_and_at_the_end():
    assert [step for step in range(2, 13, 2) if docking_is_due(step, 2, 3)] == [6, 12]
    assert docking_is_due(7, 2, 3) and not docking_is_due(7, 2, 0)


def test_oracle_codes_are_real_nodes_drawn_from_the_encoder():
    models = load_models(score_run() / "checkpoint", with_encoder=True)
    example = made_up_dataset()[0]
    codes = oracle_codes(models, example, 200)
    nodes = example.graph.num_atoms + example.graph.num_residues
    assert codes.shape == (200, 2) and codes.min() >= 0 and codes.max() < nodes and len(np.unique(codes)) > 3
    assert (codes == oracle_codes(models, example, 200)).all()


def test_failures_are_misses():
    good = DockedErrors(rmsd=(1.0, 3.0), centroid=(0.5, 0.6))
    failed = DockedErrors(rmsd=(float("inf"),) * 2, centroid=(float("inf"),) * 2)
    values = success_rates([good, failed], "oracle")
    assert values["val_dock_oracle_under_2"] == 0.25 and values["val_dock_oracle_best_under_2"] == 0.5
    assert values["val_dock_oracle_under_5"] == values["val_dock_oracle_centroid_under_5"] == 0.5
    assert "val_dock_oracle_median_rmsd" not in values
    assert torch.isfinite(torch.tensor(list(values.values()))).all()
