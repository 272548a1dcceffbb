"""The loop over time that turns noise into poses."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from disco_dock.diffusion.perturb import Update, apply_update
from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.diffusion.schedule import NoiseConfig, Scores, sigmas, time_grid
from disco_dock.geometry.torsion import TorsionTopology
from disco_dock.latents.guidance import GuidanceConfig, guide
from disco_dock.runtime.errors import NumericsError
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.restraint import Restraint, drift, project
from disco_dock.sampling.steps import step_coefficients

LARGEST_SCORE = 1e10  # beyond it the squares of float32 coordinates overflow within a few steps
ScoreFunction = Callable[[Tensor, float], Scores]
"""(pos (poses, atoms, 3), t) -> scores."""


def guided(conditional: ScoreFunction, null: ScoreFunction, config: GuidanceConfig) -> ScoreFunction:
    """The score function with classifier-free guidance; the null one is called only where guidance acts."""

    def score(pos: Tensor, t: float) -> Scores:
        given = conditional(pos, t)
        return guide(given, null(pos, t), config.weight) if config.active(t) else given

    return score


def check_finite(scores: Scores, *, name: str, t: float, indices: list[int]) -> None:
    """Raise a NumericsError that names complex, time, component and pose of the first unusable score."""
    for component, value in zip(Scores._fields, scores, strict=True):
        bad = ~(value.abs() <= LARGEST_SCORE).flatten(1).all(1)
        if bool(bad.any()):
            row = int(bad.nonzero()[0])
            kind = "too large" if bool(torch.isfinite(value[row]).all()) else "not finite"
            raise NumericsError(
                f"{name}: the {component} score of pose {indices[row]} is {kind} at t = {t:.3f}; "
                "check the input coordinates or use another checkpoint"
            )


def reverse_diffusion(
    score_fn: ScoreFunction,
    pos: Tensor,
    topology: TorsionTopology,
    random: PoseRandom,
    *,
    noise: NoiseConfig,
    config: SamplerConfig,
    restraint: Restraint | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
    name: str = "complex",
    steps: int | None = None,
    start: float = 1.0,
) -> Tensor:
    """(poses, atoms, 3) poses at t = 0, or where the steps end.

    Args:
        score_fn: scores of poses at a time.
        pos: (poses, atoms, 3) poses at t = 1 in Angstrom.
        topology: rotatable bonds of the poses.
        random: one stream per pose; draws are made in every step, also in those that add no noise.
        noise: noise ranges.
        config: steps, SDE or ODE, temperatures.
        restraint: pocket that every step steers the centroids into and none leaves, or None.
        on_step: called with the number of finished steps and the poses.
        name: of the complex, for messages.
        steps: that are made of those of the whole process; all when None.
        start: time of the poses; the steps of `config` lead from there to 0.

    Raises:
        NumericsError: a score is not finite, or so large that coordinates would overflow.
    """
    mask = topology.mask
    torsions = mask.sum(1).tolist()
    dt = start / config.steps
    for step, t in enumerate(time_grid(config.steps, start)[:steps]):
        scores = score_fn(pos, t)
        check_finite(scores, name=name, t=t, indices=random.indices)
        if restraint is not None:
            scores = drift(restraint, pos, scores, float(sigmas(t, noise).tr))
        factor = step_coefficients(t, dt, config, noise, last=step == config.steps - 1)
        draws = (random.normal(3), random.normal(3), random.padded_normal(torsions, mask.shape[1]))
        update = Update(
            *(s * a + z.to(s) * b for s, a, z, b in zip(scores, factor.score, draws, factor.noise, strict=True))
        )
        pos = apply_update(pos, update, topology, torsion_mask=mask)
        if restraint is not None:
            pos = project(restraint, pos)
        if on_step is not None:
            on_step(step + 1, pos)
    return pos
