"""The fused convolution over an edge list as a torch operation with gradients."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from disco_dock.kernels.compiled import lanes, load, threads

_INT, _FLOATS, _VOID = ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p


class _Sizes(ctypes.Structure):
    _fields_ = (("inputs", _INT * 4), ("outputs", _INT * 4), ("hidden", _INT), ("embedding", _INT))


class _Edges(ctypes.Structure):
    _fields_ = tuple((name, _VOID) for name in ("start", "source", "row", "sh", "embedding"))


class _Inputs(ctypes.Structure):
    _fields_ = (
        *((name, _FLOATS) for name in ("at_target", "at_source", "weight", "x")),
        ("seed", ctypes.c_uint32),
        ("dropout", ctypes.c_float),
    )


class _Gradients(ctypes.Structure):
    _fields_ = (
        ("weights", _FLOATS * 4),
        *((name, _FLOATS) for name in ("edge_weight", "embedding", "at_target", "at_source", "x")),
    )


@dataclass(frozen=True)
class EdgeRows:
    """Edges sorted by target, without their embeddings.

    Attributes:
        start: (targets + 1,) int32, where the edges of each target begin.
        source: (edges,) int32 source nodes.
        row: (edges,) int32 rows of `sh` and of the embeddings.
        sh: (rows, 3) float32, sqrt(3) times the unit vector of each edge.
        targets: (count,) int32 target nodes that get messages; the others get zeros.
    """

    start: Tensor
    source: Tensor
    row: Tensor
    sh: Tensor
    targets: Tensor

    @property
    def degree(self) -> Tensor:
        """(targets,) float32 number of edges of each target."""
        return (self.start[1:] - self.start[:-1]).float()


class Dropout(NamedTuple):
    """Rate and seed of the dropout on hidden activations; the mask is a function of seed, edge and activation."""

    rate: float = 0.0
    seed: int = 0


NO_DROPOUT = Dropout()


class ProductSizes(NamedTuple):
    """Channel counts (0e, 1o, 1e, 0o) of sources and messages, and hidden activations of the edge network."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    hidden: int

    def structure(self, embedding: int = 0) -> _Sizes:
        """As the library takes them."""
        return _Sizes((_INT * 4)(*self.inputs), (_INT * 4)(*self.outputs), self.hidden, embedding)

    @property
    def flat_outputs(self) -> int:
        """Numbers per message."""
        a, b, c, d = self.outputs
        return a + 3 * b + 3 * c + d

    def scales(self) -> ctypes.Array:
        """1 / sqrt(fan in) of each output irrep."""
        a, b, c, d = self.inputs
        fans = (a + b, a + b + c, b + c + d, c + d)
        return (ctypes.c_float * 4)(*(max(fan, 1) ** -0.5 for fan in fans))


