"""Gumbel-softmax: relaxed draws, and one-hot draws with the gradient of the relaxed ones (straight-through)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

TINY = 1e-20  # keeps the two logarithms finite
MASKED = -1.0e30


def gumbel_noise(uniform: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Standard Gumbel noise -log(-log u) from uniform numbers in [0, 1)."""
    return -torch.log(-torch.log(uniform + TINY) + TINY)


def relaxed_draws(logits: Tensor, *, temperature: float, uniform: Tensor) -> Tensor:
    """(..., vocab) softmax((logits + gumbel) / temperature): no code alone, and an exact gradient.

    Args:
        logits: (..., vocab).
        temperature: of the relaxation, > 0.
        uniform: (..., vocab) in [0, 1).

    Raises:
        ValueError: temperature <= 0.

    Source: Jang et al. 2017 (arXiv:1611.01144), eq. 2.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be > 0, got {temperature}")
    return torch.softmax((logits + gumbel_noise(uniform)) / temperature, -1)


def straight_through_one_hot(
    logits: Float[Tensor, "*batch vocab"],
    *,
    temperature: float,
    uniform: Float[Tensor, "*batch vocab"],
    mask: Bool[Tensor, "... vocab"] | None = None,
) -> Float[Tensor, "*batch vocab"]:
    """(..., vocab) one-hot draws; the gradient is that of softmax((logits + gumbel) / temperature).

    The noise is added before the division, so the draw follows softmax(logits) at every temperature.

    Args:
        logits: (..., vocab).
        temperature: of the relaxation, > 0.
        uniform: (..., vocab) in [0, 1).
        mask: (..., vocab) bool of entries that may be drawn, or None for all.

    Raises:
        ValueError: temperature <= 0, or a row without an entry that may be drawn.

    Source: Jang et al. 2017 (arXiv:1611.01144), eq. 1 and sec. 2.2.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be > 0, got {temperature}")
    noisy = logits + gumbel_noise(uniform)
    if mask is not None:
        if not bool(mask.any(-1).all()):
            raise ValueError("a row of the mask allows no entry")
        noisy = noisy.masked_fill(~mask, MASKED)
    soft = torch.softmax(noisy / temperature, -1)
    hard = torch.zeros_like(soft).scatter(-1, noisy.argmax(-1, keepdim=True), 1.0)
    return hard + (soft - soft.detach())
