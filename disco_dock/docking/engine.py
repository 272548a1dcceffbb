"""The networks of a checkpoint and the functions that dock with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from disco_dock.docking.settings import PredictSettings
from disco_dock.graph.schema import ComplexGraph
from disco_dock.runtime.device import resolve_device
from disco_dock.runtime.errors import ConfigError
from disco_dock.sampling.restraint import Restraint
from disco_dock.sampling.sample import DockedPoses, DockingSettings, confidence_logits, dock
from disco_dock.sampling.several_ligands import dock_together
from disco_dock.weights.networks import Models, bundled_checkpoint, load_models

DockFunction = Callable[..., DockedPoses]
DockTogetherFunction = Callable[..., list[DockedPoses]]
ConfidenceFunction = Callable[[Models, ComplexGraph, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Loaded networks, the device they are on, and the functions that dock and score confidence (others in tests)."""

    models: Models
    device: torch.device
    dock: DockFunction = dock
    confidence: ConfidenceFunction = confidence_logits
    dock_together: DockTogetherFunction = dock_together


def load_engine(checkpoint: Path | None, device: str) -> Engine:
    """The engine of a checkpoint folder (None: the bundled one) on a device ("auto", "cpu", "cuda", ...).

    Raises:
        CheckpointError: there is no usable checkpoint.
        ConfigError: the device is absent.
    """
    chosen = resolve_device(device)
    return Engine(models=load_models(bundled_checkpoint() if checkpoint is None else checkpoint, chosen), device=chosen)


def docking_settings(models: Models, settings: PredictSettings, restraint: Restraint | None) -> DockingSettings:
    """The checkpoint's sampling settings, overridden by the user's.

    Raises:
        ConfigError: a setting has no effect on this checkpoint.
    """
    config = models.config
    latents = models.prior is not None
    if settings.latent_temperature is not None and not latents:
        raise ConfigError("this checkpoint has no latents, so the latent temperature has no effect; leave it out")
    if settings.choose_latents and not latents:
        raise ConfigError(
            "this checkpoint has no prior over atoms and residues, so its latents can be neither listed nor chosen; "
            "leave out --modes, --latent, --avoid-latent and --suggest-pockets, or use a checkpoint with latents"
        )
    weight = config.guidance.weight if settings.guidance_weight is None else settings.guidance_weight
    if settings.guidance_weight and not latents:
        raise ConfigError(
            "this checkpoint has no latents to guide by, so the guidance weight has no effect; leave it out"
        )
    if settings.guidance_interval is not None and weight == 0:
        raise ConfigError("the guidance interval has no effect while the guidance weight is 0; give a weight too")
    low, high = settings.guidance_interval or (config.guidance.t_min, config.guidance.t_max)
    inverse = settings.latent_inverse_temperature
    return DockingSettings(
        num_poses=settings.num_poses,
        seed=settings.seed,
        batch_size=settings.batch_size,
        sampler=replace(config.sampler, steps=settings.steps, ode=settings.ode or config.sampler.ode),
        latent_inverse_temperature=config.latent_inverse_temperature if inverse is None else inverse,
        guidance=replace(config.guidance, weight=weight, t_min=low, t_max=high),
        pocket=restraint,
        record=settings.trajectory,
    )


def dock_fitting(engine: Engine, graph: ComplexGraph, settings: DockingSettings, **options) -> tuple[DockedPoses, int]:
    """Docked poses and the batch size that fitted: after running out of accelerator memory it is halved.

    Raises:
        torch.OutOfMemoryError: a single pose does not fit.
    """
    size = min(settings.batch_size, settings.num_poses)
    while True:
        try:
            return engine.dock(engine.models, graph, replace(settings, batch_size=size), **options), size
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size //= 2
        torch.cuda.empty_cache()
