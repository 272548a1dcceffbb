"""Coefficients of one reverse step of each component."""

from __future__ import annotations

import math
from typing import NamedTuple

from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.diffusion.schedule import NoiseConfig, sigmas

ROT = 1  # position of rot in (tr, rot, tor)


class StepCoefficients(NamedTuple):
    """update = score * `score` + noise * `noise`, each a (tr, rot, tor) triple."""

    score: tuple[float, float, float]
    noise: tuple[float, float, float]


def step_coefficients(
    t: float, dt: float, config: SamplerConfig, noise: NoiseConfig, *, last: bool
) -> StepCoefficients:
    """Coefficients of the step from t to t - dt.

    Args:
        t: time in (0, 1].
        dt: step size.
        config: SDE or ODE, temperatures.
        noise: noise ranges.
        last: whether this is the final step, which adds no noise unless `config.final_noise`.

    Source: variance-exploding reverse SDE (Song et al. 2021, arXiv:2011.13456); low temperatures as in DiffDock-PP.
    """
    scores, noises = [], []
    levels = sigmas(t, noise)
    for i, (low, high) in enumerate(noise.bounds()):
        sigma = float(levels[i])
        variance = config.rot_variance if i == ROT else 1.0
        g = sigma * math.sqrt(2 * variance * math.log(high / low))
        if config.ode:
            scores.append(0.5 * g * g * dt)
            noises.append(0.0)
            continue
        temperature = config.temperature
        factor, psi = 1.0, 0.0
        if temperature.sampling[i] != 1.0:
            psi = temperature.psi[i]
            data = high ** temperature.sigma_data[i] * low ** (1 - temperature.sigma_data[i])
            ratio = (data + sigma) / (data + sigma / temperature.sampling[i])
            factor = ratio + temperature.sampling[i] * psi / 2
        scores.append(g * g * dt * factor)
        noises.append(0.0 if last and not config.final_noise else g * math.sqrt(dt * (1 + psi)))
    return StepCoefficients((scores[0], scores[1], scores[2]), (noises[0], noises[1], noises[2]))
