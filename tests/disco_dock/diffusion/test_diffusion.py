"""Noise on the pose manifold: schedules, kernels, tables, targets and updates."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import beta

from disco_dock.diffusion import so3, torus
from disco_dock.diffusion.perturb import Update, apply_update, draw, perturb, targets
from disco_dock.diffusion.sampler_config import LowTemperature, SamplerConfig
from disco_dock.diffusion.schedule import NoiseConfig, draw_times, sigmas, time_grid
from disco_dock.geometry.torsion import TorsionTopology, apply_torsions
from disco_dock.graph.batch import collate
from disco_dock.runtime.errors import ConfigError
from tests.disco_dock.models.published_golden import NAMES, golden_graph
from tests.support.golden import load_golden
from tests.support.graphs import random_graph

NOISE = NoiseConfig()


@pytest.fixture(scope="module")
def table():
    return so3.build_table()


def test_schedule_ends():
    for t, expected in ((0.0, (0.1, 0.03, 0.03)), (1.0, (19.0, 1.55, 3.14))):
        assert sigmas(t, NOISE) == pytest.approx(expected)
    assert time_grid(4) == [1.0, 0.75, 0.5, 0.25]
    with pytest.raises(ValueError, match="step"):
        time_grid(0)
    with pytest.raises(ConfigError, match="rot_min"):
        NoiseConfig(rot_min=2.0)


@pytest.mark.parametrize(("a", "b"), [(2.0, 1.0), (1.5, 1.0), (2.0, 3.0)])
def test_times_follow_the_beta_distribution(a, b):
    uniform = torch.tensor([0.01, 0.3, 0.5, 0.9], dtype=torch.float64)
    np.testing.assert_allclose(draw_times(uniform, a, b), beta.ppf(uniform, a, b), rtol=1e-9)


def test_published_schedules():
    data = load_golden("schedules.npz")
    for name in ("diffdockS", "disco"):
        found = sigmas(torch.from_numpy(data["t"]), NOISE)
        for part, value in zip(("tr", "rot", "tor"), found, strict=True):
            np.testing.assert_allclose(value, data[f"sigma_{part}_{name}"], rtol=1e-12)
    for steps in (20, 18):
        np.testing.assert_allclose(time_grid(steps), data[f"t_schedule_{steps}"], rtol=1e-12)


def wrapped_density(x, sigma):
    return sum(math.exp(-((x + 2 * math.pi * k) ** 2) / (2 * sigma**2)) for k in range(-12, 13))


@pytest.mark.parametrize("sigma", [0.05, 0.4, 1.2, 3.14])
def test_torus_score_is_the_gradient_of_the_log_density(sigma):
    x = torch.linspace(-3, 3, 13, dtype=torch.float64)
    step = 1e-6
    logs = [[math.log(max(wrapped_density(float(v) + s, sigma), 1e-300)) for v in x] for s in (step, -step)]
    above, below = torch.tensor(logs, dtype=torch.float64)
    expected = (above - below) / (2 * step)
    inside = torch.tensor([wrapped_density(float(v), sigma) > 1e-200 for v in x])
    found = torus.exact_score(x, torch.tensor(sigma, dtype=torch.float64).expand_as(x))
    torch.testing.assert_close(found[inside], expected[inside], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sigma", [0.1, 0.8, 2.0])
def test_torus_norm_is_the_mean_squared_score(sigma):
    level = float(torus._grid_value(torus._snap(torch.tensor([sigma]).double(), torus.SIGMA_RANGE), torus.SIGMA_RANGE))

    def integrand(x, power):
        slope = float(torus.exact_score(torch.tensor([x]).double(), torch.tensor([level]).double()))
        return wrapped_density(x, level) * slope**power

    expected = quad(integrand, 0, math.pi, (2,), limit=200)[0] / quad(integrand, 0, math.pi, (0,), limit=200)[0]
    assert float(torus.score_norm(torch.tensor([sigma]))) == pytest.approx(expected, rel=1e-6)


def test_published_torus_values():
    data = load_golden("tables_so3_torus.npz")
    sigma, x = torch.from_numpy(data["torus_query_sigma"]), torch.from_numpy(data["torus_query_x"])
    grid_sigma, grid_x = torch.meshgrid(sigma, x, indexing="ij")
    expected = torch.from_numpy(data["torus_query_score"])
    found = torus.score(grid_x, grid_sigma)
    known = torch.isfinite(expected)
    torch.testing.assert_close(found[known], expected[known], rtol=1e-9, atol=1e-9)
    exact = torch.from_numpy(data["torus_query_score_norm_exact"])
    # the exact value at sigma itself; ours is at the nearest of 5001 levels, where the norm falls like exp(-sigma^2)
    torch.testing.assert_close(torus.score_norm(sigma), exact, rtol=1.5e-2, atol=0)
    sampled = torch.from_numpy(data["torus_query_score_norm"])
    torch.testing.assert_close(torus.score_norm(sigma), sampled, rtol=0.06, atol=0)  # Monte Carlo


def test_published_igso3_values(table):
    data = {key: torch.from_numpy(value) for key, value in load_golden("tables_so3_torus.npz").items()}
    torch.testing.assert_close(table.norm, data["so3_exp_score_norms"], rtol=1e-8, atol=0)
    rows = data["so3_rows"].long()
    torch.testing.assert_close(table.cdf[rows], data["so3_cdf_rows"], rtol=0, atol=1e-11)
    eps = data["so3_query_eps"]
    assert torch.equal(table.row(eps), data["so3_query_row"].long())
    for k, u in enumerate(data["so3_query_u"]):
        torch.testing.assert_close(
            table.sample_angles(eps, u.expand(len(eps))), data["so3_query_omega"][:, k], rtol=1e-6, atol=1e-9
        )
    for k, vector in enumerate(data["so3_query_vec"]):
        likely = float(vector.norm()) < 8 * eps  # beyond, the series is rounding noise
        found = table.score_vectors(vector.expand(len(eps), 3), eps)
        torch.testing.assert_close(found[likely], data["so3_query_score_vec"][likely, k], rtol=1e-5, atol=1e-6)


def test_igso3_density_is_normalised_and_score_is_its_slope(table):
    for row in (300, 600, 900):
        series, derivative = so3.expansion(so3.level_grid()[row : row + 1], so3.angle_grid())
        assert float(table.cdf[row, -1]) == pytest.approx(1.0, abs=2e-3)
        log = series[0].log()
        wide = (series[0] > 1e-6 * series.max()).nonzero().squeeze(1)[5:-5]
        torch.testing.assert_close(table.score[row, wide], (derivative / series)[0, wide])
        slope = (log[wide + 1] - log[wide - 1]) / (2 * math.pi / so3.ANGLES)
        torch.testing.assert_close(slope, table.score[row, wide], rtol=1e-2, atol=1e-2)


def test_igso3_samples_have_the_kernels_spread(table):
    eps = torch.full((50_000,), 0.15)
    angle = table.sample_angles(eps, torch.rand(50_000))
    assert float(angle.square().mean().sqrt()) == pytest.approx(math.sqrt(6) * 0.15, rel=0.02)  # 2 eps^2 per axis


def test_cached_table_is_the_built_one_and_damage_is_repaired(table, tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_DOCK_CACHE", str(tmp_path))
    monkeypatch.setattr(so3, "build_table", lambda: table)
    path = tmp_path / "tables" / so3.CACHE_NAME
    for damage in (
        lambda: None,
        lambda: None,
        lambda: path.write_bytes(b"broken"),
        lambda: path.write_bytes(path.read_bytes()[:500]),
    ):
        damage()
        so3.igso3_table.cache_clear()
        assert torch.equal(so3.igso3_table().score, table.score)
        assert path.exists()
    so3.igso3_table.cache_clear()


def test_cache_that_cannot_be_written_is_no_error(table, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DISCO_DOCK_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(so3, "build_table", lambda: table)
    so3.igso3_table.cache_clear()
    assert torch.equal(so3.igso3_table().norm, table.norm)
    so3.igso3_table.cache_clear()


@pytest.mark.parametrize("name", NAMES)
def test_published_updates(name):
    data = {key: torch.from_numpy(value) for key, value in load_golden("geometry.npz").items()}
    one = collate([golden_graph(name)])
    pos, tor = data[f"{name}.pos_in"][None], data[f"{name}.tor"][None]
    torch.testing.assert_close(
        apply_torsions(pos, one.topology, tor)[0], data[f"{name}.pos_torsion_only"], atol=1e-4, rtol=0
    )
    update = Update(data[f"{name}.tr"], data[f"{name}.rot"][None], tor)
    torch.testing.assert_close(apply_update(pos, update, one.topology)[0], data[f"{name}.pos_out"], atol=1e-4, rtol=0)
    four = one.expand(4)
    update = Update(data[f"{name}.batch_tr"], data[f"{name}.batch_rot"], data[f"{name}.batch_tor"].view(4, -1))
    torch.testing.assert_close(
        apply_update(pos.expand(4, -1, -1), update, four.topology), data[f"{name}.batch_pos_out"], atol=1e-4, rtol=0
    )


def test_torsions_change_neither_position_nor_orientation():
    batch = collate([random_graph(0)])
    zero = torch.zeros(1, 3)
    pos = apply_update(batch.conformer, Update(zero, zero, torch.tensor([[0.7, -1.0, 0.4]])), batch.topology)
    torch.testing.assert_close(pos.mean(1), batch.conformer.mean(1), atol=1e-5, rtol=0)
    left, right = pos - pos.mean(1, keepdim=True), batch.conformer - batch.conformer.mean(1, keepdim=True)
    spin = torch.linalg.cross(right, left).sum(1)  # vanishes for the optimal superposition
    assert float(spin.norm()) < 1e-3 and float((pos - batch.conformer).abs().max()) > 0.3


def test_padding_changes_nothing():
    graphs = [random_graph(0, atoms=6, torsions=1), random_graph(1, atoms=11, torsions=4), random_graph(2, torsions=0)]
    together = collate(graphs)
    draws = torch.Generator().manual_seed(0)
    update = Update(
        torch.randn(3, 3, generator=draws), torch.randn(3, 3, generator=draws), torch.randn(3, 4, generator=draws)
    )
    found = apply_update(together.conformer, update, together.topology, together.lig_mask, together.torsion_mask)
    for row, graph in enumerate(graphs):
        alone = collate([graph])
        part = Update(
            update.tr[row : row + 1], update.rot[row : row + 1], update.tor[row : row + 1, : graph.num_torsions]
        )
        expected = apply_update(alone.conformer, part, alone.topology)
        torch.testing.assert_close(found[row : row + 1, : graph.num_atoms], expected, atol=1e-5, rtol=0)


def test_noise_has_the_scheduled_spread_and_targets_are_its_scores(table):
    batch = collate([random_graph(0)]).expand(4000)
    t = torch.full((4000,), 0.4)
    pos, update, score = perturb(
        batch.conformer,
        t,
        batch.topology,
        NOISE,
        draw(4000, batch.topology.bonds.shape[1], torch.Generator().manual_seed(0)),
        atom_mask=batch.lig_mask,
        torsion_mask=batch.torsion_mask,
        table=table,
    )
    level = sigmas(0.4, NOISE)
    assert float(update.tr.std()) == pytest.approx(level.tr, rel=0.03)
    assert float(update.tor.std()) == pytest.approx(level.tor, rel=0.03)
    assert float(update.rot.std()) == pytest.approx(math.sqrt(2) * level.rot, rel=0.04)
    torch.testing.assert_close(score.tr, -update.tr / level.tr**2)
    torch.testing.assert_close(pos.mean(1) - batch.conformer.mean(1), update.tr, atol=1e-4, rtol=0)
    assert float((score.rot * update.rot).sum(-1).max()) < 0  # towards the clean pose
    again = targets(update, t, NOISE, table, batch.torsion_mask)
    torch.testing.assert_close(again.tor, score.tor)


def test_settings_are_checked():
    for bad in ({"steps": 0}, {"rot_variance": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(bad))):
            SamplerConfig(**bad)
    with pytest.raises(ConfigError, match="sampling"):
        LowTemperature(sampling=(0.0, 1.0, 1.0))
    with pytest.raises(ConfigError, match="psi"):
        LowTemperature(psi=(-1.0, 0.0, 0.0))


def test_empty_topology():
    topology = TorsionTopology(torch.zeros(1, 0, 2, dtype=torch.long), torch.zeros(1, 0, 3, dtype=torch.bool))
    pos = torch.randn(1, 3, 3)
    update = Update(torch.ones(1, 3), torch.zeros(1, 3), torch.zeros(1, 0))
    torch.testing.assert_close(apply_update(pos, update, topology), pos + 1)
