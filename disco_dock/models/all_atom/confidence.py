"""The published confidence network: all-atom message passing on a final pose, pooled over ligand atoms to classes."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from disco_dock.graph.schema import GraphBatch
from disco_dock.models.all_atom.edges import AllAtomConfig
from disco_dock.models.all_atom.trunk import AllAtomTrunk, ReceptorRun
from disco_dock.runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class AllAtomConfidenceConfig:
    """Sizes of the all-atom confidence network; the defaults are the published ones.

    Attributes:
        trunk: message passing.
        thresholds: increasing RMSDs in Angstrom that part the classes; the first class is the best.
    """

    trunk: AllAtomConfig = field(default_factory=AllAtomConfig)
    thresholds: tuple[float, ...] = (2.0,)

    def __post_init__(self) -> None:
        """Check the thresholds."""
        ordered = all(low < high for low, high in zip((0.0, *self.thresholds), self.thresholds, strict=False))
        if not self.thresholds or not ordered:
            raise ConfigError(
                f"all_atom_confidence.thresholds must be increasing RMSDs in Angstrom, got {self.thresholds}"
            )


class AllAtomConfidence(nn.Module):
    """Logits of the classes RMSD < first threshold, < second threshold, ..., above the last.

    Poses are ranked by the logit of the first class, as in the published program.

    Source: confidence model of DiffDock (arXiv:2210.01776), sec. 4.4, as DisCo-DiffDock uses it.
    """

    def __init__(self, config: AllAtomConfidenceConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = AllAtomTrunk(config.trunk)
        width = config.trunk.scalars
        self.head = nn.Sequential(
            nn.Linear(self.trunk.outputs.even_scalars + self.trunk.outputs.odd_scalars, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, len(config.thresholds) + 1),
        )

    def forward(self, batch: GraphBatch, pos: Tensor, receptor: ReceptorRun | None = None) -> Tensor:
        """(batch, classes) logits.

        Args:
            batch: graphs with receptor atoms.
            pos: (batch, atoms, 3) final poses in Angstrom.
            receptor: from `trunk.receptor_run`, in eval mode.

        Raises:
            ConfigError: the batch has no receptor atoms, or no language-model features of the right size.
        """
        value = self.trunk(batch, pos, receptor).invariants().unflatten(0, batch.lig_mask.shape)
        mask = batch.lig_mask.unsqueeze(-1).to(value.dtype)
        return self.head((value * mask).sum(1) / mask.sum(1))
