"""The AutoDock Vina energy of poses in torch, in any precision: reference and fallback of the compiled kernel."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from disco_dock.physics.vina_ligand import VinaLigand
from disco_dock.physics.vina_receptor import VinaReceptor
from disco_dock.physics.vina_terms import ACCEPTOR, DONOR, HYDROPHOBIC, VINA, VinaTerms

CHUNK = 4_000_000  # pairs of atoms at a time


class PoseEnergies(NamedTuple):
    """Energies of poses.

    Attributes:
        inter: (poses,) kcal/mol between ligand and receptor.
        intra: (poses,) kcal/mol inside the ligand.
        gradient: (poses, atoms, 3) of their sum, kcal/mol per Angstrom.
    """

    inter: Tensor
    intra: Tensor
    gradient: Tensor


def pair_energies(
    distance: Tensor, radii: Tensor, hydrophobic: Tensor, bonding: Tensor, terms: VinaTerms = VINA
) -> tuple[Tensor, Tensor]:
    """Energies of atom pairs and their derivatives by the distance.

    Args:
        distance: between centres in Angstrom; all arguments have the same shape.
        radii: sums of the two radii in Angstrom.
        hydrophobic: whether both atoms are.
        bonding: whether one donates and the other accepts.
        terms: weights and shapes.

    Source: Trott & Olson 2010, equations 5 to 9.
    """
    d = distance - radii
    u1, u2 = d / terms.gauss1_width, (d - terms.gauss2_centre) / terms.gauss2_width
    g1, g2 = terms.gauss1 * torch.exp(-(u1**2)), terms.gauss2 * torch.exp(-(u2**2))
    overlap = d.clamp_max(0.0)
    energy = g1 + g2 + terms.repulsion * overlap**2
    slope = -2 * u1 * g1 / terms.gauss1_width - 2 * u2 * g2 / terms.gauss2_width + 2 * terms.repulsion * overlap
    ramps = (
        (hydrophobic, terms.hydrophobic, terms.hydrophobic_good, terms.hydrophobic_bad),
        (bonding, terms.hydrogen_bond, terms.bond_good, terms.bond_bad),
    )
    for flag, weight, good, bad in ramps:
        height = (bad - d) / (bad - good)
        energy = energy + flag * weight * height.clamp(0.0, 1.0)
        slope = slope - flag * weight / (bad - good) * ((height > 0) & (height < 1))
    inside = distance < terms.cutoff
    return energy * inside, slope * inside


def pose_energies(
    receptor: VinaReceptor, ligand: VinaLigand, pos: Tensor, *, cap: float = torch.inf, terms: VinaTerms = VINA
) -> PoseEnergies:
    """Energies of poses (poses, atoms, 3) in the receptor's frame, in their precision, with the analytic gradient.

    Args:
        receptor: atoms.
        ligand: atoms and pairs.
        pos: Angstrom.
        cap: kcal/mol towards which the repulsion felt by an atom, and of a pair, is softened: e cap / (e + cap).
        terms: weights and shapes.
    """
    around = torch.from_numpy(receptor.pos).to(pos)
    low, high = pos.amin((0, 1)) - terms.cutoff, pos.amax((0, 1)) + terms.cutoff
    near = ((around > low) & (around < high)).all(1)
    around, radius = around[near], torch.from_numpy(receptor.atoms.radius).to(pos)[near]
    kind = torch.from_numpy(receptor.atoms.kind)[near]
    own_radius, own_kind = torch.from_numpy(ligand.atoms.radius).to(pos), torch.from_numpy(ligand.atoms.kind)
    radii = own_radius[:, None] + radius
    hydrophobic, bonding = _both(own_kind[:, None], kind, pos)
    parts = []
    for some in pos.split(max(1, CHUNK // max(1, radii.numel()))):
        arm = some[:, :, None] - around
        distance = arm.norm(dim=-1).clamp_min(1e-3)
        energy, slope = pair_energies(distance, radii, hydrophobic, bonding, terms)
        atom, share = softened(energy.sum(2), cap)
        parts.append((atom.sum(1), share[..., None] * ((slope / distance)[..., None] * arm).sum(2)))
    inter, gradient = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
    i, j = torch.from_numpy(ligand.pairs).T
    arm = pos[:, i] - pos[:, j]
    distance = arm.norm(dim=-1).clamp_min(1e-3)
    energy, slope = pair_energies(distance, own_radius[i] + own_radius[j], *_both(own_kind[i], own_kind[j], pos), terms)
    energy, share = softened(energy, cap)
    push = (share * slope / distance)[..., None] * arm
    gradient = gradient.index_add(1, i, push).index_add(1, j, -push)
    return PoseEnergies(inter, energy.sum(1), gradient)


def softened(energy: Tensor, cap: float) -> tuple[Tensor, Tensor]:
    """Energies with the positive ones brought below `cap`, and the factor of their gradients."""
    if cap == torch.inf:
        return energy, torch.ones_like(energy)
    share = torch.where(energy > 0, cap / (cap + energy.clamp_min(0.0)), 1.0)
    return energy * share, share**2


def _both(a: Tensor, b: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Flags of pairs: both hydrophobic; one donates to the other."""
    hydrophobic = (a & b & HYDROPHOBIC) != 0
    bonding = (((a & DONOR) != 0) & ((b & ACCEPTOR) != 0)) | (((a & ACCEPTOR) != 0) & ((b & DONOR) != 0))
    return hydrophobic.to(like), bonding.to(like)
