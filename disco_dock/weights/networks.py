"""Checkpoints: a folder of safetensors and one config.json, to and from modules."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import nn

from disco_dock.diffusion.sampler_config import EXACT, SamplerConfig
from disco_dock.graph.receptor_atoms import AtomGraphConfig
from disco_dock.latents.guidance import GuidanceConfig
from disco_dock.models.all_atom.confidence import AllAtomConfidence, AllAtomConfidenceConfig
from disco_dock.models.confidence import ConfidenceConfig, ConfidenceModel
from disco_dock.models.encoder import EncoderConfig, LatentEncoder
from disco_dock.models.gaussian_encoder import GaussianEncoder
from disco_dock.models.pose_expert.config import PoseExpertConfig
from disco_dock.models.pose_expert.network import PoseExpert
from disco_dock.models.prior import LatentPrior, PriorConfig
from disco_dock.models.score import ScoreModel, ScoreModelConfig
from disco_dock.physics.settings import NO_PHYSICS, PhysicsSettings
from disco_dock.ranking.confidence_calibration import Calibration
from disco_dock.ranking.contact_network import ContactScorer, ContactScorerConfig
from disco_dock.ranking.judge import PoseJudge
from disco_dock.runtime.checkpoint import check_tensors, load_into, load_weights, save_weights, weights_bytes
from disco_dock.runtime.config import from_dict, to_dict
from disco_dock.runtime.errors import CheckpointError, ConfigError, InputError, one_line
from disco_dock.runtime.files import atomic_write, sha256_file, write_together
from disco_dock.runtime.user_files import MIB, parse_json, read_bytes

FORMAT = 1
MAX_CONFIG_BYTES = 4 * MIB
"""Largest config.json."""
MAX_LAYERS, MAX_WIDTH = 64, 16_384
"""Most layers, and most channels or other counts, of a network in a checkpoint."""
CONFIG_FILE = "config.json"
Encoder = LatentEncoder | GaussianEncoder
PARTS = ("score", "encoder", "prior", "confidence", "contacts", "expert")


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointConfig:
    """All that is needed to rebuild the networks and to sample with them.

    Attributes:
        name: of the checkpoint, for reports.
        score: score model.
        encoder: latent encoder, or None (needed for training and oracle runs only).
        prior: latent prior, or None for a model without latents.
        confidence: confidence model, or None.
        all_atom_confidence: all-atom confidence network in its place, or None.
        contacts: contact score, or None.
        expert: pose expert, or None where one network gives the scores at all noise levels.
        handover: translation noise in Angstrom at which the expert takes over from the score model.
        expert_sampler: settings of the reverse process from there on.
        sampler: settings of the reverse process that were tuned for these weights.
        latent_inverse_temperature: factor on the prior's logits.
        guidance: latent guidance.
        calibration: of the confidence model, or None.
        pose_judge: of its minimised poses, or None.
        physics: what is done with its poses before they are ranked.
        training: what the weights were trained on and for how long; free form.
    """

    name: str
    score: ScoreModelConfig
    encoder: EncoderConfig | None = None
    prior: PriorConfig | None = None
    confidence: ConfidenceConfig | None = None
    all_atom_confidence: AllAtomConfidenceConfig | None = None
    contacts: ContactScorerConfig | None = None
    expert: PoseExpertConfig | None = None
    handover: float = 3.5
    expert_sampler: SamplerConfig = EXACT
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    latent_inverse_temperature: float = 1.0
    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)
    calibration: Calibration | None = None
    pose_judge: PoseJudge | None = None
    physics: PhysicsSettings = NO_PHYSICS
    training: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that there is one confidence model at most, and a noise level that both score networks know."""
        if self.confidence is not None and self.all_atom_confidence is not None:
            raise ConfigError("a checkpoint has either confidence or all_atom_confidence, not both; leave one out")
        if self.expert is not None:
            low, high = self.expert.noise.tr_min, min(self.expert.noise.tr_max, self.score.noise.tr_max)
            if not low < self.handover <= high:
                raise ConfigError(
                    f"handover must be a translation noise that both networks know, above {low:g} and up to {high:g} "
                    f"Angstrom, got {self.handover:g}"
                )

    @property
    def lm_dim(self) -> int:
        """Width of the language-model features that its networks need, 0 for none."""
        judge = self.all_atom_confidence
        return self.score.lm_dim or (0 if judge is None else judge.trunk.lm_dim)

    @property
    def atom_graph(self) -> AtomGraphConfig | None:
        """Edges between receptor atoms that its networks need, None where they read C-alpha atoms only."""
        return None if self.all_atom_confidence is None else self.all_atom_confidence.trunk.atom_graph


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
    """The folder of the checkpoint that is installed with the package.

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


def read_config(directory: Path) -> CheckpointConfig:
    """The configuration of a checkpoint folder.

    Raises:
        CheckpointError: missing, damaged or of a newer format.
    """
    path = directory / CONFIG_FILE
    if not path.is_file():
        raise CheckpointError(f"{directory}: not a checkpoint folder, it has no {CONFIG_FILE}; check the path")
    try:
        data = parse_json(read_bytes(path, limit=MAX_CONFIG_BYTES))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    except InputError as error:
        raise CheckpointError(str(error)) from error
    except (EOFError, ValueError, zlib.error) as error:
        raise CheckpointError(f"{path}: not valid JSON ({error}); fetch the checkpoint again") from error
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise CheckpointError(
            f"{path}: not a checkpoint of format {FORMAT}; update disco-dock or fetch another checkpoint"
        )
    try:
        config = from_dict(CheckpointConfig, data, where=str(path))
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
    for part in (*PARTS, "all_atom_confidence"):
        _check_sizes(getattr(config, part), f"{path}: {part}")
    return config


def _check_sizes(config: Any, where: str) -> None:
    """Raise CheckpointError for a number of layers or channels that no network has, before one is made of it."""
    if not is_dataclass(config):
        return
    for setting in fields(config):
        value = getattr(config, setting.name)
        limit = MAX_LAYERS if setting.name.endswith("layers") else MAX_WIDTH
        if isinstance(value, int) and abs(value) > limit:
            raise CheckpointError(f"{where}.{setting.name} is {one_line(str(value), 40)}, at most {limit} is possible")
        _check_sizes(value, f"{where}.{setting.name}")


def config_bytes(config: CheckpointConfig) -> bytes:
    """The content of `config.json`."""
    return (json.dumps({"format": FORMAT, **to_dict(config)}, indent=2) + "\n").encode()


def write_config(directory: Path, config: CheckpointConfig) -> None:
    """Write `config.json` atomically."""
    with atomic_write(directory / CONFIG_FILE) as handle:
        handle.write(config_bytes(config))


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
    path = directory / f"{part}.safetensors"
    tensors, _ = load_weights(path)
    check_tensors(outline, tensors, where=str(path))
    module = make_module(part, config)
    assert module is not None
    load_into(module, tensors, where=str(path))
    return module.eval().requires_grad_(False)


def checkpoint_sha256(directory: Path) -> str:
    """SHA-256 over the hashes of the configuration and of all weights present."""
    names = [CONFIG_FILE, *(f"{part}.safetensors" for part in PARTS)]
    digest = hashlib.sha256()
    for name in names:
        if (directory / name).is_file():
            digest.update(f"{name} {sha256_file(directory / name)}\n".encode())
    return digest.hexdigest()


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
        **parts, config=config, directory=directory, sha256=checkpoint_sha256(directory), device=torch.device(device)
    )
