"""Small networks with random weights, one per design: the default sizes of this package and the published layout."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.graph.schema import GraphBatch
from disco_dock.models.confidence import ConfidenceConfig, ConfidenceModel
from disco_dock.models.encoder import EncoderConfig, LatentEncoder
from disco_dock.models.pose_expert.config import PoseExpertConfig
from disco_dock.models.pose_expert.network import PoseExpert
from disco_dock.models.prior import LatentPrior, PriorConfig
from disco_dock.models.score import ScoreModel, ScoreModelConfig
from disco_dock.models.trunk import TrunkConfig
from disco_dock.ranking.contact_network import ContactScorer, ContactScorerConfig
from disco_dock.training.presets import Preset, preset

LM_DIM = 5
DESIGNS = ("tiny", "compact", "published")


class SmallModels(NamedTuple):
    score: ScoreModel
    encoder: LatentEncoder
    prior: LatentPrior
    confidence: ConfidenceModel
    contacts: ContactScorer
    expert: PoseExpert


def published_preset() -> Preset:
    """The published layout, a few channels wide, with language-model features."""

    def trunk(**changes) -> TrunkConfig:
        values = {
            "scalars": 6,
            "vectors": 2,
            "pseudoscalars": 6,
            "layers": 4,
            "hidden": 8,
            "lm_dim": LM_DIM,
            "dropout": 0.0,
        }
        return TrunkConfig(**{**values, **changes})

    static = {"time_dim": 0, "num_latents": 0, "cross_cutoff_per_sigma": 0.0}
    score = ScoreModelConfig(trunk=trunk())
    return Preset(
        score=score,
        encoder=EncoderConfig(trunk=trunk(**static, cross_cutoff=30.0, cross_distance_stop=30.0), head_width=8),
        prior=PriorConfig(trunk=score.trunk, head_inputs=8, head_width=8),
        confidence=ConfidenceConfig(trunk=trunk(**static), head_width=8),
    )


def randomised(module: nn.Module, seed: int) -> nn.Module:
    """The module in eval mode with every parameter and running statistic away from its initial value."""
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=draws)
        for name, value in module.named_buffers():
            if name.endswith("running_var"):
                value.copy_(torch.rand(value.shape, generator=draws) + 0.5)
            elif name.endswith("running_mean"):
                value.copy_(0.1 * torch.randn(value.shape, generator=draws))
    return module.eval()


def small_models(design: str, seed: int = 0) -> SmallModels:
    """All networks of a design."""
    torch.manual_seed(seed)
    sizes = published_preset() if design == "published" else preset(design)
    assert sizes.encoder is not None and sizes.prior is not None
    models = SmallModels(
        ScoreModel(sizes.score),
        LatentEncoder(sizes.encoder),
        LatentPrior(sizes.prior),
        ConfidenceModel(sizes.confidence),
        ContactScorer(ContactScorerConfig(members=2, hidden=4)),
        PoseExpert(PoseExpertConfig(scalars=8, vectors=2, layers=1, bond_layers=1, radial=8, torsion_fields=1)),
    )
    for module in models:
        randomised(module, seed)
    return models


def random_code(batch: GraphBatch, seed: int, latents: int = 2) -> Tensor:
    """(batch, latents, nodes) one-hot at random real nodes."""
    draws = torch.Generator().manual_seed(seed)
    chosen = torch.multinomial(batch.node_mask.float(), latents, generator=draws)
    return torch.nn.functional.one_hot(chosen, batch.node_mask.shape[1]).float()
