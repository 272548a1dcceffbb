"""Curvature of ODE paths on the manifold of poses, where it is known."""

from __future__ import annotations

import math

import torch

from disco_dock.diffusion.sampler_config import EXACT
from disco_dock.diffusion.schedule import NoiseConfig, Scores
from disco_dock.geometry.rotations import axis_angle_to_matrix
from disco_dock.geometry.torsion import TorsionTopology
from disco_dock.sampling.curvature import ode_velocity, path_shape

NOISE = NoiseConfig()
POSES, ATOMS = 3, 6


def rigid_ligand() -> tuple[torch.Tensor, TorsionTopology]:
    generator = torch.Generator().manual_seed(1)
    pos = 2 * torch.randn(POSES, ATOMS, 3, generator=generator, dtype=torch.float64)
    empty = TorsionTopology(torch.zeros(POSES, 0, 2, dtype=torch.long), torch.zeros(POSES, 0, ATOMS, dtype=torch.bool))
    return pos, empty


def measured(velocity, steps: int = 10):
    """Path whose velocity (tr, rot) is a given function of (pos, t)."""
    pos, topology = rigid_ligand()
    none = pos.new_zeros(POSES, 0)

    def score(pos: torch.Tensor, t: float) -> Scores:
        unit = ode_velocity(Scores(pos.new_ones(1, 3), pos.new_ones(1, 3), none), t, NOISE, EXACT)
        tr, rot = velocity(pos, t)
        return Scores(tr / unit.tr, rot / unit.rot, none)

    return path_shape(score, pos, topology, noise=NOISE, sampler=EXACT, steps=steps)


def test_straight_paths_have_no_curvature():
    goal = torch.tensor([30.0, -4.0, 2.0], dtype=torch.float64)

    def velocity(pos, t):
        away = goal - pos.mean(1)
        return away, torch.zeros_like(away)

    shape = measured(velocity)
    assert float(shape.curvature.max()) < 1e-6
    assert float(shape.tr.max()) < 1e-6
    assert torch.allclose(shape.tr_detour, torch.ones(POSES, dtype=torch.float64))


def test_a_circle_has_the_curvature_of_its_radius():
    radius, rate = 5.0, 3.0

    def velocity(pos, t):
        angle = torch.full((POSES,), rate * (1 - t), dtype=torch.float64)
        tr = radius * rate * torch.stack([-angle.sin(), angle.cos(), 0 * angle], -1)
        return tr, torch.zeros_like(tr)

    shape = measured(velocity, steps=200)
    assert torch.allclose(shape.tr, torch.full_like(shape.tr, 1 / radius), rtol=1e-3)
    chord = 2 * math.sin(rate / 2)
    assert torch.allclose(shape.tr_detour, torch.full_like(shape.tr_detour, rate / chord), rtol=1e-2)
    pos, _ = rigid_ligand()
    gyration = (pos - pos.mean(1, keepdim=True)).square().sum(-1).mean(1).sqrt()
    assert torch.allclose(shape.curvature, (gyration / radius).expand_as(shape.curvature), rtol=1e-3)


def test_turning_about_a_fixed_axis_is_a_geodesic():
    axis = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    shape = measured(lambda pos, t: (torch.zeros(POSES, 3, dtype=torch.float64), 2 * axis.expand(POSES, 3)))
    assert float(shape.rot.max()) < 1e-6


def test_precession_is_measured_after_parallel_transport():
    """The angular velocity turns about z at a rate p; along the path its own rotation carries half of it along."""
    speed, rate = 2.0, 5.0
    z = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)

    def velocity(pos, t):
        turn = axis_angle_to_matrix(rate * (1 - t) * z)
        rot = (turn @ torch.tensor([speed, 0.0, 0.0], dtype=torch.float64)).expand(POSES, 3)
        return torch.zeros_like(rot), rot

    shape = measured(velocity)
    # d omega / dt - omega x omega / 2 = rate z x omega, for omega is carried by itself unchanged
    assert torch.allclose(shape.rot, torch.full_like(shape.rot, rate / speed), rtol=1e-2)
