"""What is measured on toy models: distance to the truth, straightness, coverage and use of codes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from disco_dock.latents.metrics import perplexity
from disco_dock.runtime.random import derive_seed, generator
from disco_image.metrics.trajectories import Path, curvature, jacobian_square_exact, record_path
from disco_image.metrics.wasserstein import wasserstein2
from disco_image.processes.noise import ProcessConfig, rho_grid
from disco_image.sampling.solvers import heun
from disco_image.toy.densities import Density
from disco_image.toy.networks import ToyModel

PROCESS = ProcessConfig(sigma_min=0.005, sigma_max=20.0)
STEPS = 50
"""Heun steps of the paper's toy experiment."""
PROBE_LEVELS = (10.0, 7.0, 5.0, 3.5, 2.5, 1.75, 1.2, 0.8, 0.55, 0.35, 0.22, 0.14, 0.09, 0.05)
FEW_STEPS = (4, 6, 8, 12, 18, 50)


@dataclass(frozen=True, kw_only=True)
class ToyReport:
    """Measurements of one model and seed.

    Attributes:
        w2: distance to fresh true points, independent draws on both sides.
        w2_balanced: the same with modes of the truth equally often, noise of a scrambled Sobol sequence and latents in
            proportion to the prior, which takes most of the sampling noise out of it.
        w2_by_steps: `w2_balanced` by the number of Heun steps, on a quarter of the points.
        curvature: median over trajectories by level of `PROBE_LEVELS`.
        jacobian: mean squared norm by level.
        coverage: share of modes that hold at least a fifth of their due of the samples within 3 standard deviations.
        strays: share of samples beyond 3 standard deviations of every mode.
        code_perplexity: effective number of codes of the prior.
        mean_curvature: of the medians over the levels; a mean is decided by the few points that stand still.
        mean_jacobian: over the levels.
    """

    w2: float
    w2_balanced: float
    w2_by_steps: dict[int, float]
    curvature: list[float]
    jacobian: list[float]
    coverage: float
    strays: float
    code_perplexity: float
    mean_curvature: float
    mean_jacobian: float


def sobol_normal(count: int, dimensions: int, seed: int) -> Tensor:
    """(count, dimensions) standard normal numbers of a scrambled Sobol sequence."""
    levels = torch.quasirandom.SobolEngine(dimensions, scramble=True, seed=seed).draw(count, dtype=torch.float64)
    return torch.special.ndtri(levels.clamp(1e-9, 1 - 1e-9)).float()


@torch.no_grad()
def draw_toy_latents(model: ToyModel, member: int, count: int, seed: int, balanced: bool) -> Tensor | None:
    """(1, count, latent_width) latents of one member from its prior; None for a plain model.

    Args:
        model: trained.
        member: place of the seed.
        count: of latents.
        seed: of the draws.
        balanced: codes in proportion to the prior (systematic sampling) in place of independent ones.
    """
    config, stream = model.config, generator("toy latents", seed)
    if config.kind == "plain":
        return None
    if config.kind != "gaussian":
        levels = torch.rand(count, generator=stream)
        if balanced:
            levels = ((torch.arange(count) + levels[0]) / count)[torch.randperm(count, generator=stream)]
        cdf = model.frequencies[member].cumsum(0)
        index = torch.searchsorted(cdf / cdf[-1], levels, right=True).clamp_max(config.vocab_size - 1)
        return torch.nn.functional.one_hot(index, config.vocab_size).float()[None]
    start = torch.randn(count, config.dimension, generator=stream)
    if balanced:
        start = sobol_normal(count, config.dimension, derive_seed("toy latents", seed))
    single = member_of(model, member)
    grid = rho_grid(PROCESS, STEPS).tolist()

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return single.prior_denoise(x[None], torch.full((1, count, 1), sigma))[0]

    drawn = heun(denoise, start * grid[0], grid)
    return (drawn * single.latent_std[0] + single.latent_mean[0])[None]


def member_of(model: ToyModel, member: int) -> ToyModel:
    """A model of that seed alone."""
    single = ToyModel(model.config, [model.seeds[member]], model.sigma_data)
    single.load_state_dict({name: value[member : member + 1] for name, value in model.state_dict().items()})
    return single.requires_grad_(False)


