"""How much codes could tell and how much they do."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def unevenness(use: Float[Tensor, "*batch vocab"]) -> Float[Tensor, "*batch"]:
    """(...) ln k less the entropy, in nats, of how often each of k codes is used; zero when all are used equally often.

    Added to a loss it keeps several modes of the data from sharing one code, which the straight-through gradient alone
    does not, as long as something else makes the encoder sure of its codes: one that is never sure is even, too. The
    paper has no such term.

    Args:
        use: (..., vocab) mean over a batch of softmax(logits).
    """
    return math.log(use.shape[-1]) + torch.xlogy(use, use).sum(-1)


def missing_information(
    logits: Float[Tensor, "batch *latents vocab"], mean: Callable[[Tensor], Tensor]
) -> Float[Tensor, "*latents"]:
    """(...) ln k less the mutual information, in nats, of a datum and its code of k.

    Zero when the encoder is sure of every code and uses all of them equally often. The paper has no such term.

    Args:
        logits: (batch, ..., vocab) of the encoder.
        mean: over the first dimension, of all processes.
    """
    log_p = torch.log_softmax(logits, -1)
    p = log_p.exp()
    return unevenness(mean(p)) - mean((p * log_p).sum(-1))
