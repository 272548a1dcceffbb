"""The score model: trunk, heads and the scaling by the noise level."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.diffusion.schedule import NoiseConfig, Scores, Sigmas, sigmas
from disco_dock.diffusion.so3 import IGSO3Table
from disco_dock.diffusion.torus import score_norm as torus_score_norm
from disco_dock.graph.schema import GraphBatch
from disco_dock.models.displacement_head import DisplacementHead
from disco_dock.models.heads import RigidHead, TorsionHead
from disco_dock.models.layers.embeddings import time_embedding
from disco_dock.models.trunk import Conditioning, ReceptorState, Trunk, TrunkConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreModelConfig:
    """Trunk sizes and the noise ranges that the score is trained for.

    Attributes:
        trunk: message passing.
        noise: ranges of the noise.
        displacement_head: add `models.displacement_head` to the published read-outs.
    """

    trunk: TrunkConfig = field(default_factory=TrunkConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    displacement_head: bool = False

    @property
    def lm_dim(self) -> int:
        """Width of the language-model features it needs, 0 for none."""
        return self.trunk.lm_dim


class ScoreOutput(NamedTuple):
    """Scores, and (batch, atoms, 3) displacements to the clean pose in units of `displacement_scale`, or None."""

    scores: Scores
    field: Tensor | None


class ScoreModel(nn.Module):
    """Scores of translation, rotation and torsions of a pose at time t, given latents.

    Source: DiffDock (arXiv:2210.01776), sec. 4; latents as in DisCo-Diff (arXiv:2407.03300), sec. 4.2.
    """

    def __init__(self, config: ScoreModelConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(config.trunk)
        self.rigid = RigidHead(config.trunk, self.trunk.outputs)
        self.torsion = TorsionHead(config.trunk, self.trunk.outputs)
        self.displacement = DisplacementHead(config.trunk, self.trunk.outputs) if config.displacement_head else None

    def forward(
        self,
        batch: GraphBatch,
        pos: Tensor,
        t: Tensor,
        table: IGSO3Table,
        *,
        code: Tensor | None = None,
        null: Tensor | None = None,
        receptor: ReceptorState | None = None,
    ) -> Scores:
        """Scores of a batch of poses.

        Args:
            batch: graphs.
            pos: (batch, atoms, 3) positions in Angstrom.
            t: (batch,) diffusion times in [0, 1].
            table: IGSO(3) table, for the scale of the rotation score.
            code: (batch, latents, nodes) one-hot, zeros where null.
            null: (batch,) 1.0 where the latents are dropped.
            receptor: from `trunk.receptor_state`, to be shared between calls.

        Returns:
            tr (batch, 3) per Angstrom, rot (batch, 3) and tor (batch, torsions) per radian.
        """
        return self.predict(batch, pos, t, table, code=code, null=null, receptor=receptor).scores

    def predict(
        self,
        batch: GraphBatch,
        pos: Tensor,
        t: Tensor,
        table: IGSO3Table,
        *,
        code: Tensor | None = None,
        null: Tensor | None = None,
        receptor: ReceptorState | None = None,
    ) -> ScoreOutput:
        """The scores as in `forward`, and the field of displacements behind them if the model has one."""
        sigma: Sigmas = sigmas(t, self.config.noise)
        condition = Conditioning(t=t, sigma_tr=torch.as_tensor(sigma.tr), code=code, null=null)
        ligand, _ = self.trunk(batch, pos, condition, receptor)
        time = time_embedding(t, self.config.trunk.time_dim, self.config.trunk.time_scale)
        tr, rot = self.rigid(batch, pos, ligand, time)
        tor = self.torsion(batch, pos, ligand)
        rot_norm = table.score_norm(torch.as_tensor(sigma.rot)).to(pos.dtype)
        tor_norm = torus_score_norm(torch.as_tensor(sigma.tor)).to(pos.dtype)
        field = None
        if self.displacement is not None:
            motion = self.displacement(batch, pos, ligand, time, sigma)
            field, tr, rot, tor = motion.field, tr + motion.tr, rot + motion.rot, tor + motion.tor
        scores = Scores(
            tr / torch.as_tensor(sigma.tr)[:, None], rot * rot_norm[:, None], tor * tor_norm.sqrt()[:, None]
        )
        return ScoreOutput(scores, field)
