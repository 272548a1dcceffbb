"""The confidence model: trunk on a final pose, pooled over ligand atoms, to logits of being near-native."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from disco_dock.graph.schema import GraphBatch
from disco_dock.models.trunk import Conditioning, ReceptorState, Trunk, TrunkConfig
from disco_dock.runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfidenceConfig:
    """Sizes of the confidence model.

    Attributes:
        trunk: message passing without time and latents.
        head_width: hidden width.
        thresholds: RMSD thresholds in Angstrom, one logit each; the first ranks the poses.
    """

    trunk: TrunkConfig = field(default_factory=lambda: TrunkConfig(time_dim=0, num_latents=0))
    head_width: int = 64
    thresholds: tuple[float, ...] = (2.0, 5.0)

    def __post_init__(self) -> None:
        """Check the thresholds."""
        if not self.thresholds or any(value <= 0 for value in self.thresholds):
            raise ConfigError(f"confidence.thresholds must be positive RMSDs in Angstrom, got {self.thresholds}")


class ConfidenceModel(nn.Module):
    """Logits of P(RMSD < threshold) of a pose, from mean and smallest-scale features of its atoms."""

    def __init__(self, config: ConfidenceConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(config.trunk)
        inputs = self.trunk.outputs.even_scalars + self.trunk.outputs.odd_scalars
        self.head = nn.Sequential(
            nn.LayerNorm(2 * inputs),
            nn.Linear(2 * inputs, config.head_width),
            nn.ReLU(),
            nn.Linear(config.head_width, config.head_width),
            nn.ReLU(),
            nn.Linear(config.head_width, len(config.thresholds)),
        )

    def forward(self, batch: GraphBatch, pos: Tensor, receptor: ReceptorState | None = None) -> Tensor:
        """(batch, thresholds) logits.

        Args:
            batch: graphs.
            pos: (batch, atoms, 3) final poses in Angstrom.
            receptor: from `trunk.receptor_state`.
        """
        condition = Conditioning(t=None, sigma_tr=pos.new_zeros(len(pos)))
        ligand, _ = self.trunk(batch, pos, condition, receptor)
        value = ligand.invariants()
        mask = batch.lig_mask.unsqueeze(-1)
        mean = (value * mask).sum(1) / mask.sum(1)
        lowest = value.masked_fill(~mask, torch.inf).amin(1)
        return self.head(torch.cat([mean, lowest], -1))
