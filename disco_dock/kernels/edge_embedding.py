"""Embeddings of listed edges as a torch operation with gradients."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import torch
from torch import Tensor

from disco_dock.kernels.compiled import lanes, load, threads
from disco_dock.kernels.convolution import NO_DROPOUT, Dropout

_GRADIENTS = ("at_target", "at_source", "at_kind", "first", "second", "shift")


class _EdgeEmbedding(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("edges", "gaussians", "width", "outputs", "per")),
        *((name, ctypes.c_int32) for name in ("graphs", "targets", "sources", "kinds")),
        *((name, ctypes.c_float) for name in ("coefficient", "spacing")),
        ("seed", ctypes.c_uint32),
        ("dropout", ctypes.c_float),
        *((name, ctypes.c_void_p) for name in ("distance", "target", "source", "kind", *_GRADIENTS)),
    )


class _Gradients(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_void_p) for name in _GRADIENTS)


class EdgeList(NamedTuple):
    """What edges are, apart from weights.

    Attributes:
        distance: (edges,) float32 in Angstrom.
        target: (edges,) int32 numbered through the batch.
        source: (edges,) int32.
        kind: (edges,) int32 or None.
    """

    distance: Tensor
    target: Tensor
    source: Tensor
    kind: Tensor | None


class Gaussians(NamedTuple):
    """exp(coefficient (d - n spacing)^2) for n = 0, 1, ...; spacing in Angstrom."""

    spacing: float
    coefficient: float


def _padded(value: Tensor, *, rows: bool = False) -> Tensor:
    """Last dimension, and with `rows` the first too, filled up with zeros to whole vector registers."""
    unit = lanes()
    missing = (0, -value.shape[-1] % unit, *((0, -value.shape[0] % unit) if rows else ()))
    return torch.nn.functional.pad(value, missing)


class _Embedding(torch.autograd.Function):
    """Bound to the library; see `embed_edges`."""

    @staticmethod
    def forward(ctx, edges: EdgeList, gaussians: Gaussians, dropout: Dropout, *tables: Tensor | None) -> Tensor:
        kept = [None if table is None else table.detach().contiguous() for table in tables]
        ctx.call = (edges, gaussians, dropout)
        ctx.save_for_backward(*kept)
        shift = kept[5]
        assert shift is not None
        out = torch.empty(len(edges.distance), shift.shape[1])
        call = _call(*ctx.call, *kept)
        _check(load().disco_edge_embedding(ctypes.byref(call), ctypes.c_void_p(out.data_ptr()), threads()))
        return out

    @staticmethod
    def backward(ctx, gradient: Tensor):  # type: ignore[override] - autograd passes what forward returned
        tables = ctx.saved_tensors
        results = [None if table is None else torch.zeros_like(table) for table in tables]
        gradient = gradient.contiguous()
        call = _call(*ctx.call, *tables)
        filled = _Gradients(*(None if result is None else result.data_ptr() for result in results))
        _check(
            load().disco_edge_embedding_backward(
                ctypes.byref(call), ctypes.c_void_p(gradient.data_ptr()), ctypes.byref(filled), threads()
            )
        )
        return None, None, None, *results


def _call(edges: EdgeList, gaussians: Gaussians, dropout: Dropout, *tables: Tensor | None) -> _EdgeEmbedding:
    """Arguments that both directions share; the tensors must outlive it."""
    at_target, at_source, at_kind, first, _, shift = tables
    assert at_target is not None and first is not None and shift is not None
    for value in (edges.distance, *tables):
        if value is not None and value.dtype != torch.float32:
            raise ValueError(f"the kernels take float32, got {value.dtype}")
    return _EdgeEmbedding(
        len(edges.distance),
        first.shape[0],
        first.shape[1],
        shift.shape[1],
        at_target.shape[1],
        len(shift),
        at_target.shape[0] * at_target.shape[1],
        0 if at_source is None else at_source.shape[0] * at_source.shape[1],
        0 if at_kind is None else len(at_kind),
        gaussians.coefficient,
        gaussians.spacing,
        dropout.seed & 0xFFFFFFFF,
        dropout.rate,
        *(None if value is None else value.data_ptr() for value in (*edges, *tables)),
    )


def _check(status: int) -> None:
    if status:
        raise MemoryError("the edge embedding kernel could not allocate its work space")


def embed_edges(
    edges: EdgeList,
    gaussians: Gaussians,
    *,
    first: Tensor,
    second: Tensor,
    at_target: Tensor,
    at_source: Tensor | None,
    at_kind: Tensor | None,
    shift: Tensor,
    dropout: Dropout = NO_DROPOUT,
) -> Tensor:
    """(edges, outputs) embeddings W2 relu(W1 gauss(d) + T[target] + S[source] + K[kind]) + shift[graph of the target].

    Gradients reach everything but the distances.

    Args:
        edges: distances and nodes.
        gaussians: expansion of the distances.
        first: (width, gaussians).
        second: (outputs, width).
        at_target: (batch, targets, width).
        at_source: (batch, sources, width) or None.
        at_kind: (kinds, width) or None; needed when the edges have kinds.
        shift: (batch, outputs).
        dropout: on the hidden layer.

    Raises:
        ValueError: tensors that are not float32.
        MemoryError: no memory for the work space.
    """
    edges = EdgeList(edges.distance.contiguous(), *edges[1:])
    if edges.kind is None:
        at_kind = None
    nodes = [None if part is None else _padded(part) for part in (at_target, at_source, at_kind)]
    tables = (*nodes, _padded(first.t(), rows=True), _padded(second.t(), rows=True), shift)
    return _Embedding.apply(edges, gaussians, dropout, *tables)  # type: ignore[return-value]
