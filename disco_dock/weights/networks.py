"""The networks of a checkpoint folder: safetensors, to and from modules."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import nn

from disco_dock.models.all_atom.confidence import AllAtomConfidence
from disco_dock.models.confidence import ConfidenceModel
from disco_dock.models.encoder import EncoderConfig, LatentEncoder
from disco_dock.models.gaussian_encoder import GaussianEncoder
from disco_dock.models.pose_expert.network import PoseExpert
from disco_dock.models.prior import LatentPrior
from disco_dock.models.score import ScoreModel
from disco_dock.ranking.contact_network import ContactScorer
from disco_dock.runtime.checkpoint import check_tensors, load_into, load_weights, save_weights, weights_bytes
from disco_dock.runtime.errors import CheckpointError, one_line
from disco_dock.runtime.files import sha256_file, write_together
from disco_dock.weights.config import BUNDLED, CONFIG_FILE, PARTS, CheckpointConfig, config_bytes, read_config

Encoder = LatentEncoder | GaussianEncoder


@dataclass(frozen=True, kw_only=True)
class Models:
    """The networks of a checkpoint in eval mode.

    Attributes:
        score: score model.
        encoder: latent encoder, or None.
        prior: latent prior, or None.
        confidence: confidence model of either kind, or None.
        contacts: contact score, or None.
        expert: pose expert, or None.
        config: their configuration.
        directory: where they came from.
        sha256: of all files of the checkpoint together.
        device: where the weights lie.
    """

    score: ScoreModel
    encoder: Encoder | None
    prior: LatentPrior | None
    confidence: ConfidenceModel | AllAtomConfidence | None
    config: CheckpointConfig
    directory: Path
    sha256: str
    device: torch.device
    contacts: ContactScorer | None = None
    expert: PoseExpert | None = None


def bundled_checkpoint() -> Path:
    """Folder of the checkpoint that comes with the package.

    Raises:
        CheckpointError: the installation has none.
    """
    path = Path(str(resources.files("disco_dock"))) / "checkpoints" / "default"
    if not (path / CONFIG_FILE).is_file():
        raise CheckpointError(f"{path}: no bundled checkpoint in this installation; install again or give --checkpoint")
    return path


def make_module(part: str, config: CheckpointConfig) -> nn.Module | None:
    """The network of a part, freshly initialised, or None when the configuration has none."""
    if part == "confidence" and config.all_atom_confidence is not None:
        return AllAtomConfidence(config.all_atom_confidence)
    makers = {
        "score": ScoreModel,
        "encoder": make_encoder,
        "prior": LatentPrior,
        "confidence": ConfidenceModel,
        "contacts": ContactScorer,
        "expert": PoseExpert,
    }
    part_config = getattr(config, part)
    return None if part_config is None else makers[part](part_config)


def make_encoder(config: EncoderConfig) -> Encoder:
    """The encoder of node pointers or of continuous latents."""
    return GaussianEncoder(config) if config.gaussian else LatentEncoder(config)


def save_part(directory: Path, part: str, module: nn.Module) -> None:
    """Write one network's weights as safetensors, atomically."""
    save_weights(directory / f"{part}.safetensors", module.state_dict(), {"part": part})


def save_checkpoint(directory: Path, config: CheckpointConfig, parts: Mapping[str, nn.Module]) -> None:
    """Write the weights of some networks and the configuration, together or not at all.

    Raises:
        OSError: the disk is full or the folder cannot be written; the checkpoint is then as it was.
    """
    files = {
        directory / f"{part}.safetensors": weights_bytes(module.state_dict(), {"part": part})
        for part, module in parts.items()
    }
    write_together({**files, directory / CONFIG_FILE: config_bytes(config)})


def part_file(directory: Path, part: str, config: CheckpointConfig) -> Path:
    """The file of a network's weights: the folder's own, or the bundled one where the folder builds on that."""
    own = directory / f"{part}.safetensors"
    return bundled_checkpoint() / own.name if config.base == BUNDLED and not own.is_file() else own


def load_part(directory: Path, part: str, config: CheckpointConfig) -> nn.Module | None:
    """One network in eval mode, or None when the checkpoint has none."""
    try:
        with torch.device("meta"):  # takes no memory, whatever sizes the configuration claims
            outline = make_module(part, config)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{directory / CONFIG_FILE}: no network has the sizes of {part} ({one_line(str(error), 200)}); fetch the "
            "checkpoint again"
        ) from error
    if outline is None:
        return None
    path = part_file(directory, part, config)
    tensors, _ = load_weights(path)
    check_tensors(outline, tensors, where=str(path))
    module = make_module(part, config)
    assert module is not None
    load_into(module, tensors, where=str(path))
    return module.eval().requires_grad_(False)


def weights_sha256(models: Models) -> dict[str, str]:
    """SHA-256 of the weights by part, which a change of the configuration does not touch."""
    files = {part: part_file(models.directory, part, models.config) for part in PARTS}
    return {part: sha256_file(path) for part, path in files.items() if path.is_file()}


def checkpoint_sha256(directory: Path) -> str:
    """SHA-256 over the hashes of the configuration and of all weights that there are."""
    digest, config = hashlib.sha256(), read_config(directory)
    for path in (directory / CONFIG_FILE, *(part_file(directory, part, config) for part in PARTS)):
        if path.is_file():
            digest.update(f"{path.name} {sha256_file(path)}\n".encode())
    return digest.hexdigest()


def extract_expert(source: Path, out: Path) -> int:
    """Write the pose expert of a checkpoint alone, in half precision, on top of the bundled checkpoint.

    Args:
        source: checkpoint folder whose other networks are the bundled ones.
        out: folder to write.

    Returns:
        Bytes of the weights.

    Raises:
        CheckpointError: the checkpoint has no expert, or other networks than the bundled ones.
    """
    config = read_config(source)
    expert = load_part(source, "expert", config)
    if expert is None:
        raise CheckpointError(f"{source}: has no pose expert; train one with `disco-dock train expert`")
    for part in PARTS:
        own, bundled = part_file(source, part, config), bundled_checkpoint() / f"{part}.safetensors"
        if part != "expert" and own.is_file() and (not bundled.is_file() or sha256_file(own) != sha256_file(bundled)):
            raise CheckpointError(
                f"{own}: is not the bundled checkpoint's, so the expert alone would lack it; give the folder as it is"
            )
    out.mkdir(parents=True, exist_ok=True)
    weights = weights_bytes({name: value.half() for name, value in expert.state_dict().items()}, {"part": "expert"})
    written = config_bytes(replace(config, base=BUNDLED))
    write_together({out / "expert.safetensors": weights, out / CONFIG_FILE: written})
    return len(weights)


def load_models(directory: str | Path, device: torch.device | str = "cpu", *, with_encoder: bool = False) -> Models:
    """The networks of a checkpoint folder.

    Args:
        directory: folder with config.json and the parts' safetensors.
        device: where to put the weights.
        with_encoder: also load the encoder, which docking does not need.

    Raises:
        CheckpointError: the folder is not a complete checkpoint.
    """
    directory = Path(directory)
    config = read_config(directory)
    parts: dict[str, Any] = {}
    for part in PARTS:
        wanted = part != "encoder" or with_encoder
        module = load_part(directory, part, config) if wanted else None
        parts[part] = None if module is None else module.to(device)
    return Models(
        **parts,
        config=config,
        directory=directory,
        sha256=checkpoint_sha256(directory),
        device=torch.device(device),
    )
