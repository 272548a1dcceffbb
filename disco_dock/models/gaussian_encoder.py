"""The encoder of continuous latents: a clean pose to a normal distribution over one vector per complex."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from disco_dock.graph.schema import GraphBatch
from disco_dock.latents.gaussian import Gaussian
from disco_dock.models.encoder import EncoderConfig
from disco_dock.models.trunk import Conditioning, ReceptorState, Trunk

LARGEST_LOG_VAR = 8.0  # keeps the variance within float16


class GaussianEncoder(nn.Module):
    """Mean and log variance of `num_latents` continuous latents, from pooled invariant features of the clean pose.

    Source: the continuous baseline of DisCo-Diff (arXiv:2407.03300), sec. 4.1, for complexes.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(config.trunk, reads_residues=True)
        inputs = self.trunk.outputs.even_scalars + self.trunk.outputs.odd_scalars
        self.head = nn.Sequential(
            nn.LayerNorm(2 * inputs),
            nn.Linear(2 * inputs, config.head_width),
            nn.ReLU(),
            nn.Linear(config.head_width, 2 * config.num_latents),
        )

    def forward(self, batch: GraphBatch, pos: Tensor, receptor: ReceptorState | None = None) -> Gaussian:
        """The distribution, (batch, latents).

        Args:
            batch: graphs.
            pos: (batch, atoms, 3) the clean pose in Angstrom.
            receptor: from `trunk.receptor_state`.
        """
        condition = Conditioning(t=None, sigma_tr=pos.new_zeros(len(pos)))
        ligand, residue = self.trunk(batch, pos, condition, receptor)
        pooled = []
        for features, nodes in ((ligand, batch.lig_mask), (residue, batch.rec_mask)):
            mask = nodes.unsqueeze(-1)
            pooled.append((features.invariants() * mask).sum(1) / mask.sum(1))
        mean, log_var = self.head(torch.cat(pooled, -1)).float().chunk(2, -1)
        return Gaussian(mean, log_var.clamp(-LARGEST_LOG_VAR, LARGEST_LOG_VAR))
