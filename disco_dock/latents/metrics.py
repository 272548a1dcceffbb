"""How much of a latent space is used, and how well it is predicted."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor


def code_usage(index: Int[Tensor, "batch latents"], vocab: int) -> Int[Tensor, "latents vocab"]:
    """(latents, vocab) counts of indices (batch, latents)."""
    return torch.stack([torch.bincount(column, minlength=vocab) for column in index.unbind(-1)])


def perplexity(counts: Shaped[Tensor, "*batch vocab"]) -> Float[Tensor, "*batch"]:
    """(...) exponential of the entropy of counts (..., vocab): the effective number of codes in use."""
    p = counts.double() / counts.sum(-1, keepdim=True).clamp_min(1)
    return torch.exp(-(p * torch.log(p.clamp_min(1e-300))).sum(-1))


def entropy(
    logits: Float[Tensor, "*batch vocab"], mask: Bool[Tensor, "... vocab"] | None = None
) -> Float[Tensor, "*batch"]:
    """(...) entropy in nats of softmax(logits) over the last dimension, masked entries left out."""
    if mask is not None:
        logits = logits.masked_fill(~mask, -1.0e30)
    log_p = torch.log_softmax(logits.double(), -1)
    return -(log_p.exp() * log_p).sum(-1)


def accuracy(logits: Float[Tensor, "*batch vocab"], index: Int[Tensor, "*batch"]) -> Float[Tensor, ""]:
    """Share of rows whose largest logit (batch, vocab) is at index (batch,)."""
    return (logits.argmax(-1) == index).double().mean()
