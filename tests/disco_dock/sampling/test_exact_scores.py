"""With the exact score of a known distribution the sampler returns that distribution."""

from __future__ import annotations

import math

import pytest
import torch

from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.diffusion.schedule import NoiseConfig, Scores, sigmas
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.diffusion.torus import exact_score, wrap
from disco_dock.geometry.rigid import kabsch
from disco_dock.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from disco_dock.geometry.torsion import TorsionTopology, dihedrals
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.initial import initial_poses
from disco_dock.sampling.reverse import reverse_diffusion
from disco_dock.sampling.steps import step_coefficients

POSES, STEPS = 700, 120
NOISE = NoiseConfig()
MEAN, SPREAD = torch.tensor([3.0, -2.0, 5.0]), 1.5  # Angstrom, of the exact distribution of the centroid
ROTATION, WIDTH = torch.tensor([0.4, -0.3, 0.8]), 0.25  # radians, of the orientation
ANGLE, BREADTH = 0.9, 0.3  # radians, of the torsion
CHAIN = torch.tensor([[0.0, 1.0, 0.2], [0.0, 0.0, 0.0], [1.5, 0.0, 0.0], [1.9, 0.7, 1.0]])


def rigid_topology(poses):
    return TorsionTopology(torch.zeros(poses, 0, 2, dtype=torch.long), torch.zeros(poses, 0, 4, dtype=torch.bool))


def one_torsion(poses):
    bonds = torch.tensor([[[1, 2]]]).expand(poses, 1, 2)
    moved = torch.tensor([[[False, False, True, True]]]).expand(poses, 1, 4)
    return TorsionTopology(bonds, moved)


def orientation(pos, reference):
    """(poses, 3) rotation vectors that take the reference to each pose."""
    return matrix_to_axis_angle(kabsch(reference.expand_as(pos).double(), pos.double())[0]).float()


def sample(score_fn, topology, ode, variance=2.0, integrator="euler", steps=STEPS):
    random = PoseRandom(0, "exact", range(POSES))
    start = initial_poses(CHAIN.expand(POSES, -1, -1), topology, random, tr_sigma=NOISE.tr_max)
    config = SamplerConfig(steps=steps, ode=ode, rot_variance=variance, integrator=integrator)
    return reverse_diffusion(score_fn, start, topology, random, noise=NOISE, config=config)


@pytest.mark.parametrize("ode", [False, True])
def test_translation(ode):
    centre = sample(gaussian, rigid_topology(POSES), ode).mean(1)
    error = SPREAD / math.sqrt(POSES)
    assert float((centre.mean(0) - MEAN).abs().max()) < 4 * error + (0.2 if ode else 0.0)
    assert float(centre.std(0).mean()) == pytest.approx(SPREAD, rel=0.08)


def gaussian(pos, t):
    """Score of the centroid's exact distribution at time t."""
    variance = SPREAD**2 + float(sigmas(t, NOISE).tr) ** 2
    zero = torch.zeros(len(pos), 3)
    return Scores((MEAN - pos.mean(1)) / variance, zero, zero[:, :0])


