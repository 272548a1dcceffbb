"""The equivariant convolution, aggregated before it is transformed.

A message of the published layer is a tensor product of the source features x_j with the harmonics (1, s) of the edge,
mixed by weights W h that are linear in the hidden activations h of an edge network. As W is shared by all edges of a
group, the sum over the edges of a target is taken first over the outer product of h, (1, s) and x_j,

    A_i[a, m, c] = sum_j h_ij[a] (1, s_ij)[m] x_j[c],

one matrix product per target, and W acts once per node. No weight is materialised per edge and nothing is scattered.
The result equals the per-edge form exactly (`tests/support/reference_convolution.py` is that form, in e3nn). On a CPU
the compiled kernel does the same inside the cache (`EdgeGroup.listed_sum`); elsewhere A is a tensor.

Conventions: s = sqrt(3) * unit vector from target to source; vectors as (x, y, z).
Source: layer of DiffDock (arXiv:2210.01776) with l <= 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.kernels.convolution import (
    NO_DROPOUT,
    Dropout,
    EdgeRows,
    ProductSizes,
    convolve,
    pack_weights,
    padded_hidden,
)
from disco_dock.models.layers.irreps import Channels, Features

SQRT3 = math.sqrt(3.0)
SQRT2 = math.sqrt(2.0)


def harmonics(vector: Tensor) -> Tensor:
    """(..., 4) harmonics (1, s) of l <= 1 in 'component' normalisation; a zero vector gives s = 0.

    Args:
        vector: (..., 3) edge vectors.
    """
    unit = torch.nn.functional.normalize(vector, dim=-1, eps=1e-12)
    return torch.cat([torch.ones_like(unit[..., :1]), SQRT3 * unit], -1)


def product_channels(inputs: Channels) -> Channels:
    """Numbers of product channels that feed each output irrep."""
    a, b, c, d = inputs
    return Channels(a + b, a + b + c, b + c + d, c + d)


def product_forms(aggregate: Tensor, inputs: Channels) -> Features:
    """The bilinear forms of each output irrep from the aggregate A.

    Args:
        aggregate: (..., 4, hidden, width) sums of h (1, s) x.
        inputs: channels of the source features.

    Returns:
        Features whose last dimension holds the product channels and whose second-last the hidden activations:
        scalars (..., hidden, channels), vectors (..., 3, hidden, channels).
    """
    sizes = [inputs.even_scalars, 3 * inputs.odd_vectors, 3 * inputs.even_vectors, inputs.odd_scalars]
    # unbind and split throughout: their gradients are one concatenation, those of indexing fill a zero tensor each
    scalars, vectors, pseudo, odd = zip(*(part.split(sizes, -1) for part in aggregate.unbind(-3)), strict=True)
    v = [part.unflatten(-1, (3, inputs.odd_vectors)).unbind(-2) for part in vectors]  # v[m][component]
    p = [part.unflatten(-1, (3, inputs.even_vectors)).unbind(-2) for part in pseudo]
    cyclic = ((1, 2), (2, 0), (0, 1))

    def dot(u) -> Tensor:
        return (u[1][0] + u[2][1] + u[3][2]) / SQRT3

    def cross(u) -> list[Tensor]:
        """(feature x s): component k is u_i s_j - u_j s_i for cyclic (i, j, k)."""
        return [(u[1 + j][i] - u[1 + i][j]) / SQRT2 for i, j in cyclic]

    odd_vectors = [torch.cat([scalars[1 + k], v[0][k], c], -1) for k, c in enumerate(cross(p))]
    even_vectors = [torch.cat([c, p[0][k], odd[1 + k]], -1) for k, c in enumerate(cross(v))]
    return Features(
        torch.cat([scalars[0], dot(v)], -1),
        torch.stack(odd_vectors, -3),
        torch.stack(even_vectors, -3),
        torch.cat([dot(p), odd[0]], -1),
    )


class ProductMix(nn.Module):
    """Weights that turn aggregated products into output channels; linear in the hidden activations and a constant."""

    def __init__(self, inputs: Channels, outputs: Channels, hidden: int) -> None:
        super().__init__()
        self.inputs, self.outputs, self.hidden = inputs, outputs, hidden
        bound = 1 / math.sqrt(hidden)
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(hidden + 1, fan_in, fan_out).uniform_(-bound, bound))
            for fan_in, fan_out in zip(product_channels(inputs), outputs, strict=True)
        )

    def product_sizes(self) -> ProductSizes:
        """The channel counts as the compiled kernel takes them."""
        return ProductSizes(tuple(self.inputs), tuple(self.outputs), self.hidden)

    def forward(self, aggregate: Tensor) -> Features:
        """Features of `outputs` from the aggregate (..., 4, hidden + 1, width of inputs)."""
        forms = product_forms(aggregate, self.inputs)
        mixed = []
        for form, weight in zip(forms, self.weights, strict=True):
            fan_in = weight.shape[1]
            flat = weight.flatten(0, 1) / math.sqrt(max(fan_in, 1))
            mixed.append(form.flatten(-2) @ flat)
        return Features(*mixed)


class EdgeGroup(nn.Module):
    """One kind of edge in a convolution: the edge network's first layer and the product weights.

    The first layer acts on [edge embedding, target scalars, source scalars]; its node parts are computed per node.
    """

    def __init__(
        self, inputs: Channels, outputs: Channels, edge_dim: int, scalars: int, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self.sizes = (edge_dim, scalars, scalars)
        reference = nn.Linear(sum(self.sizes), hidden)
        self.weight = nn.Parameter(reference.weight.detach().clone())
        self.bias = nn.Parameter(reference.bias.detach().clone())
        self.dropout = nn.Dropout(dropout)
        self.mix = ProductMix(inputs, outputs, hidden)
        self._prepared: tuple[tuple[int, ...], _Prepared] | None = None

    def node_parts(self, target_scalars: Tensor, source_scalars: Tensor) -> tuple[Tensor, Tensor]:
        """(..., hidden) contributions of the target (with the bias) and of the source nodes."""
        _, target, source = self.weight.split(self.sizes, 1)
        return (
            nn.functional.linear(target_scalars, target, self.bias),
            nn.functional.linear(source_scalars, source),
        )

    def hidden_activations(self, edge: Tensor, target: Tensor, source: Tensor, mask: Tensor) -> Tensor:
        """(..., hidden + 1) activations and the constant one, zero where masked.

        Args:
            edge: (..., edge_dim) edge embeddings.
            target: from `node_parts`, broadcasting to (..., hidden).
            source: from `node_parts`, broadcasting to (..., hidden).
            mask: (..., 1) of 0 and 1.
        """
        weight = self.weight[:, : self.sizes[0]]
        hidden = self.dropout(torch.relu(nn.functional.linear(edge, weight) + target + source))
        return torch.cat([hidden * mask, mask.to(hidden.dtype)], -1)

    def listed_sum(self, rows: EdgeRows, embedding: Tensor, target_scalars: Tensor, source: Tensor) -> Tensor:
        """(targets, width of outputs) summed messages by the compiled kernel, float32 on the CPU.

        Args:
            rows: from whom to whom.
            embedding: (edges, edge_dim).
            target_scalars: (targets, scalars).
            source: (sources, width of inputs) flat features.
        """
        parts = self._prepare()
        at_target = nn.functional.linear(target_scalars, parts.target, parts.bias)
        at_source = nn.functional.linear(source[:, : self.sizes[2]], parts.source)
        dropout = NO_DROPOUT
        if self.training and self.dropout.p:
            dropout = Dropout(self.dropout.p, int(torch.randint(2**31, (1,))))
        return convolve(
            rows,
            self.mix.product_sizes(),
            list(self.mix.weights),
            parts.packed,
            embedding=embedding,
            at_target=at_target,
            at_source=at_source,
            edge_weight=parts.edge,
            x=source,
            dropout=dropout,
        )

    def _prepare(self) -> _Prepared:
        """The weights as the kernel takes them; kept until they change, unless gradients must pass."""
        version = tuple(number for p in self.parameters() for number in (p.data_ptr(), p._version))
        if self._prepared is not None and self._prepared[0] == version and not torch.is_grad_enabled():
            return self._prepared[1]
        missing = padded_hidden(self.mix.hidden) - self.mix.hidden
        edge, target, source = nn.functional.pad(self.weight, (0, 0, 0, missing)).split(self.sizes, 1)
        packed = pack_weights(self.mix.product_sizes(), list(self.mix.weights))
        bias = nn.functional.pad(self.bias, (0, missing))
        prepared = _Prepared(edge.t().contiguous(), target.contiguous(), source.contiguous(), bias, packed)
        if not torch.is_grad_enabled():
            self._prepared = (version, prepared)
        return prepared


class _Prepared(NamedTuple):
    """Parts of the edge network's first layer padded to whole vector registers, and the packed product weights."""

    edge: Tensor
    target: Tensor
    source: Tensor
    bias: Tensor
    packed: Tensor


