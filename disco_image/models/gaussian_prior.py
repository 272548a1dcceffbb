"""Prior of continuous latents: a diffusion model over their tokens."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from disco_dock.runtime.errors import ConfigError
from disco_image.models.embedding import AdmEmbedding
from disco_image.models.layers import TransformerBlock, zero_init
from disco_image.processes.precondition import coefficients, spread


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianPriorConfig:
    """Sizes of the prior.

    Attributes:
        tokens: parts that a latent is cut into.
        dimension: of the latent, divisible by `tokens`.
        num_classes: of the context, 0 for none.
        width: of the tokens.
        layers: transformer blocks.
        heads: of the attention.
    """

    tokens: int
    dimension: int
    num_classes: int = 0
    width: int = 512
    layers: int = 12
    heads: int = 8

    def __post_init__(self) -> None:
        """Check sizes."""
        if self.dimension % self.tokens or self.width % self.heads or self.layers < 1:
            raise ConfigError("the prior needs dimension divisible by tokens, width by heads, and layers >= 1")


class GaussianPrior(nn.Module):
    """Denoiser of normalised latents, (latent - mean) / std, with the transformer that the discrete prior has.

    Args:
        config: sizes.

    Source: DisCo-Diff (arXiv:2407.03300), app. D: a DiT (Peebles and Xie 2022, arXiv:2212.09748) over the latent.
    """

    def __init__(self, config: GaussianPriorConfig) -> None:
        super().__init__()
        self.config = config
        part = config.dimension // config.tokens
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(config.dimension))
        self.register_buffer("std", torch.ones(config.dimension))
        self.embedding = AdmEmbedding(config.width, config.width, config.num_classes)
        self.inlet = nn.Linear(part, config.width)
        self.position = nn.Parameter(0.02 * torch.randn(config.tokens, config.width))
        self.blocks = nn.ModuleList(
            TransformerBlock(config.width, config.heads, embedding=config.width) for _ in range(config.layers)
        )
        self.norm, self.outlet = nn.LayerNorm(config.width), zero_init(nn.Linear(config.width, part))

    def forward(self, latent: Tensor, sigma: Tensor, labels: Tensor | None = None) -> Tensor:
        """Denoised latents (batch, dimension).

        Args:
            latent: (batch, dimension), noisy.
            sigma: (batch,) noise levels.
            labels: (batch, classes) one-hot, or None.
        """
        c = coefficients(sigma, 1.0)
        embedding = self.embedding(c.noise, labels, None)
        hidden = self.inlet((spread(c.c_in, latent) * latent).unflatten(1, (self.config.tokens, -1))) + self.position
        for block in self.blocks:
            hidden = block(hidden, embedding)
        output = self.outlet(self.norm(hidden)).flatten(1)
        return spread(c.skip, latent) * latent + spread(c.out, latent) * output
