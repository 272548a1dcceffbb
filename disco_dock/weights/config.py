"""The configuration of a checkpoint folder: config.json, to and from a dataclass."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from disco_dock.diffusion.sampler_config import EXACT, SamplerConfig
from disco_dock.graph.receptor_atoms import AtomGraphConfig
from disco_dock.latents.guidance import GuidanceConfig
from disco_dock.models.all_atom.confidence import AllAtomConfidenceConfig
from disco_dock.models.confidence import ConfidenceConfig
from disco_dock.models.encoder import EncoderConfig
from disco_dock.models.pose_expert.config import PoseExpertConfig
from disco_dock.models.prior import PriorConfig
from disco_dock.models.score import ScoreModelConfig
from disco_dock.physics.settings import NO_PHYSICS, PhysicsSettings
from disco_dock.ranking.confidence_calibration import Calibration
from disco_dock.ranking.contact_network import ContactScorerConfig
from disco_dock.ranking.judge import PoseJudge
from disco_dock.runtime.config import from_dict, to_dict
from disco_dock.runtime.errors import CheckpointError, ConfigError, InputError, one_line
from disco_dock.runtime.files import atomic_write
from disco_dock.runtime.user_files import MIB, parse_json, read_bytes

FORMAT = 1
MAX_CONFIG_BYTES = 4 * MIB
"""Largest config.json."""
MAX_LAYERS, MAX_WIDTH = 64, 16_384
"""Most layers, and most channels or other counts, of a network in a checkpoint."""
CONFIG_FILE = "config.json"
BUNDLED = "default"
"""Name of the bundled checkpoint where a folder is expected."""
PARTS = ("score", "encoder", "prior", "confidence", "contacts", "expert")
"""Networks of a checkpoint, each in `<part>.safetensors`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointConfig:
    """Everything needed to rebuild the networks and to sample with them.

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
        pose_judge: judge of minimised poses, or None.
        physics: minimisation and scores before the poses are ranked.
        cnn_weight: units of the contact score per logit of GNINA's network, where poses are ranked by both (`fused`).
        training: what the weights were trained on and for how long; free form.
        base: ``default`` where networks whose weights the folder lacks are those of the bundled checkpoint, else "".
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
    cnn_weight: float = 0.8
    training: dict[str, Any] = field(default_factory=dict)
    base: str = ""

    def __post_init__(self) -> None:
        """Check that there is one confidence model at most, and a noise level that both score networks know."""
        if self.confidence is not None and self.all_atom_confidence is not None:
            raise ConfigError("a checkpoint has either confidence or all_atom_confidence, not both; leave one out")
        if self.base not in ("", BUNDLED):
            raise ConfigError(f"base must be {BUNDLED!r} or empty, got {self.base!r}")
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
        confidence = self.all_atom_confidence
        return self.score.lm_dim or (0 if confidence is None else confidence.trunk.lm_dim)

    @property
    def atom_graph(self) -> AtomGraphConfig | None:
        """Edges between receptor atoms that its networks need, None where they read C-alpha atoms only."""
        return None if self.all_atom_confidence is None else self.all_atom_confidence.trunk.atom_graph


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
    """Raise CheckpointError for an absurd number of layers or channels, before a network is made."""
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
