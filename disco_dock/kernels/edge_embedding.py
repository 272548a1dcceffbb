"""Embeddings of listed edges by the compiled kernel, without gradients."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from disco_dock.kernels.library import lanes, load, threads


class _EdgeEmbedding(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("edges", "gaussians", "width", "outputs", "per")),
        *((name, ctypes.c_float) for name in ("coefficient", "spacing")),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "distance",
                "target",
                "source",
                "kind",
                "at_target",
                "at_source",
                "at_kind",
                "first",
                "second",
                "shift",
                "out",
            )
        ),
    )


def _padded(value: Tensor, *, rows: bool = False) -> Tensor:
    """Last dimension, and with `rows` the first too, filled up with zeros to whole vector registers."""
    unit = lanes()
    missing = (0, -value.shape[-1] % unit, 0, -value.shape[0] % unit if rows else 0)
    return torch.nn.functional.pad(value, missing).contiguous()


def embed_edges(
    distance: Tensor,
    target: Tensor,
    source: Tensor,
    kind: Tensor | None,
    *,
    spacing: float,
    coefficient: float,
    first: Tensor,
    second: Tensor,
    at_target: Tensor,
    at_source: Tensor | None,
    at_kind: Tensor | None,
    shift: Tensor,
) -> Tensor:
    """(edges, outputs) embeddings W2 relu(W1 gauss(d) + T[target] + S[source] + K[kind]) + shift[graph of the target].

    Args:
        distance: (edges,) in Angstrom.
        target: (edges,) int32 numbered through the batch.
        source: (edges,) int32.
        kind: (edges,) int32 or None.
        spacing: Angstrom between the centres of the Gaussians exp(coefficient (d - n spacing)^2).
        coefficient: of the Gaussians.
        first: (width, gaussians).
        second: (outputs, width).
        at_target: (batch, targets, width).
        at_source: (batch, sources, width) or None.
        at_kind: (kinds, width) or None.
        shift: (batch, outputs).

    Raises:
        MemoryError: no memory for the work space.
    """
    tables = [_padded(at_target)]
    tables += [_padded(part) if part is not None else None for part in (at_source, at_kind)]
    weights = _padded(first.t(), rows=True), _padded(second.t(), rows=True)
    shift = shift.contiguous()
    out = torch.empty(len(distance), second.shape[0])
    values = [distance.contiguous(), target, source, kind, *tables, *weights, shift, out]
    wanted = torch.float32
    for value in (values[0], *tables, *weights, shift):
        if value is not None and value.dtype != wanted:
            raise ValueError(f"the kernels take float32, got {value.dtype}")
    call = _EdgeEmbedding(
        len(distance),
        weights[0].shape[0],
        weights[0].shape[1],
        second.shape[0],
        at_target.shape[1],
        coefficient,
        spacing,
        *(None if value is None else value.data_ptr() for value in values),
    )
    if load().disco_edge_embedding(ctypes.byref(call), threads()):
        raise MemoryError("the edge embedding kernel could not allocate its work space")
    return out
