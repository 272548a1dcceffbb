"""Parameters and floating-point operations of a model, counted without computing anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from disco_dock.latents.transformer import CodePrior, CodePriorConfig
from disco_image.models.denoiser import DenoiserWithEncoder, ModelConfig


def parameters(module: nn.Module | None) -> int:
    """Number of trained numbers."""
    return 0 if module is None else sum(parameter.numel() for parameter in module.parameters())


def _gigaflops(call: Callable[[], Any]) -> float:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        call()
    return counter.get_total_flops() / 1e9


def count_costs(config: ModelConfig, prior: CodePriorConfig | None) -> dict[str, int | float]:
    """Parameters of each network, and GFLOPs of one image through it (a multiply-add is two).

    The networks are built on torch's meta device, so that a model of two billion parameters costs no memory.
    """
    with torch.device("meta"):
        model = DenoiserWithEncoder(config).eval()
        images = torch.zeros(1, *config.image_shape)
        labels = torch.zeros(1, config.num_classes) if config.num_classes else None
        augment = torch.zeros(1, config.augment_width) if config.augment_width else None
        sigma = torch.ones(1)
        out: dict[str, int | float] = {}
        tokens = None
        if model.encoder is not None:
            encoder, latent = model.encoder, torch.zeros(1, *config.latents.shape())
            tokens = model.denoiser.embed(latent)
            cross = sum(parameters(module) for name, module in model.denoiser.named_modules() if name.endswith("cross"))
            out["token_parameters"] = parameters(model.denoiser.tokens)
            out["cross_attention_parameters"] = cross
            out["encoder_parameters"] = parameters(encoder)
            out["encoder_gflops"] = _gigaflops(lambda: encoder(images, labels))
            out["token_gflops"] = _gigaflops(lambda: model.denoiser.embed(latent))
        out["denoiser_parameters"] = parameters(model.denoiser)
        out["denoiser_gflops"] = _gigaflops(lambda: model.denoiser(images, sigma, tokens, labels, augment))
        if prior is not None:
            network = CodePrior(prior)
            index = torch.zeros(1, prior.codebook.num_latents, dtype=torch.long)
            classes = torch.zeros(1, dtype=torch.long) if prior.num_classes else None
            out["prior_parameters"] = parameters(network)
            out["prior_gflops"] = _gigaflops(lambda: network(index, classes))
    return out
