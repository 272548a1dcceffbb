"""Continuous latents with a standard normal prior, the counterpart that discrete ones are compared with."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class Gaussian(NamedTuple):
    """Independent normal distributions: mean and log variance, (batch, dims) each."""

    mean: Float[Tensor, "batch dims"]
    log_var: Float[Tensor, "batch dims"]

    def draw(self, normal: Float[Tensor, "batch dims"]) -> Float[Tensor, "batch dims"]:
        """(batch, dims) draws with gradients to mean and variance, from standard normal numbers (batch, dims).

        Source: Kingma and Welling 2014 (arXiv:1312.6114), sec. 2.4.
        """
        return self.mean + normal * (0.5 * self.log_var).exp()

    def divergence(self) -> Float[Tensor, " batch"]:
        """(batch,) Kullback-Leibler divergence from the standard normal, in nats.

        Source: Kingma and Welling 2014 (arXiv:1312.6114), App. B.
        """
        return 0.5 * (self.mean.square() + self.log_var.exp() - 1.0 - self.log_var).sum(-1)


def global_code(value: Float[Tensor, "batch dims"], nodes: int) -> Float[Tensor, "batch dims nodes"]:
    """(batch, dims, nodes) code that shows every node the same numbers (batch, dims).

    It enters a network where a one-hot code does: the marks of a node are then the latent vector.
    """
    return value.unsqueeze(-1).expand(*value.shape, nodes)
