"""The two latent spaces, and codes as indices and as one-hot tensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class NodePointer:
    """Each latent is a categorical over the nodes of its own graph, so the vocabulary differs between samples."""

    num_latents: int

    def __post_init__(self) -> None:
        """Check the count."""
        if self.num_latents < 0:
            raise ValueError(f"num_latents must not be negative, got {self.num_latents}")

    def logits_shape(self, nodes: int) -> tuple[int, int]:
        """(latents, vocabulary) of a sample with that many nodes."""
        return self.num_latents, nodes


@dataclass(frozen=True, kw_only=True, slots=True)
class Codebook:
    """Each latent is one of `vocab_size` codes, the same for every sample."""

    num_latents: int
    vocab_size: int

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.num_latents < 0 or self.vocab_size < 1:
            raise ValueError(f"codebook sizes must be positive, got {self.num_latents} x {self.vocab_size}")

    def logits_shape(self, nodes: int = 0) -> tuple[int, int]:
        """(latents, vocabulary); the number of nodes does not matter."""
        del nodes
        return self.num_latents, self.vocab_size


def one_hot(index: Int[Tensor, "*batch"], vocab: int) -> Float[Tensor, "*batch vocab"]:
    """(..., latents, vocab) float32 code from indices (..., latents); -1 gives a null latent of zeros.

    Raises:
        ValueError: an index is not below `vocab`.
    """
    if bool((index >= vocab).any()):
        raise ValueError(f"index {int(index.max())} is not below the vocabulary size {vocab}")
    hot = torch.nn.functional.one_hot(index.clamp_min(0), vocab).float()
    return hot * (index >= 0).unsqueeze(-1)


def to_index(code: Float[Tensor, "*batch vocab"]) -> Int[Tensor, "*batch"]:
    """(..., latents) int64 indices of a code (..., latents, vocab); -1 where the latent is null."""
    return torch.where(is_null(code), -1, code.argmax(-1))


def is_null(code: Float[Tensor, "*batch vocab"]) -> Bool[Tensor, "*batch"]:
    """(..., latents) bool, true where a latent is all zeros."""
    return code.sum(-1) == 0


def null_code(batch: int, num_latents: int, vocab: int) -> Float[Tensor, "batch latents vocab"]:
    """(batch, latents, vocab) zeros: every latent dropped."""
    return torch.zeros(batch, num_latents, vocab)
