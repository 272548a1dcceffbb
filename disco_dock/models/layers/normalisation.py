"""Equivariant normalisations over masked nodes: batch statistics (published) or per node (default)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from disco_dock.models.layers.irreps import Channels, Features
from disco_dock.runtime.distributed import differentiable_total, processes, total


def _mean_over_nodes(value: Tensor, mask: Tensor) -> Tensor:
    """Mean (channels,) of value (..., channels) over the nodes of all processes where mask (...) is true."""
    weight = mask.to(value.dtype)[..., None]
    sums = torch.cat([(value * weight).flatten(0, -2).sum(0), weight.sum().reshape(1)])
    sums = differentiable_total(sums)
    return sums[:-1] / sums[-1].clamp_min(1)


class EquivariantBatchNorm(nn.Module):
    """e3nn's BatchNorm ('component', reduce mean): even scalars are centred, all channels scaled to unit variance.

    Source: e3nn.nn.BatchNorm (arXiv:2207.09453); eps 1e-5, momentum 0.1. Odd scalars have neither mean nor bias.
    """

    def __init__(self, channels: Channels, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.channels, self.eps, self.momentum = channels, eps, momentum
        total = sum(channels)
        self.weight = nn.Parameter(torch.ones(total))
        self.bias = nn.Parameter(torch.zeros(channels.even_scalars))
        self.register_buffer("running_mean", torch.zeros(channels.even_scalars))
        self.register_buffer("running_var", torch.ones(total))
        self.running_mean: Tensor
        self.running_var: Tensor

    @torch.no_grad()
    def _track(self, mean: Tensor, var: Tensor) -> None:
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(var.to(self.running_var.dtype), self.momentum)

    def forward(self, x: Features, mask: Tensor) -> Features:
        """Normalised features; mask (...) marks the real nodes."""
        if self.training:
            mean = _mean_over_nodes(x.even_scalars, mask)
            centred = x.even_scalars - mean
            powers = [centred**2, (x.odd_vectors**2).mean(-2), (x.even_vectors**2).mean(-2), x.odd_scalars**2]
            var = torch.cat([_mean_over_nodes(power, mask) for power in powers])
            self._track(mean, var)
        else:
            mean, var = self.running_mean, self.running_var
            centred = x.even_scalars - mean
        scale = self.weight * (var + self.eps).rsqrt()
        scales = scale.split(list(self.channels))
        return Features(
            centred * scales[0] + self.bias,
            x.odd_vectors * scales[1],
            x.even_vectors * scales[2],
            x.odd_scalars * scales[3],
        )


class ScalarBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of (rows, channels) whose statistics are those of all processes that train together."""

    def forward(self, value: Tensor) -> Tensor:
        """Normalised values."""
        if not self.training or processes().size == 1:
            return super().forward(value)
        everything = torch.ones(len(value), dtype=torch.bool, device=value.device)
        mean = _mean_over_nodes(value, everything)
        var = _mean_over_nodes((value - mean).square(), everything)
        count = total(torch.tensor(float(len(value)), device=value.device))
        with torch.no_grad():
            assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
            self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
            self.running_var.lerp_((var * count / (count - 1).clamp_min(1)).to(self.running_var), self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        return (value - mean) * (var + self.eps).rsqrt() * self.weight + self.bias


class EquivariantLayerNorm(nn.Module):
    """Per-node normalisation: layer norm of the even scalars, root-mean-square norm of each other irrep."""

    def __init__(self, channels: Channels, eps: float = 1e-5) -> None:
        super().__init__()
        self.channels, self.eps = channels, eps
        self.weight = nn.Parameter(torch.ones(sum(channels)))
        self.bias = nn.Parameter(torch.zeros(channels.even_scalars))

    def forward(self, x: Features, mask: Tensor) -> Features:
        """Normalised features; the mask is not needed and only keeps the interface."""
        weights = self.weight.split(list(self.channels))
        scalars = nn.functional.layer_norm(
            x.even_scalars, (self.channels.even_scalars,), weights[0], self.bias, self.eps
        )

        def rms(value: Tensor, weight: Tensor, dims: tuple[int, ...]) -> Tensor:
            if value.shape[-1] == 0:
                return value
            return value * (value.square().mean(dims, keepdim=True) + self.eps).rsqrt() * weight

        return Features(
            scalars,
            rms(x.odd_vectors, weights[1], (-2, -1)),
            rms(x.even_vectors, weights[2], (-2, -1)),
            rms(x.odd_scalars, weights[3], (-1,)),
        )


def make_norm(kind: str, channels: Channels) -> nn.Module:
    """The normalisation named ``batch`` or ``layer``.

    Raises:
        ValueError: another name.
    """
    kinds = {"batch": EquivariantBatchNorm, "layer": EquivariantLayerNorm}
    if kind not in kinds:
        raise ValueError(f"norm must be one of {sorted(kinds)}, got {kind!r}")
    return kinds[kind](channels)
