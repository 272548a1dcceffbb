# pyright: basic
"""Rotation vectors and rotation matrices."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def axis_angle_to_matrix(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """(..., 3, 3) rotation matrices; right-hand turns by |vector| radians about it.

    The sine and cosine factors use their series near zero, so values and gradients stay finite there.

    Args:
        vector: (..., 3) rotation vectors in radians.

    Source: Rodrigues' formula.
    """
    square = vector.square().sum(-1)[..., None, None]
    small = square < 1e-8
    safe = torch.where(small, torch.ones_like(square), square)
    angle = safe.sqrt()
    first = torch.where(small, 1 - square / 6, angle.sin() / angle)
    half = torch.sin(angle / 2) / angle  # 1 - cos = 2 sin^2 of the half, which does not cancel
    second = torch.where(small, 0.5 - square / 24, 2 * half * half)
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity + first * skew + second * (skew @ skew)


def matrix_to_axis_angle(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """(..., 3) rotation vectors in radians, of length at most pi.

    Args:
        matrix: (..., 3, 3) rotation matrices.
    """
    trace = matrix.diagonal(dim1=-2, dim2=-1).sum(-1)
    antisymmetric = torch.stack(
        [
            matrix[..., 2, 1] - matrix[..., 1, 2],
            matrix[..., 0, 2] - matrix[..., 2, 0],
            matrix[..., 1, 0] - matrix[..., 0, 1],
        ],
        -1,
    )
    sine = antisymmetric.norm(dim=-1) / 2
    angle = torch.atan2(sine, (trace - 1) / 2)
    regular = antisymmetric / (2 * sine).clamp_min(1e-12)[..., None]
    # near pi the antisymmetric part vanishes; R + R^T - 2 cos = 2 (1 - cos) a a^T with the axis a as longest column
    identity = torch.eye(3, dtype=matrix.dtype, device=matrix.device)
    symmetric = matrix + matrix.transpose(-1, -2) - (trace - 1)[..., None, None] * identity
    longest = symmetric.diagonal(dim1=-2, dim2=-1).argmax(-1)
    column = symmetric.gather(-1, longest[..., None, None].expand(*longest.shape, 3, 1)).squeeze(-1)
    column = torch.nn.functional.normalize(column, dim=-1)
    sign = torch.where((column * antisymmetric).sum(-1, keepdim=True) < 0, -1.0, 1.0)
    near_pi = (angle > 3.1)[..., None]
    axis = torch.where(near_pi, column * sign, regular)
    return axis * angle[..., None]


def random_rotations(normals: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """(..., 3, 3) rotations, uniform on SO(3), from standard normal numbers.

    Args:
        normals: (..., 4), read as the quaternion (w, x, y, z) before normalisation.
    """
    w, x, y, z = torch.nn.functional.normalize(normals, dim=-1).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
        2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
        2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, -1).unflatten(-1, (3, 3))
