"""Regions for the ligand's centroid, and the drift towards them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.diffusion.schedule import NoiseConfig, Scores
from disco_dock.geometry.torsion import TorsionTopology
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.restraint import BoxRestraint, PocketRestraint, drift, project
from disco_dock.sampling.reverse import reverse_diffusion

CENTER = torch.tensor([1.0, -2.0, 3.0])
REGIONS = [
    PocketRestraint(center=CENTER, radius=3.0),
    BoxRestraint(center=CENTER, half=torch.tensor([2.0, 4.0, 1.0])),
]


@pytest.mark.parametrize("region", REGIONS)
@given(seed=st.integers(0, 10_000))
def test_correction_is_the_shortest_way_in(region, seed):
    draws = torch.Generator().manual_seed(seed)
    points = CENTER + 6 * torch.randn(40, 3, generator=draws)
    inside = points + region.correction(points)
    assert float(region.correction(inside).abs().max()) < 1e-5
    others = region.start(torch.rand(200, 3, generator=draws))
    assert float(region.correction(others).abs().max()) < 1e-5
    assert (torch.cdist(points, others).min(1).values >= region.correction(points).norm(dim=-1) - 1e-4).all()
    pos = points[:, None] + torch.randn(1, 5, 3, generator=draws)
    torch.testing.assert_close(project(region, pos) - pos, region.correction(pos.mean(1))[:, None].expand(-1, 5, -1))


def test_box_start_fills_the_box():
    start = REGIONS[1].start(torch.rand(4000, 3)) - CENTER
    assert (start.abs() <= torch.tensor([2.0, 4.0, 1.0]) + 1e-6).all()
    torch.testing.assert_close(start.std(0), torch.tensor([2.0, 4.0, 1.0]) / 3**0.5, rtol=0.05, atol=0)


@pytest.mark.parametrize("sides", [(1.0, 0.0, 1.0), (1.0, 1.0, -2.0)])
def test_flat_boxes_are_refused(sides):
    with pytest.raises(ConfigError, match="positive"):
        BoxRestraint(center=CENTER, half=torch.tensor(sides))


@pytest.mark.parametrize("region", REGIONS)
def test_drift_moves_only_the_predicted_centroid_and_only_when_it_is_outside(region):
    pos, sigma = CENTER + 1.2 * torch.randn(100, 4, 3), 1.2
    scores = Scores(2 * torch.randn(100, 3), torch.randn(100, 3), torch.randn(100, 2))
    changed = drift(region, pos, scores, sigma)
    before, after = (pos.mean(1) + sigma**2 * value.tr for value in (scores, changed))
    inside = region.correction(before).norm(dim=-1) == 0
    assert 0 < int(inside.sum()) < 100
    assert torch.equal(changed.tr[inside], scores.tr[inside])
    assert float(region.correction(after).abs().max()) < 1e-5
    assert torch.equal(changed.rot, scores.rot) and torch.equal(changed.tor, scores.tor)


def test_guided_diffusion_ends_inside_while_the_score_pulls_outside():
    """A score that points at a place 20 Angstrom away: poses end as near to it as the region lets them."""
    region, away = REGIONS[0], CENTER + torch.tensor([20.0, 0.0, 0.0])
    noise = NoiseConfig()

    def score(pos, t):
        sigma = noise.tr_min ** (1 - t) * noise.tr_max**t
        return Scores((away - pos.mean(1)) / sigma**2, torch.zeros(64, 3), torch.zeros(64, 0))

    topology = TorsionTopology(torch.zeros(64, 0, 2, dtype=torch.long), torch.zeros(64, 0, 3, dtype=torch.bool))
    random = PoseRandom(0, "x", range(64))
    pos = region.start(random.uniform(3))[:, None] + torch.randn(64, 3, 3)
    end = reverse_diffusion(
        score,
        pos,
        topology,
        random,
        noise=noise,
        config=SamplerConfig(steps=20, integrator="exponential"),
        restraint=region,
    )
    distance = (end.mean(1) - CENTER).norm(dim=-1)
    assert float(distance.max()) <= 3.0 + 1e-4
    assert float((end.mean(1)[:, 0] - CENTER[0]).min()) > 2.5