def aggregate_dense(hidden: Tensor, sh: Tensor, source: Tensor) -> Tensor:
    """A (batch, targets, 4, hidden, width) when all targets of a complex share the same sources.

    Args:
        hidden: (batch, sources, targets, hidden).
        sh: (batch, sources, targets, 4) harmonics.
        source: (batch, sources, width) flat features.
    """
    weighted = sh.unsqueeze(-1) * hidden.unsqueeze(-2)  # (batch, sources, targets, 4, hidden)
    return (weighted.flatten(2).transpose(1, 2) @ source).unflatten(1, weighted.shape[2:])


def aggregate_slots(hidden: Tensor, sh: Tensor, source: Tensor) -> Tensor:
    """A (batch, targets, 4, hidden, width) when every target has its own gathered sources.

    Args:
        hidden: (batch, targets, slots, hidden).
        sh: (batch, targets, slots, 4) harmonics.
        source: (batch, targets, slots, width) flat features.
    """
    weighted = sh.unsqueeze(-1) * hidden.unsqueeze(-2)
    return (weighted.flatten(3).transpose(2, 3) @ source).unflatten(2, weighted.shape[3:])


def gather_nodes(value: Tensor, index: Tensor) -> Tensor:
    """(batch, targets, slots, channels) rows of value (batch, nodes, channels) at index (batch, targets, slots)."""
    batch, targets, slots = index.shape
    flat = index.reshape(batch, targets * slots, 1).expand(-1, -1, value.shape[-1])
    return value.gather(1, flat).view(batch, targets, slots, value.shape[-1])
