"""The equivariant convolution with harmonics up to l = 2 over stars: centre nodes with the edges around them.

As in `models.layers.tensor_product`, the weights of a message are linear in the hidden activations h of an edge network
and shared by all edges of a kind, so they act once per centre and not once per edge. Where messages run to the
centre i,

    out_i = W . sum_j h_ij (x) z_ij,        z_ij = the products of the source x_j with the harmonics of the edge,

the sum is taken first (`StarGroup.gather`). Where they run from the centre i, the weights meet x_i first,

    out_j = sum_i h_ij . (W x_i) combined with the harmonics of the edge        (`StarGroup.spread`),

so one set of stars serves both directions between two kinds of nodes, with the fewer nodes as centres. Both equal the
per-edge tensor product exactly; neither holds a weight per edge. Stars are taken a chunk at a time, and in training a
chunk is computed again for its gradient, so that memory does not grow with the number of nodes.

Only products that end in l <= 1 exist, so l = 2 adds one: vector x l = 2 -> vector, (s (s.v) - v) / sqrt(2).
Conventions: s = sqrt(3) * unit vector along the edge; vectors as (x, y, z).
Source: layer of DiffDock (arXiv:2210.01776) with harmonics of l <= 2, e3nn's normalisation (arXiv:2207.09453).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from disco_dock.models.layers.irreps import Channels, Features
from disco_dock.models.layers.tensor_product import SQRT2, SQRT3

CHUNK = 128  # stars per step: their partial sums (90 KiB each at the published width) stay in the processor's cache


class Stars(NamedTuple):
    """Edges of one kind, grouped around nodes; nodes are numbered through the whole batch.

    Attributes:
        centre: (stars,) int64 node in the middle; a node has at most one star.
        partner: (stars, slots) int64 node at the other end of each edge, any where masked.
        mask: (stars, slots) bool of the real edges.
        embedding: (stars, slots, width) edge embeddings.
        direction: (stars, slots, 3) sqrt(3) * unit vector of each edge.
    """

    centre: Tensor
    partner: Tensor
    mask: Tensor
    embedding: Tensor
    direction: Tensor

    def at_centres(self, partners: Tensor, num_centres: int) -> Tensor:
        """(num_centres,) bool: which centre nodes have an edge with one of the marked partners."""
        found = torch.zeros(num_centres, dtype=torch.bool, device=self.centre.device)
        found[self.centre] = (self.mask & partners[self.partner]).any(1)
        return found

    def at_partners(self, centres: Tensor, num_partners: int) -> Tensor:
        """(num_partners,) bool: which partner nodes have an edge with one of the marked centres."""
        found = torch.zeros(num_partners, dtype=torch.bool, device=self.centre.device)
        found[self.partner[self.mask & centres[self.centre].unsqueeze(1)]] = True
        return found

    def with_centres(self, marked: Tensor) -> Stars:
        """The stars of the marked centres."""
        kept = marked[self.centre]
        return Stars(*(part[kept] for part in self))

    def with_partners(self, marked: Tensor) -> Stars:
        """The stars with edges to marked partners only; those without any are left out."""
        mask = self.mask & marked[self.partner]
        kept = mask.any(1)
        return Stars(*(part[kept] for part in self._replace(mask=mask)))

    def repeat(self, copies: int, num_centres: int, num_partners: int) -> Stars:
        """The stars of `copies` copies of the same nodes."""
        number = torch.arange(copies, device=self.centre.device)

        def repeated(value: Tensor) -> Tensor:
            return value.repeat(copies, *([1] * (value.dim() - 1)))

        return Stars(
            (self.centre + num_centres * number[:, None]).flatten(),
            (self.partner + num_partners * number[:, None, None]).flatten(0, 1),
            *(repeated(value) for value in self[2:]),
        )


def second_order_channels(inputs: Channels) -> Channels:
    """Numbers of product channels that feed each output irrep."""
    a, b, c, d = inputs
    return Channels(a + b, a + 2 * b + c, b + 2 * c + d, c + d)


def dot(vectors: Tensor, s: Tensor) -> Tensor:
    """(..., channels) v . s / sqrt(3) of vectors (..., 3, channels) with s (..., 3)."""
    return (vectors * s.unsqueeze(-1)).sum(-2) / SQRT3


def cross(vectors: Tensor, s: Tensor) -> Tensor:
    """(..., 3, channels) v x s / sqrt(2)."""
    v, u = vectors.unbind(-2), [part.unsqueeze(-1) for part in s.unbind(-1)]
    return torch.stack([v[i] * u[j] - v[j] * u[i] for i, j in ((1, 2), (2, 0), (0, 1))], -2) / SQRT2


def second(vectors: Tensor, s: Tensor) -> Tensor:
    """(..., 3, channels) (s (s . v) - v) / sqrt(2), the product of a vector with the l = 2 harmonics of the edge.

    An edge of length zero (a C-alpha atom and its residue) has s = 0 and no harmonics of l = 2, so it gives zero.
    """
    column = s.unsqueeze(-1)
    along = (vectors * column).sum(-2, keepdim=True)
    return (column * along - vectors * (column.square().sum(-2, keepdim=True) / 3)) / SQRT2


def edge_products(x: Features, s: Tensor) -> Features:
    """The products that feed each output irrep, channels in the order of `second_order_channels`.

    Args:
        x: source features of each edge.
        s: (..., 3) direction of each edge.
    """
    column = s.unsqueeze(-1)
    odd = [x.even_scalars.unsqueeze(-2) * column, x.odd_vectors, cross(x.even_vectors, s), second(x.odd_vectors, s)]
    even = [cross(x.odd_vectors, s), x.even_vectors, x.odd_scalars.unsqueeze(-2) * column, second(x.even_vectors, s)]
    return Features(
        torch.cat([x.even_scalars, dot(x.odd_vectors, s)], -1),
        torch.cat(odd, -1),
        torch.cat(even, -1),
        torch.cat([dot(x.even_vectors, s), x.odd_scalars], -1),
    )


def _per_component(weight: Tensor, components: int) -> Tensor:
    """(hidden, components, in, components, out) the same weights (hidden, in, out) for each component of a vector.

    Weights with zeros between components make one large product of what would be a small one per component.
    """
    return torch.einsum("hio,kl->hkilo", weight, torch.eye(components, dtype=weight.dtype, device=weight.device))


class StarGroup(nn.Module):
    """One kind of message: the edge network's first layer and the product weights.

    The edge network reads [edge embedding, target scalars, source scalars]; its node parts are computed per node.
    """

    def __init__(
        self, inputs: Channels, outputs: Channels, edge_dim: int, scalars: int, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self.inputs, self.outputs, self.hidden = inputs, outputs, hidden
        self.sizes = (edge_dim, scalars, scalars)
        reference = nn.Linear(sum(self.sizes), hidden)
        self.weight = nn.Parameter(reference.weight.detach().clone())
        self.bias = nn.Parameter(reference.bias.detach().clone())
        self.dropout = nn.Dropout(dropout)
        bound = 1 / math.sqrt(hidden)
        self.mix = nn.ParameterList(
            nn.Parameter(torch.empty(hidden + 1, fan_in, fan_out).uniform_(-bound, bound))
            for fan_in, fan_out in zip(second_order_channels(inputs), outputs, strict=True)
        )

    def _hidden(self, embedding: Tensor, mask: Tensor, nodes: Tensor) -> Tensor:
        """(stars, slots, hidden + 1) activations and the constant one, zero where masked."""
        first = nn.functional.linear(embedding, self.weight[:, : self.sizes[0]])
        hidden = self.dropout(torch.relu(first + nodes))
        real = mask.unsqueeze(-1).to(hidden.dtype)
        return torch.cat([hidden * real, real], -1)

    def _node_parts(self, centre: Tensor, partner: Tensor, *, to_centre: bool) -> tuple[Tensor, Tensor]:
        """(nodes, hidden) contributions of centre nodes (with the bias) and partner nodes, from their scalars."""
        _, target, source = self.weight.split(self.sizes, 1)
        at_centre, at_partner = (target, source) if to_centre else (source, target)
        return nn.functional.linear(centre, at_centre, self.bias), nn.functional.linear(partner, at_partner)

    def arranged(self, *, to_centre: bool) -> tuple[Tensor, ...]:
        """The product weights as `gather` (to the centres) or `spread` reads them, to be kept for many calls."""
        return tuple(self._target_weights() if to_centre else self._source_weights())

    def gather(
        self, stars: Stars, target: Features, source: Features, weights: tuple[Tensor, ...] | None = None
    ) -> Tensor:
        """(targets, width) flat sums of the messages to the centres.

        Args:
            stars: centres are targets, partners are sources.
            target: features of all target nodes.
            source: features of all source nodes.
            weights: from `arranged`, or None.
        """
        at_centre, at_partner = self._node_parts(target.even_scalars, source.even_scalars, to_centre=True)
        flat = source.flat()
        arranged = self.arranged(to_centre=True) if weights is None else weights

        def run(part: Stars) -> Tensor:
            nodes = at_centre[part.centre].unsqueeze(1) + at_partner[part.partner]
            hidden = self._hidden(part.embedding, part.mask, nodes).transpose(1, 2)
            products = edge_products(Features.from_flat(flat[part.partner], self.inputs), part.direction)
            pairs = zip(products, arranged, strict=True)
            return torch.cat([(hidden @ product.flatten(2)).flatten(1) @ weight for product, weight in pairs], 1)

        out = flat.new_zeros(len(target.even_scalars), self.outputs.width)
        sums = self._chunked(stars, run)
        return out if sums is None else out.index_copy(0, stars.centre, sums)

    def spread(
        self, stars: Stars, target: Features, source: Features, weights: tuple[Tensor, ...] | None = None
    ) -> Tensor:
        """(targets, width) flat sums of the messages from the centres.

        Args:
            stars: centres are sources, partners are targets.
            target: features of all target nodes.
            source: features of all source nodes.
            weights: from `arranged`, or None.
        """
        at_centre, at_partner = self._node_parts(source.even_scalars, target.even_scalars, to_centre=False)
        flat = source.flat()
        arranged = self.arranged(to_centre=False) if weights is None else weights
        a, b, c, d = self.outputs

        def run(part: Stars) -> Tensor:
            nodes = at_centre[part.centre].unsqueeze(1) + at_partner[part.partner]
            hidden = self._hidden(part.embedding, part.mask, nodes)
            x, s = Features.from_flat(flat[part.centre], self.inputs), part.direction
            forms = [
                hidden @ (value.flatten(1) @ weight).unflatten(1, (self.hidden + 1, -1))
                for value, weight in zip(x, arranged, strict=True)
            ]
            even, along = forms[0].split([a, b], -1)
            v_dot, v_same, v_cross, v_second = forms[1].unflatten(-1, (3, -1)).split([a, b, c, b], -1)
            p_cross, p_same, p_second, p_dot = forms[2].unflatten(-1, (3, -1)).split([b, c, c, d], -1)
            turned, odd = forms[3].split([c, d], -1)
            column = s.unsqueeze(-1)
            return Features(
                even + dot(v_dot, s),
                along.unsqueeze(-2) * column + v_same + cross(p_cross, s) + second(v_second, s),
                cross(v_cross, s) + p_same + turned.unsqueeze(-2) * column + second(p_second, s),
                dot(p_dot, s) + odd,
            ).flat()

        out = flat.new_zeros(len(target.even_scalars), self.outputs.width)
        messages = self._chunked(stars, run)
        return out if messages is None else out.index_add(0, stars.partner.flatten(), messages.flatten(0, 1))

    def _target_weights(self) -> list[Tensor]:
        """Weights by output irrep, ((hidden + 1) * in, out), where in and out run over all components."""
        scaled = [w / math.sqrt(max(w.shape[1], 1)) for w in self.mix]
        return [
            _per_component(w, components).flatten(3).flatten(0, 2)
            for w, components in zip(scaled, (1, 3, 3, 1), strict=True)
        ]

    def _source_weights(self) -> list[Tensor]:
        """Weights by source irrep, (in, (hidden + 1) * out), where in and out run over all components.

        The outputs are in the order in which `spread` splits them.
        """
        a, b, c, d = self.inputs
        first, vector, pseudo, last = (w / math.sqrt(max(w.shape[1], 1)) for w in self.mix)
        e_same, e_dot = first.split([a, b], 1)
        v_along, v_same, v_cross, v_second = vector.split([a, b, c, b], 1)
        p_cross, p_same, p_along, p_second = pseudo.split([b, c, d, c], 1)
        o_dot, o_same = last.split([c, d], 1)
        by_source = (
            (e_same, v_along),
            (e_dot, v_same, p_cross, v_second),
            (v_cross, p_same, p_second, o_dot),
            (p_along, o_same),
        )
        weights = [torch.cat(blocks, 2) for blocks in by_source]
        spaced = [_per_component(w, components) for w, components in zip(weights, (1, 3, 3, 1), strict=True)]
        return [w.permute(1, 2, 0, 3, 4).flatten(2).flatten(0, 1) for w in spaced]

    def _chunked(self, stars: Stars, run: Callable[[Stars], Tensor]) -> Tensor | None:
        """`run` over chunks of the stars, recomputed for the gradient; None without stars."""
        parts = [Stars(*part) for part in zip(*(value.split(CHUNK) for value in stars), strict=True)]
        if not len(stars.centre):
            return None
        if torch.is_grad_enabled():
            return torch.cat([checkpoint(run, part, use_reentrant=False) for part in parts])  # type: ignore[list-item]
        return torch.cat([run(part) for part in parts])
