"""The latent encoder: a clean pose to logits of node-pointer latents."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from disco_dock.graph.schema import GraphBatch
from disco_dock.models.node_logits import NodeLogits
from disco_dock.models.trunk import Conditioning, ReceptorState, Trunk, TrunkConfig


def _encoder_trunk() -> TrunkConfig:
    return TrunkConfig(
        vectors=4,
        layers=3,
        time_dim=0,
        num_latents=0,
        cross_cutoff=30.0,
        cross_cutoff_per_sigma=0.0,
        cross_distance_stop=30.0,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderConfig:
    """Sizes of the encoder; the defaults are the published ones.

    Attributes:
        trunk: message passing without time and latents.
        num_latents: pointers at nodes, or numbers when `gaussian`.
        head_width: hidden width.
        head_norm: batch normalisation in the heads of the node pointers.
        gaussian: continuous latents (`models.gaussian_encoder`) instead of node pointers.
    """

    trunk: TrunkConfig = field(default_factory=_encoder_trunk)
    num_latents: int = 2
    head_width: int = 128
    head_norm: bool = True
    gaussian: bool = False


class LatentEncoder(nn.Module):
    """Logits over all nodes for each latent, from the clean pose.

    Source: DisCo-Diff (arXiv:2407.03300), App. E.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(config.trunk, reads_residues=True)
        inputs = self.trunk.outputs.even_scalars + self.trunk.outputs.odd_scalars
        self.head = NodeLogits(inputs, config.head_width, config.num_latents, norm=config.head_norm)

    def forward(self, batch: GraphBatch, pos: Tensor, receptor: ReceptorState | None = None) -> Tensor:
        """(batch, latents, atoms + residues) logits.

        Args:
            batch: graphs.
            pos: (batch, atoms, 3) the clean pose in Angstrom.
            receptor: from `trunk.receptor_state`.
        """
        condition = Conditioning(t=None, sigma_tr=pos.new_zeros(len(pos)))
        ligand, residue = self.trunk(batch, pos, condition, receptor)
        return self.head(batch, ligand, residue)
