"""Counted memory is what autograd keeps; every preset makes a step at its own sizes."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from disco_image.data.source import SourceInfo
from disco_image.models.denoiser import DenoiserWithEncoder
from disco_image.training.denoiser_stage import DenoiserStage
from disco_image.training.memory import blank_batch, step_memory
from disco_image.training.presets import EXPECTED_CLASSES, PRESETS, preset
from disco_image.training.train_denoiser import model_config
from tests.support.images import model_config as tiny_config


def test_counted_activations_are_those_that_autograd_keeps():
    shape = tiny_config()
    counted = step_memory(shape, 1, low_precision=False)
    torch.manual_seed(0)
    stage = DenoiserStage(DenoiserWithEncoder(shape))
    own = {parameter.data_ptr() for parameter in stage.parameters()}
    kept = {}

    def pack(value):
        storage = value.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return value

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        loss = stage(blank_batch(shape, 5), 1.0).total.mean()
    measured = sum(storage.nbytes() for storage in kept.values())
    assert loss.requires_grad and counted.fixed + 5 * counted.per_image == pytest.approx(measured, rel=0.02)
    assert counted.state == 4 * 5 * sum(parameter.numel() for parameter in stage.parameters())


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_makes_a_step(name):
    """Forward and backward pass of one image, every shape real and no number computed."""
    config = preset(name)
    size = config.data.resolution or 8
    classes = tuple(str(number) for number in range(EXPECTED_CLASSES.get(size, 10)))
    channels = 1 if config.data.source == "digits" else 3
    shape = model_config(config, SourceInfo(name="", count=1, resolution=size, channels=channels, classes=classes))
    with FakeTensorMode():
        model = DenoiserWithEncoder(shape)
        stage = DenoiserStage(model, config.speed.precision == "bfloat16")
        losses = stage(blank_batch(shape, 1), 1.0)
        losses.total.mean().backward()
        reached = [parameter.grad is not None for parameter in model.denoiser.network.parameters()]
    assert losses.total.shape == (1,) and sum(reached) > 0.9 * len(reached)
