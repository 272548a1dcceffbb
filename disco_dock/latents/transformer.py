"""Causal transformer over codes, with a class as context and a cache for sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from disco_dock.latents.autoregressive import NextLogits
from disco_dock.latents.spaces import Codebook


@dataclass(frozen=True, kw_only=True, slots=True)
class CodePriorConfig:
    """Sizes of the prior.

    Attributes:
        codebook: the latents.
        num_classes: of the context, 0 for none.
        width: of the tokens.
        layers: transformer blocks.
        heads: of the attention.
        dropout: on embeddings and branches.
    """

    codebook: Codebook
    num_classes: int = 0
    width: int = 512
    layers: int = 12
    heads: int = 8
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check sizes."""
        if self.width % self.heads or self.layers < 1 or not 0 <= self.dropout < 1:
            raise ValueError("the prior needs a width divisible by heads, layers >= 1 and dropout in [0, 1)")


class Block(nn.Module):
    """Pre-norm causal transformer block that can keep the keys and values of earlier positions."""

    def __init__(self, config: CodePriorConfig) -> None:
        super().__init__()
        self.heads, self.dropout, width = config.heads, config.dropout, config.width
        self.norm_a, self.norm_b = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(
        self, x: Float[Tensor, "batch tokens width"], cache: list[Tensor] | None = None
    ) -> Float[Tensor, "batch tokens width"]:
        """Tokens (batch, tokens, width) of the same shape.

        Args:
            x: tokens; with a cache the ones that follow those seen.
            cache: empty, or [keys, values] (batch, heads, seen, width / heads); extended in place.
        """
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(self.norm_a(x)).chunk(3, -1)
        )
        if cache is not None:
            if cache:
                key, value = torch.cat([cache[0], key], 2), torch.cat([cache[1], value], 2)
            cache[:] = [key, value]
        # a single query that comes last sees everything, so it needs no mask
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=query.shape[2] > 1)
        x = x + F.dropout(self.out(mixed.transpose(1, 2).flatten(2)), self.dropout, self.training)
        hidden = self.narrow(F.gelu(self.wide(self.norm_b(x))))
        return x + F.dropout(hidden, self.dropout, self.training)


class CodePrior(nn.Module):
    """p(z_1) p(z_2 | z_1) ... given a class.

    Args:
        config: sizes.

    Source: DisCo-Diff (arXiv:2407.03300), sec. 3.3 and app. D.
    """

    def __init__(self, config: CodePriorConfig) -> None:
        super().__init__()
        self.config = config
        count, vocab = config.codebook.logits_shape()
        self.start = nn.Parameter(0.02 * torch.randn(1, 1, config.width))
        self.label = nn.Embedding(config.num_classes, config.width) if config.num_classes else None
        self.codes = nn.Parameter(0.02 * torch.randn(count, vocab, config.width))
        self.position = nn.Parameter(0.02 * torch.randn(count, config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.heads = nn.Parameter(torch.randn(count, config.width, vocab) * 0.1 / math.sqrt(config.width))

    def _embed(self, index: Tensor, labels: Tensor | None) -> Tensor:
        """Inputs (batch, min(given + 1, latents), width): a start token, then the given codes."""
        batch, given = index.shape
        first = self.start.expand(batch, -1, -1)
        if self.label is not None:
            if labels is None:
                raise ValueError("this prior needs class labels")
            first = first + self.label(labels)[:, None]
        usable = min(given, self.config.codebook.num_latents - 1)
        place = torch.arange(usable, device=index.device)
        hidden = torch.cat([first, self.codes[place, index[:, :usable]]], 1)
        return F.dropout(hidden + self.position[: usable + 1], self.config.dropout, self.training)

    def forward(
        self, index: Int[Tensor, "batch latents"], labels: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch latents vocab"]:
        """(batch, latents, vocab) logits of every latent given the earlier ones.

        Args:
            index: (batch, latents) codes.
            labels: (batch,) classes, or None for a prior without.

        Raises:
            ValueError: labels are missing.
        """
        hidden = self._embed(index, labels)
        for block in self.blocks:
            hidden = block(hidden)
        return torch.einsum("bmw,mwk->bmk", self.norm(hidden), self.heads)

    def step_function(self, labels: Tensor | None = None) -> NextLogits:
        """The next latent's logits for `latents.autoregressive.sample_codes`; asked in order, one batch.

        Each step computes one new position; earlier keys and values are kept.
        """
        caches: list[list[Tensor]] = [[] for _ in self.blocks]

        def next_logits(index: Tensor, i: int) -> Tensor:
            hidden = self._embed(index, labels)[:, -1:]
            for block, cache in zip(self.blocks, caches, strict=True):
                hidden = block(hidden, cache)
            return self.norm(hidden)[:, 0] @ self.heads[i]

        return next_logits

    def loss(
        self, index: Int[Tensor, "batch latents"], labels: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, " batch"]:
        """(batch,) negative log likelihood in nats."""
        logits = self(index, labels)
        each = F.cross_entropy(logits.transpose(1, 2), index, reduction="none")
        return each.sum(-1)
