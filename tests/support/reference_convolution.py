"""The published convolution edge by edge: e3nn's tensor product with its own weights per edge, then a scatter.

Slow and memory hungry; the oracle of the aggregated form in `disco_dock.models.layers.tensor_product`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from e3nn import o3
from torch import Tensor
from torch_geometric.utils import scatter

from disco_dock.models.layers.irreps import Channels, Features

SH = o3.Irreps("1x0e+1x1o")
NAMES = ("0e", "1o", "1e", "0o")
SOURCES = {"0e": ("0e", "1o"), "1o": ("0e", "1o", "1e"), "1e": ("1o", "1e", "0o"), "0o": ("1e", "0o")}


def irreps(channels: Channels) -> o3.Irreps:
    """The e3nn irreps of some channels, keeping empty ones so that positions agree."""
    return o3.Irreps([(count, name) for count, name in zip(channels, NAMES, strict=True)])


def to_e3nn(features: Features) -> Tensor:
    """(nodes, width) with vectors channel by channel, as e3nn has them."""
    vectors = (part.transpose(-1, -2).flatten(-2) for part in (features.odd_vectors, features.even_vectors))
    odd, even = vectors
    return torch.cat([features.even_scalars, odd, even, features.odd_scalars], -1)


def from_e3nn(flat: Tensor, channels: Channels) -> Features:
    """The inverse of `to_e3nn`."""
    sizes = [channels.even_scalars, 3 * channels.odd_vectors, 3 * channels.even_vectors, channels.odd_scalars]
    scalars, odd, even, pseudo = flat.split(sizes, -1)
    return Features(
        scalars,
        odd.unflatten(-1, (channels.odd_vectors, 3)).transpose(-1, -2),
        even.unflatten(-1, (channels.even_vectors, 3)).transpose(-1, -2),
        pseudo,
    )


def _ordered_weights(product: o3.FullyConnectedTensorProduct, weights: Sequence[Tensor], inputs: Channels) -> Tensor:
    """(hidden + 1, numbers) product weights in the order of e3nn's instructions."""
    blocks = []
    for instruction in product.instructions:
        kind_in, kind_out = NAMES[instruction.i_in1], NAMES[instruction.i_out]
        start = 0
        for name in SOURCES[kind_out]:
            size = inputs[NAMES.index(name)]
            if name == kind_in:
                blocks.append(weights[instruction.i_out][:, start : start + size].flatten(1))
            start += size
    return torch.cat(blocks, 1)


def reference_sum(
    weights: Sequence[Tensor],
    hidden: Tensor,
    vector: Tensor,
    features: Features,
    outputs: Channels,
    source: Tensor,
    target: Tensor,
    num_targets: int,
) -> Features:
    """Summed messages at each target.

    Args:
        weights: per output irrep (hidden + 1, in, out), in order of `ProductMix`.
        hidden: (edges, hidden + 1) activations and the constant one.
        vector: (edges, 3) from target to source.
        features: of the source nodes, (nodes, ...).
        outputs: channels of the messages.
        source: (edges,) index into the features.
        target: (edges,) where each message goes.
        num_targets: number of targets.
    """
    inputs = features.channels
    product = o3.FullyConnectedTensorProduct(irreps(inputs), SH, irreps(outputs), shared_weights=False)
    sh = o3.spherical_harmonics(SH, vector, normalize=True, normalization="component")
    each = hidden @ _ordered_weights(product, weights, inputs)
    messages = product.to(hidden.dtype)(to_e3nn(features)[source], sh, each)
    return from_e3nn(scatter(messages, target, 0, num_targets, reduce="sum"), outputs)
