"""The minimiser and Monte-Carlo search of `kernels/vina_search.c` in torch: the same steps for all poses at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from disco_dock.geometry.rotations import axis_angle_to_matrix
from disco_dock.geometry.torsion import TorsionTopology, apply_torsions
from disco_dock.physics.core_hold import Held
from disco_dock.physics.search_settings import SearchSettings
from disco_dock.physics.vina_energy import pose_energies
from disco_dock.physics.vina_ligand import VinaLigand
from disco_dock.physics.vina_receptor import VinaReceptor

ARMIJO, TRIALS = 1e-4, 10
_GOLDEN, _MIX1, _MIX2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

EnergyOf = Callable[[Tensor, float], tuple[Tensor, Tensor]]
"""Energies (poses,) and gradients (poses, 6 + torsions) of poses (poses, atoms, 3), softened to a cap."""


class Streams:
    """One splitmix64 stream per pose; drawing for some poses leaves the others' streams alone."""

    def __init__(self, seeds: np.ndarray) -> None:
        self._state = seeds.astype(np.uint64).copy()

    def uniform(self, which: np.ndarray) -> np.ndarray:
        """Numbers in [0, 1) for the poses at the indices `which`."""
        with np.errstate(over="ignore"):
            self._state[which] += _GOLDEN
            z = self._state[which]
            z = (z ^ (z >> np.uint64(30))) * _MIX1
            z = (z ^ (z >> np.uint64(27))) * _MIX2
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def inside_sphere(self, which: np.ndarray) -> np.ndarray:
        """(len(which), 3) points in the unit sphere."""
        found = np.zeros((len(which), 3))
        left = np.arange(len(which))
        while len(left):
            found[left] = np.stack([2 * self.uniform(which[left]) - 1 for _ in range(3)], 1)
            left = left[(found[left] ** 2).sum(1) > 1]
        return found


class Manifold:
    """Moves of a ligand's poses: translation, rotation about the centroid, torsions."""

    def __init__(self, ligand: VinaLigand) -> None:
        self.bonds, self.moved = torch.from_numpy(ligand.bonds), torch.from_numpy(ligand.moved)
        self.size = 6 + len(ligand.bonds)

    def displace(self, pos: Tensor, step: Tensor) -> Tensor:
        """Poses (poses, atoms, 3) moved by steps (poses, size): torsions, then rotation, then translation."""
        poses = len(pos)
        topology = TorsionTopology(self.bonds.expand(poses, -1, -1), self.moved.expand(poses, -1, -1))
        pos = apply_torsions(pos, topology, step[:, 6:])
        centre = pos.mean(1, keepdim=True)
        return (pos - centre) @ axis_angle_to_matrix(step[:, 3:6]).mT + centre + step[:, None, :3]

    def gradient(self, pos: Tensor, force: Tensor) -> Tensor:
        """(poses, size) gradient by the moves of poses from that on the atoms (poses, atoms, 3)."""
        arm = pos - pos.mean(1, keepdim=True)
        rotation = torch.linalg.cross(arm, force).sum(1)
        held, pivot = pos[:, self.bonds[:, 0]], pos[:, self.bonds[:, 1]]
        axis = torch.nn.functional.normalize(held - pivot, dim=-1, eps=1e-12)
        moved = self.moved.to(pos)
        torque = moved @ torch.linalg.cross(pos, force) - torch.linalg.cross(pivot, moved @ force)
        return torch.cat([force.sum(1), rotation, (axis * torque).sum(-1)], 1)


def search(
    receptor: VinaReceptor,
    ligand: VinaLigand,
    start: np.ndarray,
    seeds: np.ndarray,
    settings: SearchSettings,
    sphere: tuple[np.ndarray, float, float],
    held: Held | None = None,
) -> np.ndarray:
    """(poses, atoms, 3) best poses found from each start.

    Args:
        receptor: atoms.
        ligand: atoms, pairs and torsions.
        start: (poses, atoms, 3) float64 Angstrom in the receptor's frame.
        seeds: (poses,) uint64.
        settings: of the search.
        sphere: centre, radius and wall that hold the centroid.
        held: atoms that are held near points, or None.
    """
    manifold = Manifold(ligand)
    centre, radius, wall = torch.from_numpy(sphere[0]), sphere[1], sphere[2]

    def energy_of(pos: Tensor, cap: float) -> tuple[Tensor, Tensor]:
        found = pose_energies(receptor, ligand, pos, cap=cap)
        extra, force = _holding(held, pos, found.gradient)
        gradient = manifold.gradient(pos, force)
        offset = pos.mean(1) - centre
        distance = offset.norm(dim=-1, keepdim=True)
        beyond = (distance - radius).clamp_min(0.0)
        gradient[:, :3] += 2 * wall * beyond * offset / distance.clamp_min(1e-12)
        return found.inter + found.intra + extra + wall * beyond[:, 0] ** 2, gradient

    streams = Streams(seeds)
    best = torch.from_numpy(start.copy())
    least = energy_of(best, torch.inf)[0]
    current, _ = minimise(energy_of, manifold, best, settings.hunt, settings.cap, settings)
    current, energy = minimise(energy_of, manifold, current, settings.polish, torch.inf, settings)
    better = energy < least
    best[better], least[better] = current[better], energy[better]
    for _ in range(settings.moves):
        candidate = manifold.displace(current, _random_moves(current, streams, manifold.size, settings))
        candidate, proposed = minimise(energy_of, manifold, candidate, settings.hunt, settings.cap, settings)
        luck = torch.from_numpy(streams.uniform(np.arange(len(start))))
        taken = (proposed < energy) | (luck < torch.exp((energy - proposed) / settings.temperature))
        promising = torch.nonzero(taken & (proposed < least))[:, 0]
        if len(promising):
            polished = minimise(energy_of, manifold, candidate[promising], settings.polish, torch.inf, settings)
            candidate[promising], proposed[promising] = polished
            better = promising[proposed[promising] < least[promising]]
            best[better], least[better] = candidate[better], proposed[better]
        current[taken], energy[taken] = candidate[taken], proposed[taken]
    return best.numpy()


