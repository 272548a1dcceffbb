"""Dropping whole codes, so that the denoiser also learns the unconditional score."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def draw_keep(batch: int, rate: float, generator: torch.Generator) -> Float[Tensor, " batch"]:
    """(batch,) float32, 0.0 with probability `rate` and else 1.0.

    Raises:
        ValueError: rate outside [0, 1].
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"the rate must be in [0, 1], got {rate}")
    return (torch.rand(batch, generator=generator) >= rate).float()


def drop_codes(code: Float[Tensor, "batch ..."], keep: Float[Tensor, " batch"]) -> Float[Tensor, "batch ..."]:
    """(batch, latents, vocab) code with every latent zeroed where keep (batch,) is 0.

    Source: DisCo-Diff (arXiv:2407.03300), sec. 3.1: all latents of a sample are dropped together.
    """
    return code * keep.view(-1, *([1] * (code.dim() - 1))).to(code.dtype)
