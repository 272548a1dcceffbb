"""Denoisers: zero-initialised latents change nothing, groups stay apart, sizes of the paper's models."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from disco_dock.runtime.errors import ConfigError
from disco_image.data.source import SourceInfo
from disco_image.models.costs import count_costs, parameters
from disco_image.models.denoiser import Denoiser, ModelConfig
from disco_image.models.latents import LatentConfig
from disco_image.models.unet import UNet, UNetConfig
from disco_image.training.presets import PRESETS, preset
from disco_image.training.train_denoiser import model_config as config_for
from tests.support.images import LATENTS, UNET, UVIT, model_config, randomised

CODE = torch.eye(5)[torch.tensor([[0, 1, 2], [3, 4, 0]])]


@pytest.mark.parametrize("network", [{"unet": UNET}, {"unet": None, "uvit": UVIT}])
def test_fresh_cross_attention_equals_the_plain_model(network):
    plain = randomised(Denoiser(model_config(latents=LatentConfig(kind="none"), **network)))
    disco = Denoiser(model_config(**network))
    own = disco.state_dict()
    disco.load_state_dict({**own, **plain.state_dict()})
    x, sigma = torch.randn(2, 1, 8, 8), torch.tensor([0.3, 5.0])
    with torch.no_grad():
        expected = plain(x, sigma)
        assert torch.equal(disco(x, sigma, disco.embed(CODE)), expected)
        changed = randomised(disco)
        assert not torch.allclose(
            changed(x, sigma, changed.embed(CODE)), changed(x, sigma, changed.embed(CODE.roll(1, 0)))
        )


@pytest.mark.parametrize("network", [{"unet": UNET}, {"unet": None, "uvit": UVIT}])
def test_batch_of_two_equals_the_two_alone(network):
    model = randomised(Denoiser(model_config(num_classes=2, augment_width=9, **network))).eval()
    x, sigma, labels, moves = torch.randn(2, 1, 8, 8), torch.tensor([0.3, 5.0]), torch.eye(2), torch.randn(2, 9)
    with torch.no_grad():
        both = model(x, sigma, model.embed(CODE), labels, moves)
        for row in range(2):
            part = slice(row, row + 1)
            alone = model(x[part], sigma[part], model.embed(CODE[part]), labels[part], moves[part])
            assert torch.allclose(both[part], alone, atol=1e-5)


def test_each_condition_matters():
    model = randomised(Denoiser(model_config(num_classes=2, augment_width=9))).eval()
    x, sigma = torch.randn(1, 1, 8, 8), torch.tensor([0.7])
    with torch.no_grad():
        base = model(x, sigma, model.embed(CODE[:1]), torch.eye(2)[:1], torch.zeros(1, 9))
        for other in (
            model(x, sigma, model.embed(CODE[1:]), torch.eye(2)[:1], torch.zeros(1, 9)),
            model(x, sigma, model.embed(CODE[:1], torch.zeros(1)), torch.eye(2)[:1], torch.zeros(1, 9)),
            model(x, sigma, model.embed(CODE[:1]), torch.eye(2)[1:], torch.zeros(1, 9)),
            model(x, sigma, model.embed(CODE[:1]), torch.eye(2)[:1], torch.ones(1, 9)),
        ):
            assert not torch.allclose(base, other, atol=1e-4)


def test_groups_are_mixed_apart_and_feed_the_up_blocks_of_their_resolution():
    latents = replace(LATENTS, num_latents=4, group_resolutions=(4, 8))
    model = randomised(Denoiser(model_config(latents=latents))).eval()
    code = torch.eye(5)[torch.tensor([[0, 1, 2, 3]])]
    other = torch.eye(5)[torch.tensor([[0, 1, 4, 4]])]  # the second group differs
    first, second = model.embed(code), model.embed(other)
    assert first is not None and second is not None
    assert torch.equal(first[0], second[0]) and not torch.allclose(first[1], second[1])
    network = model.network
    assert isinstance(network, UNet)
    sizes = {block.cross is not None for block in network.down.values()}
    assert sizes == {False}, "a group feeds a down-sampling block"
    seen = {place for place in network.places.values() if place is not None}
    assert seen == {0, 1}


def test_null_embedding_hides_the_code():
    model = randomised(Denoiser(model_config()))
    dropped = torch.zeros(2)
    a, b = model.embed(CODE, dropped), model.embed(CODE.roll(1, 0), dropped)
    assert a is not None and b is not None and torch.equal(a[0], b[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unet": None}, "exactly one"),
        ({"unet": None, "uvit": UVIT, "latents": replace(LATENTS, group_resolutions=(4, 8, 2))}, "group"),
        ({"resolution": 9}, "halved"),
        ({"latents": replace(LATENTS, group_resolutions=(2, 4, 8))}, "resolution 2"),
    ],
)
def test_shapes_that_do_not_fit_are_told(changes, message):
    with pytest.raises(ConfigError, match=message):
        Denoiser(model_config(**changes))


def test_presets_have_the_papers_sizes():
    def costs(name):
        config = preset(name)
        classes = tuple(map(str, range(1000))) if config.data.resolution >= 64 else ()
        info = SourceInfo(name="", count=1, resolution=config.data.resolution or 8, channels=3, classes=classes)
        return config, config_for(config, info)

    _, shape = costs("imagenet64")
    plain = count_costs(replace(shape, latents=LatentConfig(kind="none")), None)["denoiser_parameters"]
    assert plain == 295_899_267  # EDM's published ImageNet-64 network
    assert shape.latents.num_latents == 10 and shape.latents.vocab_size == 100
    config, shape = costs("imagenet64-hier")
    assert shape.latents.num_latents == 30 and shape.latents.groups == 3
    config, shape = costs("imagenet128")
    assert shape.uvit is not None and shape.uvit.depth == 36
    model_costs = count_costs(shape, None)
    assert model_costs["denoiser_gflops"] > 1000 and 80e6 < model_costs["encoder_parameters"] < 90e6
    assert config.levels.kind == "monotonic" and set(PRESETS) >= {"imagenet64-uncond", "cifar10", "digits"}


def test_imagenet_trains_as_edm_does():
    for name in ("imagenet64", "imagenet64-uncond", "imagenet64-hier"):
        config = preset(name)
        assert not config.data.flip and config.data.augment == 0 and config.data.crop == "edm"
        assert config.denoiser.betas == (0.9, 0.999) and config.denoiser.batch_size == 4096
        assert (config.levels.p_mean, config.levels.p_std, config.process.sigma_max) == (-1.2, 1.2, 80.0)
    assert preset("cifar10").data.augment == 0.12 and preset("cifar10").denoiser.betas == (0.9, 0.999)


def test_cifar10_is_the_published_ddpmpp():
    config = preset("cifar10")
    info = SourceInfo(name="", count=1, resolution=32, channels=3, classes=tuple("0123456789"))
    shape = replace(config_for(config, info), latents=LatentConfig(kind="none"))
    assert count_costs(shape, None)["denoiser_parameters"] == 55_735_299
    with torch.device("meta"):
        network = Denoiser(shape).network
    attends = {name for side in (network.down, network.up) for name, block in side.items() if block.attention}
    assert "8x8_in0" in attends and "8x8_block0" not in attends
    decoder = [name for name, block in network.up.items() if block.attention]
    assert decoder == ["8x8_in0", "16x16_block4"]


def test_meta_counts_are_those_of_the_real_module():
    config = model_config()
    assert count_costs(config, None)["denoiser_parameters"] == parameters(Denoiser(config))


def test_counted_operations_of_one_convolution():
    config = ModelConfig(
        resolution=4,
        channels=1,
        latents=LatentConfig(kind="none"),
        unet=UNetConfig(width=64, multipliers=(1,), blocks=1),
    )
    small = count_costs(config, None)["denoiser_gflops"]
    large = count_costs(replace(config, resolution=8), None)["denoiser_gflops"]
    assert 3.8 < large / small < 4.2  # convolutions grow with the pixels, attention faster, the embedding not at all