def _holding(held: Held | None, pos: Tensor, force: Tensor) -> tuple[Tensor | float, Tensor]:
    """Energies (poses,) of the atoms that are held, and the gradient on all atoms with theirs."""
    if held is None:
        return 0.0, force
    atoms = torch.from_numpy(held.atoms)
    away = pos[:, atoms] - torch.from_numpy(held.pos)
    distance = away.norm(dim=-1, keepdim=True)
    beyond = (distance - held.slack).clamp_min(0.0)
    push = 2 * held.stiffness * beyond * away / distance.clamp_min(1e-12)
    return held.stiffness * (beyond**2).sum((1, 2)), force.index_add(1, atoms, push)


def minimise(
    energy_of: EnergyOf, manifold: Manifold, pos: Tensor, steps: int, cap: float, settings: SearchSettings
) -> tuple[Tensor, Tensor]:
    """Poses after at most `steps` BFGS steps each, and their energies; no energy rises.

    Source: Nocedal & Wright, Numerical Optimization, 2006, equation 6.17.
    """
    pos = pos.clone()
    energy, gradient = energy_of(pos, cap)
    hessian = torch.eye(manifold.size, dtype=pos.dtype).repeat(len(pos), 1, 1)
    idle = torch.zeros(len(pos), dtype=torch.long)
    live = torch.arange(len(pos))
    for count in range(steps):
        step = -(hessian[live] @ gradient[live, :, None])[..., 0]
        largest = step.abs().amax(1, keepdim=True)
        step = step * (settings.longest / largest).clamp_max(1.0)
        slope = (step * gradient[live]).sum(1)
        live, step, slope = live[slope < 0], step[slope < 0], slope[slope < 0]
        found = _line_search(energy_of, manifold, pos[live], energy[live], step, slope, cap)
        moved, alpha, trial, value, next_gradient = found
        live, step = live[moved], step[moved]
        if not len(live):
            break
        change = next_gradient - gradient[live]
        gain = energy[live] - value
        pos[live], energy[live], gradient[live] = trial, value, next_gradient
        idle[live] = torch.where(gain < settings.tolerance, idle[live] + 1, 0)
        _update(hessian, live, alpha, step, change, first=count == 0)
        live = live[idle[live] < 2]
        if not len(live):
            break
    return pos, energy


def _line_search(
    energy_of: EnergyOf, manifold: Manifold, pos: Tensor, energy: Tensor, step: Tensor, slope: Tensor, cap: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Backtracking: indices of the poses that improved, and their step factors, poses, energies and gradients."""
    alpha = torch.ones_like(energy)
    trial, value, gradient = pos.clone(), energy.clone(), torch.zeros_like(step)
    improved = torch.zeros(len(pos), dtype=torch.bool)
    for _ in range(TRIALS):
        left = torch.nonzero(~improved)[:, 0]
        if not len(left):
            break
        trial[left] = manifold.displace(pos[left], alpha[left, None] * step[left])
        value[left], gradient[left] = energy_of(trial[left], cap)
        good = value[left] - energy[left] < ARMIJO * alpha[left] * slope[left]
        improved[left[good]] = True
        alpha[left[~good]] /= 2
    kept = torch.nonzero(improved)[:, 0]
    return kept, alpha[kept], trial[kept], value[kept], gradient[kept]


def _update(hessian: Tensor, live: Tensor, alpha: Tensor, step: Tensor, change: Tensor, *, first: bool) -> None:
    """The BFGS update of inverse Hessians, where the curvature along the step is positive."""
    along = (change * step).sum(1)
    curved = alpha * along > 1e-12
    live, alpha, step, change, along = live[curved], alpha[curved], step[curved], change[curved], along[curved]
    if first:
        scale = alpha * along / (change**2).sum(1)
        hessian[live] = scale[:, None, None] * torch.eye(step.shape[1], dtype=step.dtype)
    product = (hessian[live] @ change[:, :, None])[..., 0]
    curvature = (1 + (change * product).sum(1) / (alpha * along)) * alpha / along
    outer = product[:, :, None] * step[:, None, :]
    hessian[live] += curvature[:, None, None] * step[:, :, None] * step[:, None, :]
    hessian[live] -= (outer + outer.mT) / along[:, None, None]


def _random_moves(pos: Tensor, streams: Streams, size: int, settings: SearchSettings) -> Tensor:
    """(poses, size) a random translation, rotation or torsion each; every degree of freedom has the same chance."""
    every = np.arange(len(pos))
    step = np.zeros((len(pos), size))
    which = (streams.uniform(every) * (size - 4)).astype(np.int64)
    shift, rotate, torsion = (np.flatnonzero(mask) for mask in (which == 0, which == 1, which > 1))
    step[shift, :3] = settings.amplitude * streams.inside_sphere(shift)
    gyration = (pos - pos.mean(1, keepdim=True)).square().sum((1, 2)).div(pos.shape[1]).sqrt().numpy()[rotate]
    reach = np.where(gyration > 1e-3, settings.amplitude / np.maximum(gyration, 1e-3), 2 * np.pi)
    step[rotate, 3:6] = reach[:, None] * streams.inside_sphere(rotate)
    step[torsion, which[torsion] + 4] = 2 * np.pi * (streams.uniform(torsion) - 0.5)
    return torch.from_numpy(step)
