"""Latents of an image: their settings, the encoder that infers them and the tokens that the denoiser sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.latents.dropout import drop_codes
from disco_dock.latents.gumbel import relaxed_draws, straight_through_one_hot
from disco_dock.latents.spaces import Codebook
from disco_dock.runtime.errors import ConfigError
from disco_image.models.layers import TransformerBlock


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentConfig:
    """Which latents a model has, and the networks around them.

    Attributes:
        kind: ``none`` for a plain diffusion model, ``discrete`` for DisCo-Diff, ``gaussian`` for continuous latents.
        num_latents: m, of discrete latents; of the tokens that carry a continuous one.
        vocab_size: k, the codes of each discrete latent.
        dimension: of a continuous latent, divisible by `num_latents`.
        gumbel: what training sees: ``straight-through`` one-hot codes with the gradient of the relaxed ones (as the
            paper's docking code), or the ``relaxed`` ones themselves (as its text reads). Sampling always takes one-hot
            codes.
        null_token: whether a learnt token stands beside the latents' at all times, so that attention can turn away
            from them (the paper's section 5 suggests it).
        kl_weight: of a continuous latent's divergence from the standard normal, over the number of pixels.
        information: weight of the nats by which what a code tells falls short of ln k, mean over latents; the paper has
            no such term.
        group_resolutions: empty, or the resolution of each group of latents; groups are of equal size.
        token_width: of the tokens.
        token_layers: of the transformer over the tokens.
        encoder_patch: pixels along a patch of the encoder.
        encoder_width: of the encoder.
        encoder_layers: of the encoder.
        encoder_heads: of the encoder.
        encoder_classes: whether the encoder sees the class label.
    """

    kind: Literal["none", "discrete", "gaussian"] = "discrete"
    num_latents: int = 10
    vocab_size: int = 100
    dimension: int = 1000
    gumbel: Literal["straight-through", "relaxed"] = "straight-through"
    null_token: bool = False
    kl_weight: float = 0.1
    information: float = 0.0
    group_resolutions: tuple[int, ...] = ()
    token_width: int = 192
    token_layers: int = 6
    encoder_patch: int = 8
    encoder_width: int = 768
    encoder_layers: int = 12
    encoder_heads: int = 12
    encoder_classes: bool = False

    def __post_init__(self) -> None:
        """Check sizes."""
        if self.num_latents < 1 or self.vocab_size < 2:
            raise ConfigError("latents needs num_latents >= 1 and vocab_size >= 2; kind: none leaves them out")
        if self.kind == "gaussian" and self.dimension % self.num_latents:
            raise ConfigError(f"latents.dimension {self.dimension} is not divisible by {self.num_latents} tokens")
        if self.group_resolutions and self.num_latents % len(self.group_resolutions):
            raise ConfigError(
                f"latents.num_latents {self.num_latents} is not divisible by {len(self.group_resolutions)} groups"
            )
        for name in ("kl_weight", "information"):
            if getattr(self, name) < 0:
                raise ConfigError(f"latents.{name} must not be negative, got {getattr(self, name)}")

    @property
    def groups(self) -> int:
        """Number of groups of latents."""
        return max(1, len(self.group_resolutions))

    @property
    def codebook(self) -> Codebook:
        """The space of discrete latents."""
        return Codebook(num_latents=self.num_latents, vocab_size=self.vocab_size)

    def shape(self) -> tuple[int, ...]:
        """Shape of one sample's latent: (latents, vocab) one-hot, or (dimension,)."""
        return self.codebook.logits_shape() if self.kind == "discrete" else (self.dimension,)


class Inferred(NamedTuple):
    """Latents of a batch of images.

    Attributes:
        latent: (batch, latents, vocab) one-hot or (batch, dimension).
        kl: (batch,) divergence from the prior in nats, zero for discrete latents.
        logits: (batch, latents, vocab), or the (batch, 2, dimension) mean and log standard deviation.
    """

    latent: Tensor
    kl: Tensor
    logits: Tensor


class LatentEncoder(nn.Module):
    """Vision transformer with one class token per latent, from a clean image to its latents.

    Args:
        config: sizes.
        resolution: of the images, divisible by the patch.
        channels: of the images.
        num_classes: width of the class label, 0 for none.

    Source: DisCo-Diff (arXiv:2407.03300), app. D.
    """

    def __init__(self, config: LatentConfig, *, resolution: int, channels: int, num_classes: int = 0) -> None:
        super().__init__()
        if resolution % config.encoder_patch:
            raise ConfigError(
                f"resolution {resolution} is not divisible by latents.encoder_patch {config.encoder_patch}"
            )
        self.config = config
        width, patch, count = config.encoder_width, config.encoder_patch, config.num_latents
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.queries = nn.Parameter(0.02 * torch.randn(1, count, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, (resolution // patch) ** 2, width))
        self.label = nn.Linear(num_classes, width, bias=False) if num_classes and config.encoder_classes else None
        self.blocks = nn.ModuleList(TransformerBlock(width, config.encoder_heads) for _ in range(config.encoder_layers))
        self.norm = nn.LayerNorm(width)
        out = config.vocab_size if config.kind == "discrete" else 2 * config.dimension // count
        self.heads = nn.Parameter(torch.randn(count, width, out) / math.sqrt(width))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (batch, latents, vocab) of discrete latents, or (batch, 2, dimension) mean and log std.

        Args:
            images: (batch, channels, resolution, resolution), clean, in [-1, 1].
            labels: (batch, classes) one-hot, or None.
        """
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.position
        if self.label is not None and labels is not None:
            tokens = tokens + self.label(labels)[:, None]
        hidden = torch.cat([self.queries.expand(len(images), -1, -1).to(tokens.dtype), tokens], 1)
        for block in self.blocks:
            hidden = block(hidden)
        read = self.norm(hidden[:, : self.config.num_latents])
        out = torch.einsum("bmw,mwo->bmo", read, self.heads.to(read.dtype)).float()
        if self.config.kind == "discrete":
            return out
        mean, log_std = out.chunk(2, -1)
        return torch.stack([mean.flatten(1), log_std.flatten(1)], 1)

    def infer(self, logits: Tensor, random: Tensor, temperature: float) -> Inferred:
        """Latents drawn from the encoder's output; relaxed ones in training mode only.

        Args:
            logits: from `forward`.
            random: uniform (batch, latents, vocab) in [0, 1), or standard normal (batch, dimension).
            temperature: of the Gumbel-softmax.
        """
        if self.config.kind == "discrete":
            relaxed = self.config.gumbel == "relaxed" and self.training
            draw = relaxed_draws if relaxed else straight_through_one_hot
            code = draw(logits, temperature=temperature, uniform=random)
            return Inferred(code, logits.new_zeros(len(logits)), logits)
        mean, log_std = logits[:, 0], logits[:, 1].clamp(-8.0, 4.0)
        kl = 0.5 * (mean.square() + (2 * log_std).exp() - 1 - 2 * log_std).sum(-1)
        return Inferred(mean + log_std.exp() * random, kl, logits)


class LatentTokens(nn.Module):
    """Embeds latents and mixes them by a transformer; groups of latents are mixed each on its own.

    Args:
        config: sizes.

    Source: DisCo-Diff (arXiv:2407.03300), app. D.
    """

    def __init__(self, config: LatentConfig) -> None:
        super().__init__()
        self.config = config
        width, count = config.token_width, config.num_latents
        self.per_token = config.vocab_size if config.kind == "discrete" else config.dimension // count
        scale = 1.0 if config.kind == "discrete" else 1 / math.sqrt(self.per_token)
        self.table = nn.Parameter(scale * torch.randn(count, self.per_token, width))
        self.null = nn.Parameter(torch.randn(count, width))
        self.position = nn.Parameter(torch.randn(count, width))
        self.beside = nn.Parameter(torch.randn(config.groups, width)) if config.null_token else None
        heads = max(1, width // 32)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads) for _ in range(config.token_layers))

    def forward(self, latent: Tensor, keep: Tensor) -> list[Tensor]:
        """One (batch, tokens of the group, width) per group: its latents, and the null token where there is one.

        Args:
            latent: (batch, latents, vocab) one-hot, or (batch, dimension).
            keep: (batch,) 1.0 keeps the latents, 0.0 takes the null embedding.
        """
        parts = drop_codes(latent.unflatten(1, (self.config.num_latents, -1)) if latent.dim() == 2 else latent, keep)
        dropped = (1.0 - keep)[:, None, None].to(parts.dtype)
        tokens = torch.einsum("bmk,mkw->bmw", parts, self.table) + dropped * self.null + self.position
        grouped = tokens.unflatten(1, (self.config.groups, -1))
        if self.beside is not None:
            beside = self.beside[:, None].expand(len(grouped), -1, -1, -1).to(grouped.dtype)
            grouped = torch.cat([grouped, beside], 2)
        grouped = grouped.flatten(0, 1)
        for block in self.blocks:
            grouped = block(grouped)
        return list(grouped.unflatten(0, (-1, self.config.groups)).unbind(1))
