"""The four networks of a run: a preset with the run's latents, noise ranges and own sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from disco_dock.models.build import CheckpointConfig, make_module
from disco_dock.runtime.config import from_dict, to_dict
from disco_dock.runtime.errors import ConfigError
from disco_dock.training.presets import Preset, preset
from disco_dock.training.settings import TrainConfig, merged


def networks(config: TrainConfig) -> Preset:
    """Configurations of the networks that the settings describe.

    Raises:
        ConfigError: unknown preset, a change to a network that is not there, or sizes that do not fit together.
    """
    sizes = _with_changes(preset(config.preset), config.networks)
    score = replace(sizes.score, noise=config.noise)
    latents = score.trunk.num_latents
    if config.latents == "none":
        latents = 0
    elif config.latents == "continuous":
        latents = config.continuous.dims
    score = replace(score, trunk=replace(score.trunk, num_latents=latents))
    if not latents:
        return Preset(score=score, encoder=None, prior=None, confidence=sizes.confidence)
    if sizes.encoder is None:
        raise ConfigError(f"preset {config.preset!r} has no encoder for latents; choose another or set latents=none")
    continuous = config.latents == "continuous"
    encoder = replace(sizes.encoder, num_latents=latents, gaussian=continuous)
    prior = None if continuous or sizes.prior is None else replace(sizes.prior, trunk=score.trunk, noise=config.noise)
    return Preset(score=score, encoder=encoder, prior=prior, confidence=sizes.confidence)


def _with_changes(sizes: Preset, changes: dict[str, Any]) -> Preset:
    """The preset with other sizes; unknown names are errors."""
    if not changes:
        return sizes
    for name in changes:
        if getattr(sizes, name, None) is None:
            raise ConfigError(f"settings.networks.{name}: this preset has no such network")
    return from_dict(Preset, merged(to_dict(sizes), changes), where="settings.networks")


def parameter_counts(sizes: Preset) -> dict[str, int]:
    """Numbers of trained numbers by network."""
    config = CheckpointConfig(
        name="", score=sizes.score, encoder=sizes.encoder, prior=sizes.prior, confidence=sizes.confidence
    )
    counts = {}
    for part in ("score", "encoder", "prior", "confidence"):
        module = make_module(part, config)
        if module is not None:
            counts[part] = sum(parameter.numel() for parameter in module.parameters())
    return counts
