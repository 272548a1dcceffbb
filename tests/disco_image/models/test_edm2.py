"""EDM2's network: sizes and equations as published, magnitudes that stay, latents that change nothing at the start."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from disco_dock.runtime.checkpoint import load_weights
from disco_dock.runtime.errors import CheckpointError, ConfigError
from disco_image.cli.convert import main
from disco_image.models.checkpoint import load_models
from disco_image.models.costs import parameters
from disco_image.models.denoiser import Denoiser, ModelConfig
from disco_image.models.edm2 import Edm2Config, Edm2UNet
from disco_image.models.edm2_weights import edm2_config, from_edm2
from disco_image.models.latents import LatentConfig
from disco_image.models.magnitude import Product, blended, joined, magnitude_silu
from disco_image.training.average import average_after
from disco_image.training.train_denoiser import load_initial, train_denoiser
from tests.support.edm2_plain import published_edm2_denoiser, published_edm2_state
from tests.support.images import LATENTS, TwoTone, train_config

SIZES = {"resolution": 16, "width": 64, "multipliers": (1, 2), "blocks": 2, "attention": (8,)}
TINY = Edm2Config(width=8, multipliers=(1, 2), blocks=1, attention=(8, 4), head_width=8)
CPU = torch.device("cpu")


def inputs(classes):
    stream = torch.Generator().manual_seed(1)
    x, sigma = torch.randn(3, 3, 16, 16, generator=stream), torch.tensor([0.01, 0.7, 60.0])
    return x * sigma[:, None, None, None], sigma, torch.eye(classes)[[0, 1, 3]] if classes else None


@pytest.mark.parametrize(("width", "millions"), [(192, 280), (256, 498), (320, 777), (384, 1119)])
def test_parameters_are_those_of_the_published_sizes(width, millions):
    """S, M, L and XL of EDM2's table 2."""
    with torch.device("meta"):
        network = Edm2UNet(Edm2Config(width=width), resolution=64, channels=4, num_classes=1000)
    assert round(parameters(network) / 1e6) == millions


@pytest.mark.parametrize("classes", [0, 5])
def test_converted_network_is_the_published_one(tmp_path, classes, capsys):
    state = published_edm2_state(**SIZES, classes=classes)
    save_file(state, tmp_path / "edm2.safetensors")
    assert main([str(tmp_path / "edm2.safetensors"), str(tmp_path / "run")]) == 0
    assert "edm2 at 16 x 16" in capsys.readouterr().out
    models = load_models(tmp_path / "run", CPU)
    x, sigma, labels = inputs(classes)
    with torch.no_grad():
        expected = published_edm2_denoiser(state)(x, sigma, labels)
        found = models.denoiser(x, sigma, None, labels)
        plain = models.denoiser(x, sigma, None, None if labels is None else labels.roll(1, 0))
    assert float((found - expected).abs().max()) < 1e-4 * float(expected.abs().max())
    assert (labels is None) == torch.equal(found, plain)


def test_latents_are_added_without_a_change_at_the_start_and_learn(tmp_path):
    torch.save({"ema": published_edm2_state(**SIZES, classes=5)}, tmp_path / "edm2.pt")
    assert main([str(tmp_path / "edm2.pt"), str(tmp_path / "run")]) == 0
    plain = load_models(tmp_path / "run", CPU).denoiser
    disco = Denoiser(replace(plain.config, latents=LATENTS)).eval()
    assert load_initial(disco, tmp_path / "run") == set(plain.state_dict())
    x, sigma, labels = inputs(5)
    code = torch.eye(5)[torch.tensor([[0, 1, 2], [2, 3, 4], [4, 0, 1]])]
    found = disco(x, sigma, disco.embed(code), labels)
    with torch.no_grad():
        assert torch.equal(found, plain(x, sigma, None, labels))
    found.square().sum().backward()
    gains = {name: parameter for name, parameter in disco.named_parameters() if name.endswith("cross.gain")}
    assert len(gains) == 6 and all(gain.grad is not None and float(gain.grad) != 0 for gain in gains.values())
    with torch.no_grad():
        for gain in gains.values():
            gain.fill_(0.5)
        assert not torch.allclose(disco(x, sigma, disco.embed(code), labels), found)


def test_magnitudes_stay():
    stream = torch.Generator().manual_seed(0)
    a, b = torch.randn(4, 64, 32, 32, generator=stream), torch.randn(4, 32, 32, 32, generator=stream)
    for out in (Product(64, 64, 3)(a), magnitude_silu(a), blended(a, a.roll(1, 0), 0.3), joined(a, b, 0.5)):
        assert float(out.detach().square().mean().sqrt()) == pytest.approx(1.0, abs=0.06)


def test_stored_filters_are_normalised_in_training_only():
    layer, x = Product(6, 4), torch.randn(2, 6)
    with torch.no_grad():
        layer.weight.mul_(5)
        kept = layer.weight.clone()
        expected = layer.eval()(x)
    assert torch.equal(layer.weight, kept)
    assert torch.allclose(layer.train()(x), expected, atol=1e-3)
    assert torch.allclose(layer.weight.detach().square().mean(1), torch.ones(4), atol=1e-3)


@pytest.mark.parametrize("kind", ["discrete", "none"])
def test_it_trains_and_other_averages_keep_its_frequencies(tmp_path, kind):
    config = train_config(latents=LATENTS if kind == "discrete" else LatentConfig(kind="none"), unet=None, edm2=TINY)
    stage = replace(config.denoiser, tick_images=24, ema_power=(0.1, 0.2), ema_snapshots=True)
    train_denoiser(replace(config, denoiser=stage), TwoTone(), tmp_path, CPU)
    made = load_weights(average_after(tmp_path, 0.15) / "denoiser.safetensors")[0]
    own = load_weights(tmp_path / "checkpoint/denoiser.safetensors")[0]
    assert made.keys() == own.keys()
    assert torch.equal(made["network.fourier.phases"], own["network.fourier.phases"])
    assert float(own["network.out_gain"]) != 0


def test_other_files_and_settings_are_told():
    state = published_edm2_state(**SIZES)
    config = edm2_config(state, "file")
    with pytest.raises(CheckpointError, match="latents of an autoencoder"):
        edm2_config(published_edm2_state(**SIZES, channels=4), "file")
    with pytest.raises(CheckpointError, match=r"8x8_in0\.attn_proj.*missing"):
        from_edm2({k: v for k, v in state.items() if k != "unet.dec.8x8_in0.attn_proj.weight"}, config, "file")
    with pytest.raises(CheckpointError, match="no layer"):
        from_edm2({**state, "unet.extra": torch.zeros(1)}, config, "file")
    with pytest.raises(CheckpointError, match="has shape"):
        from_edm2({**state, "unet.out_conv.weight": torch.zeros(3, 9, 3, 3)}, config, "file")
    shape = {"resolution": 16, "latents": LatentConfig(kind="none"), "edm2": TINY}
    with pytest.raises(ConfigError, match="augmentation"):
        Denoiser(ModelConfig(**shape, augment_width=9))
    with pytest.raises(ConfigError, match="group_resolutions"):
        ModelConfig(**{**shape, "latents": replace(LATENTS, group_resolutions=(4, 8, 16))})
