"""The autoregressive prior over node-pointer latents: the score model's trunk at t = 1 with new heads."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from disco_dock.diffusion.schedule import NoiseConfig, sigmas
from disco_dock.graph.schema import GraphBatch
from disco_dock.models.context_logits import ContextLogits
from disco_dock.models.node_logits import NodeLogits
from disco_dock.models.trunk import Conditioning, ReceptorState, Trunk, TrunkConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class PriorConfig:
    """Sizes of the prior.

    Attributes:
        trunk: the same as the score model's, or with `context` one of its own.
        noise: the score model's, for the cut-off at t = 1.
        head_inputs: invariant channels that the heads read, 0 for all (the published heads read 32 of 48).
        head_width: hidden width.
        head_norm: batch normalisation in the heads.
        shared_head: one output for every latent (published code) or one per latent (the paper's text).
        context: read the logits out with `models.context_logits`, on a trunk without ligand-residue edges.
    """

    trunk: TrunkConfig = field(default_factory=TrunkConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    head_inputs: int = 32
    head_width: int = 128
    head_norm: bool = True
    shared_head: bool = True
    context: bool = False


class LatentPrior(nn.Module):
    """Logits of the next latent given the earlier ones, protein and ligand.

    The ligand is a conformer centred on the receptor's centre; the null embedding is on whatever the latents are,
    as in the published code.

    Source: DisCo-Diff (arXiv:2407.03300), App. E.
    """

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(config.trunk, reads_residues=True)
        inputs = config.head_inputs or self.trunk.outputs.even_scalars + self.trunk.outputs.odd_scalars
        outputs = 1 if config.shared_head else config.trunk.num_latents
        self.head: NodeLogits | ContextLogits
        if config.context:
            self.head = ContextLogits(inputs, config.head_width, outputs)
        else:
            self.head = NodeLogits(inputs, config.head_width, outputs, norm=config.head_norm)

    def forward(
        self, batch: GraphBatch, pos: Tensor, code: Tensor, position: int, receptor: ReceptorState | None = None
    ) -> Tensor:
        """(batch, atoms + residues) logits of latent `position`.

        Args:
            batch: graphs.
            pos: (batch, atoms, 3) centred conformers in Angstrom.
            code: (batch, latents, nodes) one-hot of the earlier latents, zeros from `position` on.
            position: which latent is predicted.
            receptor: from `trunk.receptor_state`.
        """
        t = pos.new_ones(len(pos))
        sigma_tr = torch.as_tensor(sigmas(t, self.config.noise).tr)
        condition = Conditioning(t=t, sigma_tr=sigma_tr, code=code, null=torch.ones_like(t))
        ligand, residue = self.trunk(batch, pos, condition, receptor)
        if isinstance(self.head, ContextLogits):
            logits = self.head(batch, ligand, residue, code)
        else:
            logits = self.head(batch, ligand, residue)
        return logits[:, 0 if self.config.shared_head else position]