@pytest.mark.parametrize("ode", [False, True])
def test_exponential_steps_need_fewer_evaluations(ode):
    """In 4 steps the exponential integrator is nearer to the spread of the exact distribution than Euler's."""
    off = {}
    for integrator in ("euler", "exponential"):
        centre = sample(gaussian, rigid_topology(POSES), ode, integrator=integrator, steps=4).mean(1)
        off[integrator] = abs(math.log(float(centre.std(0).mean()) / SPREAD))
    assert off["exponential"] < 0.6
    assert off["exponential"] < off["euler"]


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_exponential_steps_are_exact_for_a_single_pose(steps):
    """Where the data are one point, the ODE shrinks the distance by sigma_min / sigma_max in any number of steps."""

    def score(pos, t):
        zero = torch.zeros(len(pos), 3)
        return Scores((MEAN - pos.mean(1)) / float(sigmas(t, NOISE).tr) ** 2, zero, zero[:, :0])

    topology = rigid_topology(5)
    random = PoseRandom(0, "exact", range(5))
    start = initial_poses(CHAIN.expand(5, -1, -1), topology, random, tr_sigma=NOISE.tr_max)
    config = SamplerConfig(steps=steps, ode=True, integrator="exponential")
    found = reverse_diffusion(score, start, topology, random, noise=NOISE, config=config).mean(1)
    shrunk = (start.mean(1) - MEAN) * NOISE.tr_min / NOISE.tr_max
    torch.testing.assert_close(found - MEAN, shrunk, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("ode", [False, True])
def test_euler_steps_are_the_first_order_of_exponential_ones(ode):
    pair = [
        step_coefficients(0.4, 1e-5, SamplerConfig(ode=ode, integrator=name), NOISE, last=False)
        for name in ("euler", "exponential")
    ]
    for euler, exponential in zip(*pair, strict=True):
        assert euler == pytest.approx(exponential, rel=1e-3)


def test_unknown_integrator():
    with pytest.raises(ConfigError, match="sampler.integrator"):
        SamplerConfig(integrator="heun")


@pytest.mark.parametrize("variance", [1.0, 2.0])
@pytest.mark.parametrize("ode", [False, True])
def test_rotation(ode, variance):
    table = igso3_table()
    goal = CHAIN - CHAIN.mean(0)
    target = goal @ axis_angle_to_matrix(ROTATION).T

    def score(pos, t):
        vector = orientation(pos - pos.mean(1, keepdim=True), target)
        # the IGSO(3) of parameter s has a variance of 2 s^2 per axis
        level = math.sqrt(WIDTH**2 + float(sigmas(t, NOISE).rot) ** 2 * variance / 2)
        rot = table.score_vectors(vector, torch.full((len(pos),), level))
        return Scores(torch.zeros(len(pos), 3), rot, torch.zeros(len(pos), 0))

    pos = sample(score, rigid_topology(POSES), ode, variance)
    vector = orientation(pos - pos.mean(1, keepdim=True), target)
    exact = table.sample_angles(torch.full((20_000,), WIDTH), torch.rand(20_000))
    # the start is uniform while the largest noise is 1.55 rad, so a small share stays far away
    assert float(vector.norm(dim=-1).median()) == pytest.approx(float(exact.median()), rel=0.12)
    near = vector[vector.norm(dim=-1) < 1.0]
    assert len(near) > 0.9 * POSES
    assert float(near.mean(0).norm()) < 0.05


@pytest.mark.parametrize("ode", [False, True])
def test_torsion(ode):
    quads = torch.tensor([[0, 1, 2, 3]]).expand(POSES, 1, 4)

    def offset(pos):
        return wrap(dihedrals(pos, quads) - ANGLE)

    sign = torsion_sign()

    def score(pos, t):
        level = torch.tensor(math.sqrt(BREADTH**2 + float(sigmas(t, NOISE).tor) ** 2))
        zero = torch.zeros(len(pos), 3)
        return Scores(zero, zero, sign * exact_score(offset(pos), level))

    found = offset(sample(score, one_torsion(POSES), ode))
    assert float(found.mean()) == pytest.approx(0.0, abs=4 * BREADTH / math.sqrt(POSES) + 0.02)
    assert float(found.std()) == pytest.approx(BREADTH, rel=0.12)


def torsion_sign():
    """Whether a positive torsion update raises or lowers the dihedral angle."""
    from disco_dock.geometry.torsion import apply_torsions

    before = dihedrals(CHAIN[None], torch.tensor([[[0, 1, 2, 3]]]))
    after = dihedrals(
        apply_torsions(CHAIN[None], one_torsion(1), torch.tensor([[0.1]])), torch.tensor([[[0, 1, 2, 3]]])
    )
    return torch.sign(wrap(after - before)).item()


@pytest.mark.parametrize("factor", [-1.0, 2.0])
def test_a_wrong_score_is_noticed(factor):
    """The test above can fail: a score of the wrong sign or size does not return the distribution."""

    def score(pos, t):
        variance = SPREAD**2 + float(sigmas(t, NOISE).tr) ** 2
        zero = torch.zeros(len(pos), 3)
        return Scores(factor * (MEAN - pos.mean(1)) / variance, zero, zero[:, :0])

    centre = sample(score, rigid_topology(POSES), False).mean(1)
    assert not float(centre.std(0).mean()) == pytest.approx(SPREAD, rel=0.08)
