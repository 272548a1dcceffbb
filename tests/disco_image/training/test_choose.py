"""The best of the averages that a run kept: chosen by its distance, measured once, exported as it was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from disco_dock.runtime.checkpoint import load_weights, save_weights
from disco_dock.runtime.errors import CheckpointError, ConfigError
from disco_image.data.batches import ImageBatches
from disco_image.metrics.samples import EvaluateConfig
from disco_image.models.checkpoint import load_models
from disco_image.models.latents import LatentConfig
from disco_image.sampling.generate import SampleConfig
from disco_image.sampling.solvers import SolverConfig
from disco_image.training.average import stored_averages
from disco_image.training.choose import candidates, choose
from disco_image.training.train_denoiser import train_denoiser
from disco_image.training.train_prior import train_prior
from tests.support.images import TwoTone, train_config

CPU = torch.device("cpu")
FAST = SampleConfig(solver=SolverConfig(steps=2))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_DOCK_CACHE", str(tmp_path / "cache"))


def trained(out, **changes):
    config = train_config(**changes)
    stage = replace(config.denoiser, tick_images=24, ema_power=(0.1, 0.2), ema_snapshots=True)
    config = replace(config, denoiser=stage)
    train_denoiser(config, TwoTone(), out, CPU)
    return config


def choice(out, latents="oracle", found=None, seen=None, **changes):
    config = EvaluateConfig(count=32, first_seed=7, latents=latents, feature_steps=5, **changes)
    batches = ImageBatches(TwoTone(), batch_size=8, seed=0, classes=True)

    def measured(candidate, distance, again):
        if seen is not None:
            seen.append((candidate.name, distance, again))

    return choose(out, out / "best", found or candidates(out), batches, FAST, config, CPU, measured=measured)


def spoil(out, name):
    """Make the samples of a stored average grey noise of the wrong size."""
    path = out / "averages" / f"{name}.safetensors"
    tensors, facts = load_weights(path)
    noisy = {key: value + torch.randn(value.shape) if "outlet" in key else value for key, value in tensors.items()}
    save_weights(path, noisy, facts)


def test_candidates_are_the_stored_averages_and_the_widths_that_are_asked_for(tmp_path):
    trained(tmp_path)
    assert [(item.updates, item.width, item.images) for item in stored_averages(tmp_path)] == [
        (3, 0.1, 24), (3, 0.2, 24), (6, 0.1, 48), (6, 0.2, 48)
    ]  # fmt: skip
    names = [candidate.name for candidate in candidates(tmp_path, [0.2, 0.15], last=1)]
    assert names == ["00000006-0.1", "00000006-0.2", "00000006-0.15"]
    made = candidates(tmp_path, [0.15])[-1].tensors()
    low, high = (load_weights(item.path)[0]["denoiser.network.inlet.weight"] for item in stored_averages(tmp_path)[2:])
    middle = made["denoiser.network.inlet.weight"]
    assert not torch.equal(middle, low) and float((middle - low).norm()) < 2 * float((high - low).norm()) + 1e-6
    with pytest.raises(CheckpointError, match="ema_snapshots=true"):
        candidates(tmp_path / "elsewhere")


def test_nearest_is_exported_with_its_encoder_and_measured_once(tmp_path):
    trained(tmp_path)
    for name in ("00000003-0.1", "00000006-0.1", "00000006-0.2"):
        spoil(tmp_path, name)
    seen: list = []
    record = choice(tmp_path, seen=seen)
    distances = {name: distance for name, distance, _ in seen}
    assert record["best"] == min(distances, key=lambda name: distances[name]) == "00000003-0.2"
    stored = load_weights(tmp_path / "averages/00000003-0.2.safetensors")[0]
    for part in ("denoiser", "encoder"):
        weights, facts = load_weights(tmp_path / f"best/checkpoint/{part}.safetensors")
        assert all(torch.equal(value, stored[f"{part}.{name}"]) for name, value in weights.items())
    assert facts["facts"]["chosen"] == "00000003-0.2" and facts["facts"]["images"] == 24
    assert not (tmp_path / "best/checkpoint/prior.safetensors").exists()
    assert len(list((tmp_path / "best/grids").iterdir())) == 4

    spoil(tmp_path, "00000003-0.1")  # changed since: it alone is measured again
    again: list = []
    assert choice(tmp_path, seen=again)["best"] == "00000003-0.2"
    assert [name for name, _, before in again if not before] == ["00000003-0.1"]
    with pytest.raises(ConfigError, match="other settings"):
        choice(tmp_path, level_images=3)


def test_chosen_encoder_gets_a_prior_of_its_own_and_a_prior_at_hand_is_kept(tmp_path):
    config = trained(tmp_path)
    with pytest.raises(CheckpointError, match="no prior yet"):
        choice(tmp_path, "prior")
    choice(tmp_path)
    train_prior(config, TwoTone(), tmp_path / "best", CPU)
    assert load_models(tmp_path / "best", CPU).prior is not None
    train_prior(config, TwoTone(), tmp_path, CPU)
    (tmp_path / "best/choice.json").unlink()
    choice(tmp_path, "prior")
    kept, own = (tmp_path / place / "checkpoint/prior.safetensors" for place in ("best", ""))
    assert kept.read_bytes() == own.read_bytes()


def test_plain_models_with_a_half_life_are_chosen_from_too(tmp_path):
    config = train_config(latents=LatentConfig(kind="none"))
    stage = replace(config.denoiser, tick_images=24, ema_half_life=64, ema_snapshots=True)
    train_denoiser(replace(config, denoiser=stage), TwoTone(), tmp_path, CPU)
    found = candidates(tmp_path)
    assert [candidate.name for candidate in found] == ["00000003-half-life", "00000006-half-life"]
    assert choice(tmp_path, "prior", found)["best"] in {candidate.name for candidate in found}
    with pytest.raises(CheckpointError, match="half-life"):
        candidates(tmp_path, [0.1])[-1].tensors()
