"""Sampling and likelihood of codes, one latent after another."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from disco_dock.latents.gumbel import MASKED

GREEDY = 100.0  # inverse temperatures from here on mean argmax
NextLogits = Callable[[Tensor, int], Tensor]
"""(index of the earlier latents (batch, i), i) -> logits (batch, vocab) of latent i."""


def next_log_probabilities(
    logits: Float[Tensor, "batch vocab"], inverse_temperature: float, mask: Bool[Tensor, "... vocab"] | None
) -> Float[Tensor, "batch vocab"]:
    """(batch, vocab) log probabilities proportional to exp(inverse_temperature * logits), masked entries at zero.

    Args:
        logits: (batch, vocab).
        inverse_temperature: below 1 flattens; the published docking prior uses exp(-1.5); at most 100 is used.
        mask: (batch, vocab) bool of allowed entries, or None.
    """
    scaled = logits.double() * min(inverse_temperature, GREEDY)
    if mask is not None:
        scaled = scaled.masked_fill(~mask, MASKED)
    return torch.log_softmax(scaled, -1)


def sample_codes(
    next_logits: NextLogits,
    *,
    num_latents: int,
    uniform: Float[Tensor, "batch columns"],
    inverse_temperature: float = 1.0,
    mask: Bool[Tensor, "... vocab"] | None = None,
    forced: Int[Tensor, "batch columns"] | None = None,
) -> tuple[Int[Tensor, "batch latents"], Float[Tensor, " batch"]]:
    """Indices (batch, latents) and their log probability (batch,).

    Each latent is the inverse of the cumulative distribution at its own uniform number, so that a sample does not
    depend on the others of its batch.

    Args:
        next_logits: the prior.
        num_latents: how many are drawn.
        uniform: (batch, latents) in [0, 1).
        inverse_temperature: from 100 on the most probable entry is taken.
        mask: (batch, vocab) bool of allowed entries, or None.
        forced: (batch, latents) int64, entries >= 0 are taken instead of drawn, or None.

    Raises:
        ValueError: `uniform` has the wrong number of columns, or a row of the mask allows no entry.
    """
    if uniform.shape[1] != num_latents:
        raise ValueError(f"uniform needs {num_latents} columns, got {uniform.shape[1]}")
    if mask is not None and not bool(mask.any(-1).all()):
        raise ValueError("a row of the mask allows no entry")
    index = torch.zeros(len(uniform), 0, dtype=torch.long, device=uniform.device)
    total = torch.zeros(len(uniform), dtype=torch.float64, device=uniform.device)
    for i in range(num_latents):
        log_p = next_log_probabilities(next_logits(index, i), inverse_temperature, mask)
        if inverse_temperature >= GREEDY:
            drawn = log_p.argmax(-1)
        else:
            cdf = log_p.exp().cumsum(-1)
            level = uniform[:, i : i + 1].double() * cdf[:, -1:]
            drawn = torch.searchsorted(cdf, level, right=True).squeeze(-1).clamp_max(log_p.shape[-1] - 1)
        if forced is not None:
            drawn = torch.where(forced[:, i] >= 0, forced[:, i], drawn)
        total = total + log_p.gather(-1, drawn[:, None]).squeeze(-1)
        index = torch.cat([index, drawn[:, None]], 1)
    return index, total


def log_probability(
    next_logits: NextLogits,
    index: Int[Tensor, "batch latents"],
    *,
    inverse_temperature: float = 1.0,
    mask: Bool[Tensor, "... vocab"] | None = None,
) -> Float[Tensor, " batch"]:
    """(batch,) log probability of given indices (batch, latents)."""
    total = torch.zeros(len(index), dtype=torch.float64, device=index.device)
    for i in range(index.shape[1]):
        log_p = next_log_probabilities(next_logits(index[:, :i], i), inverse_temperature, mask)
        total = total + log_p.gather(-1, index[:, i : i + 1]).squeeze(-1)
    return total
