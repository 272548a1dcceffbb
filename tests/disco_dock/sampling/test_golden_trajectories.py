"""Reverse diffusion step by step against the published code, fed with its noise and its poses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from disco_dock.diffusion.perturb import Update, apply_update
from disco_dock.diffusion.sampler_config import (
    PLAIN,
    PUBLISHED_DIFFDOCK_S,
    PUBLISHED_DISCO,
    PUBLISHED_INVERSE_TEMPERATURE,
    LowTemperature,
    SamplerConfig,
)
from disco_dock.diffusion.schedule import NoiseConfig, time_grid
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.graph.batch import collate
from disco_dock.sampling.steps import step_coefficients
from tests.disco_dock.models.published_golden import golden_graph, score_model
from tests.support.golden import golden_path, load_golden

CASES = {
    "sampling_disco_6moa": ("6moa", "disco_diffdockS_score_model", PUBLISHED_DISCO),
    "sampling_disco_1a0q": ("1a0q", "disco_diffdockS_score_model", PUBLISHED_DISCO),
    "sampling_diffdockS_6w70": ("6w70", "diffdockS_score_model", PUBLISHED_DIFFDOCK_S),
    "sampling_diffdockS_6moa_plain": ("6moa", "diffdockS_score_model", PLAIN),
}
CHECKED_STEPS = (0, 7, 14, 19)
NOISE = NoiseConfig()


def tensors(data, name, step):
    return torch.from_numpy(data[name][step])


def previous_pose(data, step):
    return torch.from_numpy(data["start_pos"] if step == 0 else data["pos"][step - 1])


def by_pose(value, poses):
    """Torsion values, which the published code keeps flat, as (poses, torsions)."""
    return value.reshape(poses, -1)


@pytest.mark.parametrize("case", CASES)
def test_every_update_and_pose(case):
    """Coefficients and pose updates of all 20 steps, given the published scores and noise."""
    name, _, config = CASES[case]
    data = load_golden(f"{case}.npz")
    poses = len(data["start_pos"])
    rows = collate([golden_graph(name)]).expand(poses)
    for step, t in enumerate(time_grid(20)):
        factor = step_coefficients(t, 1 / 20, config, NOISE, last=step == 19)
        parts = []
        for k, part in enumerate(("tr", "rot", "tor")):
            score, noise = tensors(data, f"score_{part}", step), tensors(data, f"z_{part}", step)
            update = by_pose(score * factor.score[k] + noise * factor.noise[k], poses)
            expected = by_pose(tensors(data, f"perturb_{part}", step), poses)
            torch.testing.assert_close(update, expected, rtol=1e-4, atol=1e-5)
            parts.append(expected)
        pos = apply_update(previous_pose(data, step), Update(*parts), rows.topology)
        torch.testing.assert_close(pos, tensors(data, "pos", step), rtol=0, atol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_scores_along_the_trajectory(case):
    """The network's scores at poses of the published trajectory."""
    name, model_name, _ = CASES[case]
    data = load_golden(f"{case}.npz")
    model = score_model(model_name)
    for key, value in model.state_dict().items():
        if "running_var" in key and key.startswith("trunk.layers"):
            value.mul_(10)  # as the golden run did, to keep random networks tame
    poses = len(data["start_pos"])
    rows = collate([golden_graph(name)]).expand(poses)
    code = null = None
    if "latent_ligand" in data:
        code = torch.from_numpy(np.concatenate([data["latent_ligand"], data["latent_receptor"]], 1)).transpose(1, 2)
        null = torch.zeros(poses)
    table, times = igso3_table(), time_grid(20)
    published = load_golden("tables_so3_torus.npz")
    for step in CHECKED_STEPS:
        t = torch.full((poses,), times[step])
        with torch.no_grad():
            found = model(rows, previous_pose(data, step), t, table, code=code, null=null)
        for part, value in zip(("tr", "rot", "tor"), found, strict=True):
            expected = by_pose(tensors(data, f"score_{part}", step), poses)
            scale = float(expected.abs().max())
            # the published torsion norm is a Monte-Carlo table with about 2 % noise
            tolerance = 2e-2 if part == "tor" else 2e-4
            torch.testing.assert_close(by_pose(value, poses), expected, rtol=0, atol=tolerance * scale)
    assert len(published["torus_score_norm"]) == 5001


@pytest.mark.parametrize(("model", "config"), [("disco", PUBLISHED_DISCO), ("diffdockS", PUBLISHED_DIFFDOCK_S)])
def test_low_temperature_coefficients(model, config):
    data = load_golden("low_temperature_coefficients.npz")
    for step, t in enumerate(time_grid(20)):
        low = step_coefficients(t, 1 / 20, config, NOISE, last=False)
        plain = step_coefficients(t, 1 / 20, PLAIN, NOISE, last=False)
        for k, part in enumerate(("tr", "rot", "tor")):
            for found, kind in ((low, ""), (plain, "plain_")):
                assert found.score[k] == pytest.approx(data[f"{model}.{part}.{kind}score_coeff"][step], rel=1e-12)
                assert found.noise[k] == pytest.approx(data[f"{model}.{part}.{kind}noise_coeff"][step], rel=1e-12)


def test_published_settings():
    settings = json.loads(golden_path("published_sampling_settings.json").read_text())
    for name, config in (("disco", PUBLISHED_DISCO), ("diffdockS", PUBLISHED_DIFFDOCK_S)):
        given = settings[name]
        expected = LowTemperature(
            sampling=tuple(given["temp_sampling"]),
            psi=tuple(given["temp_psi"]),
            sigma_data=tuple(given["temp_sigma_data"]),
        )
        assert config == SamplerConfig(temperature=expected)
    exponent = settings["disco"]["log_softmax_latent_temperature"]
    assert pytest.approx(np.exp(exponent), rel=1e-15) == PUBLISHED_INVERSE_TEMPERATURE
