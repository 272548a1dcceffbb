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

    With r = sigma(t - dt) / sigma(t) and variance v sigma^2 of the noise, the clean pose that the score points at is
    x + v sigma^2 s. Kept fixed over the step, it gives x + (1 - r) v sigma^2 s for the ODE, and
    x + (1 - r^2) v sigma^2 s + r sigma sqrt(v (1 - r^2)) z for the SDE; Euler steps are their first order in dt.

    Args:
        t: time in (0, 1].
        dt: step size.
        config: SDE or ODE, temperatures.
        noise: noise ranges.
        last: whether this is the final step, which adds no noise unless `config.final_noise`.

    Source: variance-exploding reverse SDE (Song et al. 2021, arXiv:2011.13456); exponential steps: DDIM (Song et al.
    2021, arXiv:2010.02502) in their variance-exploding form; low temperatures as in DiffDock-PP.
    """
    scores, noises = [], []
    levels = sigmas(t, noise)
    for i, (low, high) in enumerate(noise.bounds()):
        sigma = float(levels[i])
        variance = config.rot_variance if i == ROT else 1.0
        growth = math.log(high / low) * dt  # of log sigma over the step
        ratio = math.exp(-growth)
        exponential = config.integrator == "exponential"
        if config.ode:
            scores.append(variance * sigma**2 * (1 - ratio if exponential else growth))
            noises.append(0.0)
            continue
        drift = 1 - ratio**2 if exponential else 2 * growth
        spread = ratio**2 * (1 - ratio**2) if exponential else 2 * growth
        temperature = config.temperature
        factor, psi = 1.0, 0.0
        if temperature.sampling[i] != 1.0:
            psi = temperature.psi[i]
            data = high ** temperature.sigma_data[i] * low ** (1 - temperature.sigma_data[i])
            gain = (data + sigma) / (data + sigma / temperature.sampling[i])
            factor = gain + temperature.sampling[i] * psi / 2
        scores.append(variance * sigma**2 * drift * factor)
        quiet = last and not config.final_noise
        noises.append(0.0 if quiet else sigma * math.sqrt(variance * spread * (1 + psi)))
    return StepCoefficients((scores[0], scores[1], scores[2]), (noises[0], noises[1], noises[2]))
