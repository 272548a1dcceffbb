"""Even use of codes."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def unevenness(use: Tensor) -> Tensor:
    """(...) ln k less the entropy, in nats, of how often each of k codes is used; zero when all are used equally often.

    Added to a loss it keeps several modes of the data from sharing one code, which the straight-through gradient alone
    does not. The paper has no such term.

    Args:
        use: (..., vocab) mean over a batch of softmax(logits).
    """
    return math.log(use.shape[-1]) + torch.xlogy(use, use).sum(-1)