def member_denoise(single: ToyModel, latent: Tensor | None, x: Tensor, sigma: float) -> Tensor:
    """D of a model of one seed as a solver wants it: (batch, 2) -> (batch, 2)."""
    return single.denoise(x[None], torch.full((1, len(x), 1), sigma), latent)[0]


@torch.no_grad()
def sample_toy(model: ToyModel, member: int, count: int, seed: int, steps: int = STEPS, balanced: bool = False) -> Path:
    """Trajectories of one member from noise and latents of a seed; the last points are the samples."""
    latent = draw_toy_latents(model, member, count, seed, balanced)
    noise = torch.randn(count, 2, generator=generator("toy noise", seed))
    if balanced:
        noise = sobol_normal(count, 2, derive_seed("toy noise", seed))
    grid = rho_grid(PROCESS, steps).tolist()
    return record_path(partial(member_denoise, member_of(model, member), latent), noise * grid[0], grid)


def mode_coverage(samples: Tensor, density: Density) -> tuple[float, float]:
    """Share of the modes that are covered and of the samples that stray; not a number without centres."""
    if density.centres is None:
        return float("nan"), float("nan")
    distance = torch.cdist(samples, density.centres)
    nearest, which = distance.min(1)
    near = nearest <= 3 * density.spread
    counts = torch.bincount(which[near], minlength=density.modes)
    due = len(samples) * density.shares()
    return float((counts >= due / 5).double().mean()), float((~near).double().mean())


def measure_toy(model: ToyModel, member: int, density: Density, points: int, probes: int = 512) -> ToyReport:
    """All measurements of one member.

    Args:
        model: trained.
        member: place of the seed.
        density: the truth.
        points: per point set of the distances; a multiple of the number of modes.
        probes: trajectories for curvature and Jacobian.
    """
    seed = derive_seed("toy measure", model.seeds[member])
    truth = density.sample(points, generator("toy truth", seed)).numpy()
    balanced_truth = density.balanced(points, generator("toy truth", seed)).numpy()
    samples = sample_toy(model, member, points, seed).points[-1]
    coverage, strays = mode_coverage(samples, density)

    def balanced_distance(steps: int, count: int) -> float:
        made = sample_toy(model, member, count, seed, steps, True).points[-1]
        return wasserstein2(made.numpy(), balanced_truth[:count])

    by_steps = {steps: balanced_distance(steps, points // 4) for steps in FEW_STEPS}
    curve, jacobian = _along_path(model, member, seed, probes)
    return ToyReport(
        w2=wasserstein2(samples.numpy(), truth),
        w2_balanced=balanced_distance(STEPS, points),
        w2_by_steps=by_steps,
        curvature=curve,
        jacobian=jacobian,
        coverage=coverage,
        strays=strays,
        code_perplexity=float(perplexity(model.frequencies[member])) if "disco" in model.config.kind else float("nan"),
        mean_curvature=sum(curve) / len(curve),
        mean_jacobian=sum(jacobian) / len(jacobian),
    )


def _along_path(model: ToyModel, member: int, seed: int, probes: int) -> tuple[list[float], list[float]]:
    """Curvature and squared Jacobian norm at `PROBE_LEVELS`, on trajectories from sigma_max."""
    latent = draw_toy_latents(model, member, probes, seed, False)
    denoise = partial(member_denoise, member_of(model, member), latent)
    x = torch.randn(probes, 2, generator=generator("toy probes", seed)) * PROCESS.sigma_max
    fine = rho_grid(PROCESS, STEPS).tolist()[:-1]
    levels = sorted({*fine, *PROBE_LEVELS}, reverse=True)
    path = record_path(denoise, x, levels)
    places = [levels.index(level) for level in PROBE_LEVELS]
    pairs = [(path.points[place], level) for place, level in zip(places, PROBE_LEVELS, strict=True)]
    return (
        [float(curvature(denoise, x, level).median()) for x, level in pairs],
        [float(jacobian_square_exact(denoise, x, level).mean()) for x, level in pairs],
    )
