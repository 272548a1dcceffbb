"""Memory that a training step will take, counted without computing anything."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from disco_image.models.costs import parameters
from disco_image.models.denoiser import DenoiserWithEncoder, ModelConfig
from disco_image.training.denoiser_stage import DenoiserStage, StageBatch


class StepMemory(NamedTuple):
    """Bytes of a process that trains stage 1.

    Attributes:
        state: weights, gradients, AdamW's two moments and the averages, in float32.
        fixed: kept for the backward pass whatever the number of images, such as weights in bfloat16.
        per_image: activations kept for the backward pass, per image of a micro-batch.
    """

    state: int
    fixed: int
    per_image: int

    def total(self, images: int) -> int:
        """Bytes of a step with that many images at once; temporary buffers come on top."""
        return self.state + self.fixed + images * self.per_image


def step_memory(shape: ModelConfig, averages: int, low_precision: bool) -> StepMemory:
    """The memory of a training step; modules are built of tensors without data.

    Args:
        shape: of the networks.
        averages: kept of the weights.
        low_precision: whether the networks run in bfloat16.
    """
    with FakeTensorMode():
        model = DenoiserWithEncoder(shape)
        stage = DenoiserStage(model, low_precision)
        one, two = (_saved_bytes(stage, shape, count) for count in (1, 2))
        state = 4 * parameters(model) * (4 + averages)
    return StepMemory(state, 2 * one - two, two - one)


def _saved_bytes(stage: DenoiserStage, shape: ModelConfig, count: int) -> int:
    """Bytes that autograd keeps in a forward pass, weights not counted."""
    own = {parameter.untyped_storage()._cdata for parameter in stage.parameters()}
    seen: dict[int, torch.UntypedStorage] = {}

    def pack(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage._cdata not in own:
            seen[storage._cdata] = storage
        return value

    batch = blank_batch(shape, count)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        loss = stage(batch, 1.0).total.mean()
    assert loss.requires_grad
    return sum(storage.nbytes() for storage in seen.values())


def blank_batch(shape: ModelConfig, count: int) -> StageBatch:
    """A batch of grey images, for measuring and counting."""
    return StageBatch(
        images=torch.zeros(count, *shape.image_shape),
        labels=torch.zeros(count, shape.num_classes) if shape.num_classes else None,
        augment=torch.zeros(count, shape.augment_width) if shape.augment_width else None,
        sigma=torch.ones(count),
        weight=torch.ones(count),
        noise=torch.zeros(count, *shape.image_shape),
        latent_random=None if shape.latents.kind == "none" else torch.full((count, *shape.latents.shape()), 0.5),
        keep=torch.ones(count),
    )
