"""The four networks of a run: a preset with the run's latents, noise ranges and own sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from disco_dock.diffusion.sampler_config import EXACT
from disco_dock.models.prior import PriorConfig
from disco_dock.models.score import ScoreModelConfig
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.runtime.checkpoint import load_into, load_weights
from disco_dock.runtime.config import from_dict, to_dict
from disco_dock.runtime.errors import ConfigError
from disco_dock.training.presets import Preset, preset
from disco_dock.training.settings import TrainConfig, merged
from disco_dock.weights.config import BUNDLED, CheckpointConfig, read_config
from disco_dock.weights.networks import bundled_checkpoint, load_part, make_module, part_file


def networks(config: TrainConfig) -> Preset:
    """Configurations of the networks that the settings describe.

    Raises:
        ConfigError: unknown preset, a change to a network that is not there, or sizes that do not fit together.
        CheckpointError: the checkpoint to start from cannot be read.
    """
    if config.init:
        return _of_checkpoint(config)
    sizes = _with_changes(preset(config.preset), config.networks)
    score, expert = replace(sizes.score, noise=config.noise), sizes.expert
    latents = score.trunk.num_latents
    if config.latents == "none":
        latents = 0
    elif config.latents == "continuous":
        latents = config.continuous.dims
    score = replace(score, trunk=replace(score.trunk, num_latents=latents))
    if not latents:
        return Preset(score=score, encoder=None, prior=None, confidence=sizes.confidence, expert=expert)
    if sizes.encoder is None:
        raise ConfigError(f"preset {config.preset!r} has no encoder for latents; choose another or set latents=none")
    continuous = config.latents == "continuous"
    encoder = replace(sizes.encoder, num_latents=latents, gaussian=continuous)
    prior = None if continuous or sizes.prior is None else _prior(sizes.prior, score)
    return Preset(score=score, encoder=encoder, prior=prior, confidence=sizes.confidence, expert=expert)


def _prior(prior: PriorConfig, score: ScoreModelConfig) -> PriorConfig:
    """The prior that belongs to a score model: on its trunk, unless it has one of its own kind."""
    trunk = replace(prior.trunk, num_latents=score.trunk.num_latents) if prior.context else score.trunk
    return replace(prior, trunk=trunk, noise=score.noise)


def _of_checkpoint(config: TrainConfig) -> Preset:
    """The sizes of the checkpoint to start from; a network that it lacks is that of the preset with its trunk."""
    found = read_config(init_directory(config))
    if set(config.networks) - ({"expert"} if found.expert is None else set()):
        raise ConfigError("settings.networks: the sizes are those of the checkpoint in settings.init; leave one out")
    own = _with_changes(preset(config.preset), config.networks)
    expert = own.expert if found.expert is None else found.expert
    prior = found.prior
    discrete = found.encoder is not None and not found.encoder.gaussian
    if prior is None and discrete and own.prior is not None:
        prior = _prior(own.prior, found.score)
    return Preset(
        score=found.score,
        encoder=found.encoder,
        prior=prior,
        confidence=found.confidence or own.confidence,
        expert=expert,
    )


def start_from(config: TrainConfig, part: str, module: nn.Module) -> None:
    """Put the weights of the checkpoint to start from into a network, where it has that network.

    Raises:
        CheckpointError: they cannot be read.
    """
    if not config.init:
        return
    directory = init_directory(config)
    found = read_config(directory)
    path = part_file(directory, part, found)
    if getattr(found, part) is not None and path.exists():
        load_into(module, load_weights(path)[0], where=str(path))


def start_config(config: TrainConfig, sizes: Preset) -> CheckpointConfig:
    """Configuration of the checkpoint of a new run: its networks so far, and how to sample with them."""
    parts = {"name": config.preset, "score": sizes.score, "encoder": sizes.encoder}
    if not config.init:
        return CheckpointConfig(**parts, sampler=EXACT)
    found = read_config(init_directory(config))
    return CheckpointConfig(
        **{**parts, "name": f"{found.name}-tuned"},
        contacts=found.contacts,
        expert=found.expert,
        handover=found.handover,
        expert_sampler=found.expert_sampler,
        physics=without_judge(found),
        sampler=found.sampler,
        latent_inverse_temperature=found.latent_inverse_temperature,
        guidance=found.guidance,
    )


def without_judge(found: CheckpointConfig) -> PhysicsSettings:
    """How a checkpoint's poses are minimised and ranked, without its judge, which was fitted to its own poses."""
    if found.physics.rank_by != "consensus":
        return found.physics
    return replace(found.physics, rank_by="vina" if found.contacts is None else "contacts")


def parts_to_keep(config: TrainConfig) -> dict[str, nn.Module]:
    """Contact score and pose expert of the checkpoint to start from, which its other networks do not change.

    Raises:
        CheckpointError: they cannot be read.
    """
    if not config.init:
        return {}
    directory = init_directory(config)
    found = read_config(directory)
    parts = {part: load_part(directory, part, found) for part in ("contacts", "expert")}
    return {name: part for name, part in parts.items() if part is not None}


def init_directory(config: TrainConfig) -> Path:
    """Folder of the checkpoint to start from."""
    return bundled_checkpoint() if config.init == BUNDLED else Path(config.init)


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
        name="",
        score=sizes.score,
        encoder=sizes.encoder,
        prior=sizes.prior,
        confidence=sizes.confidence,
        expert=sizes.expert,
    )
    counts = {}
    for part in ("score", "encoder", "prior", "confidence", "expert"):
        module = make_module(part, config)
        if module is not None:
            counts[part] = sum(parameter.numel() for parameter in module.parameters())
    return counts
