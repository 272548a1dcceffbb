"""How curved the paths of the generative ODE are on the manifold of poses R^3 x SO(3) x T^m.

The paper measured the curvature of its two-dimensional example. Here the path of a pose has a velocity (tr in Angstrom,
rot and tor in radians per unit of t) at every time; its unit tangent turns along the path, and the curvature is the
norm of that turn over the length travelled. R^3 and the torus are flat; on SO(3) the earlier tangent is carried along
the geodesic between the two orientations before the two are compared (bi-invariant metric). Translation counts in units
of the ligand's gyration radius, so that the three components can be added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from disco_dock.diffusion.perturb import Update, apply_update
from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.diffusion.schedule import NoiseConfig, Scores, time_grid
from disco_dock.geometry.rotations import axis_angle_to_matrix
from disco_dock.geometry.torsion import TorsionTopology
from disco_dock.sampling.reverse import ScoreFunction
from disco_dock.sampling.steps import step_coefficients

DELTA = 1e-3
"""Step of t over which the turn of the tangent is measured, as in the paper."""


@dataclass(frozen=True, kw_only=True)
class PathShape:
    """Shape of the paths of some poses, (steps, poses) unless told otherwise.

    Attributes:
        t: (steps,) times, falling.
        curvature: turn of the unit tangent over the length travelled, per unit of length (gyration radii and radians).
        tr: the same of the translation alone, per Angstrom.
        rot: the same of the rotation alone, per radian.
        tr_detour: (poses,) length of the centroid's path over the distance between its ends, at least 1.
    """

    t: Tensor
    curvature: Tensor
    tr: Tensor
    rot: Tensor
    tr_detour: Tensor


def path_shape(
    score_fn: ScoreFunction,
    pos: Tensor,
    topology: TorsionTopology,
    *,
    noise: NoiseConfig,
    sampler: SamplerConfig,
    steps: int = 40,
    delta: float = DELTA,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> PathShape:
    """Follow the probability-flow ODE by Euler steps and measure how its paths turn.

    Args:
        score_fn: scores of poses at a time.
        pos: (poses, atoms, 3) poses at t = 1 in Angstrom, all atoms real.
        topology: rotatable bonds of the poses.
        noise: noise ranges.
        sampler: for its variance of rotations.
        steps: of the path.
        delta: step over which the tangent's turn is measured, at most one step of the path.
        on_step: called with the number of finished steps and the poses.

    Source: DisCo-Diff (arXiv:2407.03300), App. F.3, there for points of the plane.
    """
    radius = (pos - pos.mean(1, keepdim=True)).square().sum(-1).mean(1).sqrt()[:, None]
    all_times = time_grid(steps)
    turns: list[tuple[Tensor, Tensor, Tensor]] = []
    travelled, start = torch.zeros(len(pos), device=pos.device), pos.mean(1)
    for step, t in enumerate(all_times):
        velocity = ode_velocity(score_fn(pos, t), t, noise, sampler)
        small = Update(*(value * min(delta, t) for value in velocity))
        ahead = apply_update(pos, small, topology)
        later = ode_velocity(score_fn(ahead, t - min(delta, t)), t - min(delta, t), noise, sampler)
        turns.append(_turns(velocity, later, small, radius))
        move = Update(*(value / steps for value in velocity))
        travelled = travelled + torch.linalg.vector_norm(move.tr, dim=-1)
        pos = apply_update(pos, move, topology)
        if on_step is not None:
            on_step(step + 1, pos)
    whole, tr, rot = (torch.stack(values) for values in zip(*turns, strict=True))
    distance = torch.linalg.vector_norm(pos.mean(1) - start, dim=-1)
    return PathShape(
        t=torch.tensor(all_times), curvature=whole, tr=tr, rot=rot, tr_detour=travelled / distance.clamp_min(1e-6)
    )


def ode_velocity(scores: Scores, t: float, noise: NoiseConfig, sampler: SamplerConfig) -> Update:
    """Velocity of the reverse probability-flow ODE, per unit of falling t: tr in Angstrom, rot and tor in radians."""
    flow = SamplerConfig(ode=True, rot_variance=sampler.rot_variance)
    factors = step_coefficients(t, 1.0, flow, noise, last=False).score
    return Update(*(score * factor for score, factor in zip(scores, factors, strict=True)))


def _turns(before: Update, after: Update, step: Update, radius: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(poses,) curvatures of the whole path, of its translation and of its rotation."""
    carried = before._replace(rot=_carried(before.rot, step.rot))
    scaled = [torch.cat([each.tr / radius, each.rot, each.tor], -1) for each in (carried, after, step)]
    whole = _turn(*scaled)
    return whole, _turn(carried.tr, after.tr, step.tr), _turn(carried.rot, after.rot, step.rot)


def _carried(velocity: Tensor, step: Tensor) -> Tensor:
    """Angular velocity (poses, 3), in the fixed frame, after parallel transport along the rotation of the step."""
    return (axis_angle_to_matrix(0.5 * step) @ velocity.unsqueeze(-1)).squeeze(-1)


def _turn(before: Tensor, after: Tensor, step: Tensor) -> Tensor:
    first, second = (torch.nn.functional.normalize(value, dim=-1, eps=1e-12) for value in (before, after))
    length = torch.linalg.vector_norm(step, dim=-1).clamp_min(1e-12)
    return torch.linalg.vector_norm(second - first, dim=-1) / length
