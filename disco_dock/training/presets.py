"""Named sizes of the networks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from disco_dock.models.confidence import ConfidenceConfig
from disco_dock.models.encoder import EncoderConfig
from disco_dock.models.pose_expert.config import PoseExpertConfig
from disco_dock.models.prior import PriorConfig
from disco_dock.models.score import ScoreModelConfig
from disco_dock.models.trunk import TrunkConfig
from disco_dock.runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Configurations of the networks that belong together."""

    score: ScoreModelConfig
    encoder: EncoderConfig | None
    prior: PriorConfig | None
    confidence: ConfidenceConfig
    expert: PoseExpertConfig = PoseExpertConfig()


def _compact(scalars: int, vectors: int, pseudoscalars: int, hidden: int, receptor_layers: int, layers: int) -> Preset:
    """Sizes without a language model: receptor-only layers run once, the joint layers stay small."""

    def trunk(**changes) -> TrunkConfig:
        values = {
            "scalars": scalars,
            "vectors": vectors,
            "pseudoscalars": pseudoscalars,
            "layers": layers,
            "hidden": hidden,
            "receptor_layers": receptor_layers,
            "joint_receptor_edges": False,
            "residue_updates": 1,
            "edge_width": 16,
            "trace_features": True,
            "cross_cutoff": 12.0,
            "cross_cutoff_per_sigma": 2.5,
            "cross_distance_stop": 60.0,
            "lm_dim": 0,
            "norm": "layer",
            "dropout": 0.0,
            **changes,
        }
        return TrunkConfig(**values)

    static = {"time_dim": 0, "num_latents": 0, "cross_cutoff_per_sigma": 0.0}
    score = ScoreModelConfig(trunk=trunk(), displacement_head=True)
    return Preset(
        score=score,
        encoder=EncoderConfig(
            trunk=trunk(**static, receptor_layers=1, layers=2, cross_cutoff=12.0, cross_distance_stop=15.0),
            head_width=64,
            head_norm=False,
        ),
        prior=PriorConfig(
            trunk=trunk(receptor_layers=receptor_layers + 2, layers=2, cross_cutoff=0.0, cross_cutoff_per_sigma=0.0),
            noise=score.noise,
            head_inputs=0,
            head_width=64,
            head_norm=False,
            shared_head=False,
            context=True,
        ),
        confidence=ConfidenceConfig(
            trunk=trunk(**static, layers=3, cross_cutoff=12.0, cross_distance_stop=15.0), head_width=64
        ),
    )


def _published(latents: int, trunk: TrunkConfig = TrunkConfig()) -> Preset:  # noqa: B008 - frozen
    """The published layout; its language-model features are left out, as shards have none."""
    score = ScoreModelConfig(trunk=replace(trunk, num_latents=latents, lm_dim=0))
    return Preset(
        score=score,
        encoder=EncoderConfig(trunk=_without_lm()) if latents else None,
        prior=PriorConfig(trunk=score.trunk, noise=score.noise) if latents else None,
        confidence=ConfidenceConfig(
            trunk=TrunkConfig(time_dim=0, num_latents=0, lm_dim=0, cross_cutoff_per_sigma=0.0), head_width=64
        ),
    )


def _without_lm() -> TrunkConfig:
    return TrunkConfig(
        vectors=4,
        layers=3,
        time_dim=0,
        num_latents=0,
        lm_dim=0,
        cross_cutoff=30.0,
        cross_cutoff_per_sigma=0.0,
        cross_distance_stop=30.0,
    )


PRESETS = {  # "diffdock" has the widths and depth of the full model, with harmonics of order 1 where it had 2
    "compact": lambda: _compact(32, 8, 8, 16, 2, 4),
    "small": lambda: _compact(24, 6, 6, 8, 2, 3),
    "tiny": lambda: _compact(12, 4, 4, 6, 1, 2),
    "disco-diffdock-s": lambda: _published(2),
    "diffdock-s": lambda: _published(0),
    "diffdock": lambda: _published(0, TrunkConfig(scalars=48, vectors=10, pseudoscalars=48, layers=6, hidden=144)),
}


def preset(name: str) -> Preset:
    """The preset of that name; the published sizes come without language-model features.

    Raises:
        ConfigError: unknown name.
    """
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}; choose one of {', '.join(sorted(PRESETS))}")
    return PRESETS[name]()
