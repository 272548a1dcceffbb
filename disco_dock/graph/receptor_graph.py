"""Residue neighbour lists and features that follow from the C-alpha trace alone."""

from __future__ import annotations

import torch
from torch import Tensor

MAX_BOND_LENGTH = 4.5  # Angstrom between consecutive C-alpha atoms; a larger step is a chain break


def residue_neighbours(pos: Tensor, radius: float = 15.0, count: int = 24) -> tuple[Tensor, Tensor]:
    """Neighbour indices and mask of each residue: the `count` nearest within `radius`, at least one.

    Args:
        pos: (residues, 3) C-alpha positions in Angstrom.
        radius: Angstrom, strict.
        count: largest number of neighbours kept.

    Returns:
        index (residues, k) int64 and mask (residues, k) bool, k = min(count, residues - 1) and at least 1.

    Source: receptor graph of DiffDock (arXiv:2210.01776), appendix.
    """
    num = len(pos)
    if num == 1:
        return torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, 1, dtype=torch.bool)
    distance = torch.cdist(pos.double(), pos.double())
    distance.fill_diagonal_(float("inf"))
    nearest, index = distance.topk(min(count, num - 1), largest=False, sorted=True)
    mask = nearest < radius
    mask[:, 0] = True  # a lonely residue keeps its single nearest neighbour
    return index, mask


def trace_features(pos: Tensor, chain: Tensor) -> tuple[Tensor, Tensor]:
    """Scalars (residues, 12) and unit vectors (residues, 3, 3) of each residue from the C-alpha trace.

    Vectors (last dimension): towards the next residue, towards the previous one, and the pseudo side-chain direction
    (minus the bisector of the two). Scalars: three burial counts, half-sphere exposure up and down the pseudo
    side chain, has-next and has-previous flags, cosine of the local bend, cosine and sine of the C-alpha dihedral,
    and the i to i+2 and i to i+3 distances; each is scaled to order one.

    Args:
        pos: (residues, 3) C-alpha positions in Angstrom.
        chain: (residues,) chain numbers.

    Source: half-sphere exposure, Hamelryck 2005 (doi:10.1002/prot.20379).
    """
    num = len(pos)
    pos = pos.float()
    step = pos[1:] - pos[:-1]
    linked = (chain[1:] == chain[:-1]) & (step.norm(dim=-1) < MAX_BOND_LENGTH)
    unit = torch.nn.functional.normalize(step, dim=-1) * linked[:, None]
    zero = pos.new_zeros(1, 3)
    forward, backward = torch.cat([unit, zero]), torch.cat([zero, -unit])
    side = -torch.nn.functional.normalize(forward + backward, dim=-1)
    vectors = torch.stack([forward, backward, side], -1)

    offset = pos[None] - pos[:, None]
    distance = offset.norm(dim=-1)
    others = ~torch.eye(num, dtype=torch.bool)
    near = (distance < 12.0) & others
    up = torch.einsum("ijc,ic->ij", offset, side) > 0
    has_next, has_previous = torch.zeros(num), torch.zeros(num)
    has_next[:-1], has_previous[1:] = linked.float(), linked.float()
    bend = (forward * backward).sum(-1)
    dihedral_cos, dihedral_sin = torch.zeros(num), torch.zeros(num)
    second, third = torch.zeros(num), torch.zeros(num)
    if num >= 3:
        ok = linked[1:] & linked[:-1]
        second[:-2] = (pos[2:] - pos[:-2]).norm(dim=-1) * ok / 6.0
    if num >= 4:
        ok = linked[2:] & linked[1:-1] & linked[:-2]
        third[:-3] = (pos[3:] - pos[:-3]).norm(dim=-1) * ok / 8.0
        first_normal = torch.linalg.cross(unit[:-2], unit[1:-1])
        second_normal = torch.linalg.cross(unit[1:-1], unit[2:])
        scale = (first_normal.norm(dim=-1) * second_normal.norm(dim=-1)).clamp_min(1e-6)
        dihedral_cos[1:-2] = (first_normal * second_normal).sum(-1) / scale * ok
        dihedral_sin[1:-2] = (torch.linalg.cross(first_normal, second_normal) * unit[1:-1]).sum(-1) / scale * ok
    scalars = torch.stack(
        [
            ((distance < 8.0) & others).sum(1) / 8.0,
            near.sum(1) / 20.0,
            ((distance < 16.0) & others).sum(1) / 40.0,
            (near & up).sum(1) / 10.0,
            (near & ~up).sum(1) / 10.0,
            has_next,
            has_previous,
            bend,
            dihedral_cos,
            dihedral_sin,
            second,
            third,
        ],
        -1,
    )
    return scalars.float(), vectors
