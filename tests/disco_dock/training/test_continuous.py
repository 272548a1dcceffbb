"""Continuous latents and none, from the same code path; and docking with them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from disco_dock.latents.gaussian import Gaussian, global_code
from disco_dock.runtime.errors import ConfigError
from disco_dock.sampling.sample import DockingSettings, dock
from disco_dock.training.prior.run import train_prior
from disco_dock.training.score.run import train_score
from disco_dock.training.settings import ContinuousConfig
from disco_dock.training.validation_docking import oracle_codes
from disco_dock.weights.networks import load_models
from tests.support.runs import CPU, metrics, tiny_config
from tests.support.shards import made_up_dataset, made_up_shards


def test_divergence_is_that_of_torch():
    torch.manual_seed(0)
    found = Gaussian(torch.randn(5, 3), torch.randn(5, 3))
    normal = torch.distributions.Normal(0.0, 1.0)
    own = torch.distributions.Normal(found.mean, (0.5 * found.log_var).exp())
    expected = torch.distributions.kl_divergence(own, normal).sum(-1)
    assert torch.allclose(found.divergence(), expected, atol=1e-5)
    assert float(Gaussian(torch.zeros(1, 3), torch.zeros(1, 3)).divergence()) == 0.0


def test_draws_have_mean_and_spread():
    normal = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0))
    drawn = Gaussian(torch.full((20_000, 1), 3.0), torch.full((20_000, 1), math.log(0.25))).draw(normal)
    assert float(drawn.mean()) == pytest.approx(3.0, abs=0.02) and float(drawn.std()) == pytest.approx(0.5, abs=0.02)
    assert torch.equal(global_code(drawn[:2], 4)[:, 0, 3], drawn[:2, 0])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("continuous")
    config = tiny_config(3, latents="continuous", continuous=ContinuousConfig(dims=4, kl_weight=0.5))
    train_score(made_up_shards(), made_up_shards(), out, config, CPU)
    return out


def test_run_logs_the_divergence_and_docks_with_all_kinds_of_latents(run):
    rows = metrics(run / "score")
    assert all(row["kl"] > 0 for row in rows if "kl" in row)
    names = {name for row in rows for name in row}
    assert {f"val_dock_{case}_under_2" for case in ("oracle", "prior", "null")} <= names
    with pytest.raises(ConfigError, match="needs no prior"):
        train_prior(made_up_shards(), None, run, tiny_config(1, latents="continuous"), CPU)


def test_poses_depend_on_the_continuous_latents(run):
    models = load_models(run / "checkpoint", with_encoder=True)
    example = made_up_dataset()[0]
    settings = DockingSettings(num_poses=2, batch_size=2, sampler=replace(models.config.sampler, steps=3))
    drawn, again = dock(models, example.graph, settings), dock(models, example.graph, settings)
    assert (drawn.pos == again.pos).all() and drawn.latent_nodes.shape == (2, 0)
    codes = oracle_codes(models, example, 2)
    assert codes.shape == (2, 4) and codes.dtype.kind == "f"
    oracle = dock(models, example.graph, replace(settings, codes=codes))
    other = dock(models, example.graph, replace(settings, codes=codes + 5))
    without = replace(models, config=replace(models.config, encoder=None))
    poses = [drawn.pos, oracle.pos, other.pos, dock(without, example.graph, settings).pos]
    assert all((a != b).any() for i, a in enumerate(poses) for b in poses[:i])


def test_run_without_latents_is_a_plain_diffusion_model(tmp_path):
    train_score(made_up_shards(), made_up_shards(), tmp_path, tiny_config(2, latents="none"), CPU)
    models = load_models(tmp_path / "checkpoint", with_encoder=True)
    assert models.encoder is None and models.score.config.trunk.num_latents == 0
    names = {name for row in metrics(tmp_path / "score") for name in row}
    assert "val_oracle_loss" in names and "val_null_loss" not in names and "val_dock_null_under_2" in names
