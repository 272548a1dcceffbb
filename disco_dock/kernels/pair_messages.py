"""Sums of messages between atoms in C, forward and backward; `models.pose_expert.messages` says what they are."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from disco_dock.kernels.compiled import lanes, load, usable

_INPUTS = ("target", "source", "own", "other", "weight", "gates", "opening", "feature", "unit", "side", "envelope")
_GRADIENTS = ("own", "other", "weight", "gates")


class _PairMessages(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("pairs", "features", "width", "vectors")),
        *((name, ctypes.c_void_p) for name in _INPUTS),
    )


class _Gradients(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_void_p) for name in _GRADIENTS)


class PairMessages:
    """Arguments of both directions; the tensors are kept as long as they are needed.

    Args:
        weights: own (targets, width), other (sources, width), weight (width, features), gates (2 vectors, width).
        geometry: target and source (pairs,) int64, features (pairs, features), unit and side (pairs, 3), envelope
            (pairs, 1).
    """

    def __init__(self, weights: Sequence[Tensor], geometry: Sequence[Tensor]) -> None:
        own, other, weight, gates = (value.detach().contiguous() for value in weights)
        target, source, feature, unit, side, envelope = (value.contiguous() for value in geometry)
        self.own, self.other, self.weight, self.gates = own, other, weight, gates
        kept = (target, source, own, other, weight.t().contiguous(), gates, gates.t().contiguous(), feature, unit, side)
        self._kept = (*kept, envelope)
        self._call = _PairMessages(
            len(target),
            feature.shape[1],
            own.shape[1],
            len(gates) // 2,
            *(value.data_ptr() for value in self._kept),
        )

    def forward(self) -> tuple[Tensor, Tensor]:
        """Sums (targets, width) and (targets, 3 vectors)."""
        scalars = torch.zeros_like(self.own)
        arrows = self.own.new_zeros(len(self.own), 3 * (len(self.gates) // 2))
        _check(load().disco_pair_messages(ctypes.byref(self._call), _pointer(scalars), _pointer(arrows)))
        return scalars, arrows

    def backward(self, to_scalars: Tensor, to_arrows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Gradients by own, other, weight and gates."""
        grads = [torch.zeros_like(value) for value in (self.own, self.other, self.weight.t().contiguous(), self.gates)]
        filled = _Gradients(*(value.data_ptr() for value in grads))
        to_scalars, to_arrows = to_scalars.contiguous(), to_arrows.contiguous()
        _check(
            load().disco_pair_messages_backward(
                ctypes.byref(self._call), _pointer(to_scalars), _pointer(to_arrows), ctypes.byref(filled)
            )
        )
        return grads[0], grads[1], grads[2].t(), grads[3]


def takes(own: Tensor, gates: Tensor) -> bool:
    """Whether the kernels can sum messages of these widths: float32 on a CPU, in whole vector registers."""
    plain = own.dtype == torch.float32 and own.device.type == "cpu" and usable(own.detach())
    return plain and own.shape[1] % lanes() == 0 and (len(gates) // 2) % lanes() == 0


def _pointer(value: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(value.data_ptr())


def _check(status: int) -> None:
    if status:
        raise MemoryError("the kernel of pair messages could not allocate its work space")
