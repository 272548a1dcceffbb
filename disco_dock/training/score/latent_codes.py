"""From the clean pose to the code that the score model is given, for discrete, continuous and no latents."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from disco_dock.graph.schema import GraphBatch
from disco_dock.latents.dropout import drop_codes
from disco_dock.latents.gaussian import global_code
from disco_dock.latents.gumbel import straight_through_one_hot
from disco_dock.models.gaussian_encoder import GaussianEncoder
from disco_dock.weights.networks import Encoder


class LatentDraws(NamedTuple):
    """Random numbers of the latents of a batch of rows.

    Attributes:
        uniform: (rows, latents, nodes) in [0, 1), of node pointers.
        normal: (rows, dims), of continuous latents.
        keep: (rows,) 1.0 keeps the latents, 0.0 drops them.
    """

    uniform: Tensor
    normal: Tensor
    keep: Tensor

    def to(self, device: torch.device) -> LatentDraws:
        """The same numbers on another device."""
        return LatentDraws(*(value.to(device, non_blocking=True) for value in self))


class InferredCode(NamedTuple):
    """What the score model is given.

    Attributes:
        code: (rows, latents, nodes), or None for a model without latents.
        null: (rows,) 1.0 where the latents are dropped, or None.
        divergence: (rows,) nats from the prior of continuous latents, zero for the others.
    """

    code: Tensor | None
    null: Tensor | None
    divergence: Tensor


def infer_code(
    encoder: Encoder | None, graphs: GraphBatch, pos: Tensor, rows: GraphBatch, draws: LatentDraws, temperature: float
) -> InferredCode:
    """Latents that the encoder infers, some of them dropped.

    Args:
        encoder: of either kind, or None.
        graphs: complexes.
        pos: (complexes, atoms, 3) clean poses in Angstrom.
        rows: the same complexes, each so many times in a row.
        draws: for all rows.
        temperature: of the Gumbel-softmax.

    Source: DisCo-Diff (arXiv:2407.03300), sec. 3.1 and App. E.
    """
    copies = rows.size // graphs.size
    if encoder is None:
        return InferredCode(None, None, pos.new_zeros(rows.size))
    null = 1.0 - draws.keep
    found = encoder(graphs, pos)
    if isinstance(encoder, GaussianEncoder):
        wide = type(found)(*(value.repeat_interleave(copies, 0) for value in found))
        code = global_code(wide.draw(draws.normal), rows.num_atoms + rows.num_residues)
        return InferredCode(drop_codes(code, draws.keep), null, wide.divergence())
    logits = found.float().repeat_interleave(copies, 0)
    mask = rows.node_mask.unsqueeze(1).expand_as(logits)
    drawn = straight_through_one_hot(logits, temperature=temperature, uniform=draws.uniform, mask=mask)
    return InferredCode(drop_codes(drawn, draws.keep), null, pos.new_zeros(rows.size))