def padded_hidden(hidden: int) -> int:
    """Hidden activations rounded up to whole vector registers: the width of what `convolve` takes per node."""
    unit = lanes()
    return -(-hidden // unit) * unit


def _contiguous(value: Tensor) -> Tensor:
    if value.dtype != torch.float32 or value.device.type != "cpu":
        raise ValueError(f"the kernels take float32 on the CPU, got {value.dtype} on {value.device}")
    return value.detach().contiguous()


def pack_weights(sizes: ProductSizes, weights: Sequence[Tensor]) -> Tensor:
    """The product weights in the library's own layout, scaled by 1 / sqrt(fan in).

    Args:
        sizes: channel counts.
        weights: per output irrep (hidden + 1, fan in, fan out).
    """
    structure, kept = sizes.structure(), [_contiguous(weight) for weight in weights]
    packed = torch.zeros(int(load().disco_packed_size(ctypes.byref(structure))))
    pointers = (_FLOATS * 4)(*(weight.data_ptr() for weight in kept))
    load().disco_pack(ctypes.byref(structure), pointers, sizes.scales(), _VOID(packed.data_ptr()))
    return packed


class _Convolution(torch.autograd.Function):
    """Bound to the library; see `convolve`."""

    @staticmethod
    def forward(ctx, edges: EdgeRows, sizes: ProductSizes, packed: Tensor, dropout: Dropout, *values: Tensor) -> Tensor:
        embedding, at_target, at_source, edge_weight, x = (_contiguous(value) for value in values[:5])
        out = torch.zeros(len(edges.start) - 1, sizes.flat_outputs)
        with _Call(edges, sizes, dropout, embedding, at_target, at_source, edge_weight, x) as call:
            call.check(
                load().disco_forward(*call.arguments, _VOID(packed.data_ptr()), _VOID(out.data_ptr()), threads())
            )
        ctx.edges, ctx.sizes, ctx.dropout = edges, sizes, dropout
        ctx.save_for_backward(packed, embedding, at_target, at_source, edge_weight, x)
        ctx.shapes = [value.shape for value in values]
        return out

    @staticmethod
    def backward(ctx, gradient: Tensor):  # type: ignore[override] - autograd passes what forward returned
        packed, *kept = ctx.saved_tensors
        embedding, at_target, at_source, edge_weight, x = kept
        results = [torch.zeros_like(value) for value in (embedding, at_target, at_source)]
        results += [torch.empty_like(edge_weight), torch.empty_like(x)]
        weights = [torch.zeros(shape) for shape in ctx.shapes[5:]]
        gradient = gradient.contiguous()
        filled = _Gradients(
            (_FLOATS * 4)(*(weight.data_ptr() for weight in weights)),
            results[3].data_ptr(),
            results[0].data_ptr(),
            results[1].data_ptr(),
            results[2].data_ptr(),
            results[4].data_ptr(),
        )
        with _Call(ctx.edges, ctx.sizes, ctx.dropout, *kept) as call:
            call.check(
                load().disco_backward(
                    *call.arguments,
                    _VOID(packed.data_ptr()),
                    ctx.sizes.scales(),
                    _VOID(gradient.data_ptr()),
                    ctypes.byref(filled),
                    threads(),
                )
            )
        return None, None, None, None, *results, *weights


class _Call:
    """Arguments that both directions share; holds the tensors while the library works on their memory."""

    def __init__(self, edges: EdgeRows, sizes: ProductSizes, dropout: Dropout, *values: Tensor) -> None:
        embedding, at_target, at_source, edge_weight, x = values
        self.kept = (edges, values)
        self.sizes = sizes.structure(embedding.shape[1])
        self.edges = _Edges(
            *(part.data_ptr() for part in (edges.start, edges.source, edges.row, edges.sh, embedding)),
        )
        self.inputs = _Inputs(
            *(value.data_ptr() for value in (at_target, at_source, edge_weight, x)),
            dropout.seed & 0xFFFFFFFF,
            dropout.rate,
        )
        self.arguments = (
            ctypes.byref(self.sizes),
            ctypes.byref(self.edges),
            ctypes.byref(self.inputs),
            len(x),
            len(edges.targets),
            _VOID(edges.targets.data_ptr()),
        )

    def __enter__(self) -> _Call:
        return self

    def __exit__(self, *_: object) -> None:
        self.kept = ()

    @staticmethod
    def check(status: int) -> None:
        """Raise when the library could not get its memory."""
        if status:
            raise MemoryError("the convolution kernel could not allocate its work space")


def convolve(
    edges: EdgeRows,
    sizes: ProductSizes,
    weights: Sequence[Tensor],
    packed: Tensor,
    *,
    embedding: Tensor,
    at_target: Tensor,
    at_source: Tensor,
    edge_weight: Tensor,
    x: Tensor,
    dropout: Dropout = NO_DROPOUT,
) -> Tensor:
    """(targets, flat outputs) summed messages: 0e | 1o x, y, z | 1e x, y, z | 0o; zero for targets not asked for.

    Gradients reach everything but the geometry. Every target's sum is computed alone and in the order of its edges.

    Args:
        edges: from whom to whom, and where.
        sizes: channel counts.
        weights: per output irrep (hidden + 1, fan in, fan out), for the gradients.
        packed: the same weights by `pack_weights`.
        embedding: (rows, width) edge embeddings; with gradients, each row belongs to one edge.
        at_target: (targets, padded hidden) the edge network's target part, with the bias.
        at_source: (sources, padded hidden) its source part.
        edge_weight: (width, padded hidden) its edge part, transposed.
        x: (sources, flat inputs) features, in the order of the outputs.
        dropout: on the hidden activations.

    Raises:
        ValueError: tensors that are not float32 on the CPU.
        MemoryError: no memory for the work space.
    """
    values = (embedding, at_target, at_source, edge_weight, x)
    return _Convolution.apply(edges, sizes, packed, dropout, *values, *weights)  # type: ignore[return-value]
