"""Trained networks as files that each describe themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from disco_dock.latents.transformer import CodePrior, CodePriorConfig
from disco_dock.runtime.checkpoint import load_into, load_weights, save_weights
from disco_dock.runtime.config import from_dict, to_dict
from disco_dock.runtime.errors import CheckpointError, ConfigError
from disco_dock.runtime.files import sha256_bytes, sha256_file
from disco_image.models.denoiser import Denoiser, ModelConfig
from disco_image.models.gaussian_prior import GaussianPrior, GaussianPriorConfig
from disco_image.models.latents import LatentEncoder

Prior = CodePrior | GaussianPrior
FOLDER = "checkpoint"
MAX_BYTES = 64 * 2**30
"""Largest file of weights that is read; the U-ViT of two billion weights has 8 GiB."""


@dataclass(frozen=True)
class ImageModels:
    """The networks of a checkpoint folder, in evaluation mode.

    Attributes:
        config: of denoiser and encoder.
        denoiser: stage 1.
        encoder: stage 1, None for a plain model.
        prior: stage 2, None before it.
        facts: what the run recorded: data set, class names, steps, likelihoods.
        device: of the networks.
    """

    config: ModelConfig
    denoiser: Denoiser
    encoder: LatentEncoder | None
    prior: Prior | None
    facts: dict[str, Any]
    device: torch.device


def save_part(folder: Path, part: str, module: nn.Module, config: Any, facts: Mapping[str, Any]) -> None:
    """Write `<folder>/<part>.safetensors` with the module's tensors, its configuration and facts of the run."""
    metadata = {"part": part, "kind": type(module).__name__, "config": to_dict(config), "facts": dict(facts)}
    save_weights(folder / f"{part}.safetensors", module.state_dict(), metadata)


def read_part(path: Path, part: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and metadata of the file of a part.

    Raises:
        CheckpointError: the file is missing, damaged, or holds another part.
    """
    tensors, metadata = load_weights(path, MAX_BYTES)
    if metadata.get("part") != part or not isinstance(metadata.get("config"), dict):
        raise CheckpointError(f"{path}: holds {metadata.get('part', 'no image model')!r}, not {part!r}; check the path")
    return tensors, metadata


def build_encoder(config: ModelConfig) -> LatentEncoder:
    """An encoder for the images of a model."""
    return LatentEncoder(
        config.latents, resolution=config.resolution, channels=config.channels, num_classes=config.num_classes
    )


def run_checkpoint(folder: str | Path) -> Path:
    """The `checkpoint` folder of a run folder, or the folder itself."""
    folder = Path(folder)
    return folder / FOLDER if (folder / FOLDER).is_dir() else folder


def weights_digest(folder: str | Path) -> str:
    """Hexadecimal SHA-256 of the denoiser and the prior of a run folder, which decide what a seed becomes."""
    parts = [run_checkpoint(folder) / f"{name}.safetensors" for name in ("denoiser", "prior")]
    return sha256_bytes("".join(sha256_file(path) for path in parts if path.exists()).encode())


def load_models(folder: str | Path, device: torch.device, *, with_encoder: bool = False) -> ImageModels:
    """The networks in a run folder or its `checkpoint` folder.

    Args:
        folder: of the run.
        device: for the networks.
        with_encoder: whether the encoder is needed too.

    Raises:
        CheckpointError: a file is missing or damaged, or the parts do not belong together.
    """
    folder = run_checkpoint(folder)
    path = folder / "denoiser.safetensors"
    tensors, metadata = read_part(path, "denoiser")
    try:
        config = from_dict(ModelConfig, metadata["config"], where=str(path))
    except ConfigError as error:
        raise CheckpointError(f"{error}; the checkpoint is of another version") from error
    denoiser = Denoiser(config)
    load_into(denoiser, tensors, where=str(path))
    facts = {"denoiser": metadata.get("facts", {})}
    encoder: LatentEncoder | None = None
    if with_encoder and config.latents.kind != "none":
        encoder = build_encoder(config)
        where = folder / "encoder.safetensors"
        load_into(encoder, read_part(where, "encoder")[0], where=str(where))
    prior: Prior | None = None
    if (folder / "prior.safetensors").exists():
        prior, facts["prior"] = _load_prior(folder, config)
    for module in (denoiser, encoder, prior):
        if module is not None:
            module.to(device).eval().requires_grad_(False)
    return ImageModels(config, denoiser, encoder, prior, facts, device)


def _load_prior(folder: Path, config: ModelConfig) -> tuple[Prior, dict[str, Any]]:
    path = folder / "prior.safetensors"
    tensors, metadata = read_part(path, "prior")
    try:
        if metadata["kind"] == "CodePrior":
            prior: Prior = CodePrior(from_dict(CodePriorConfig, metadata["config"], where=str(path)))
            fits = prior.config.codebook == config.latents.codebook and config.latents.kind == "discrete"
        else:
            prior = GaussianPrior(from_dict(GaussianPriorConfig, metadata["config"], where=str(path)))
            fits = prior.config.dimension == config.latents.dimension and config.latents.kind == "gaussian"
    except ConfigError as error:
        raise CheckpointError(f"{error}; the checkpoint is of another version") from error
    if not fits:
        raise CheckpointError(
            f"{path}: a prior of other latents than {folder / 'denoiser.safetensors'}; train it again"
        )
    load_into(prior, tensors, where=str(path))
    return prior, metadata.get("facts", {})
