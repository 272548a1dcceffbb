"""Sizes and cut-offs of the message passing."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from disco_dock.models.layers.irreps import Channels, published_channels
from disco_dock.runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class TrunkConfig:
    """Sizes and cut-offs of the message passing; the defaults are the published DisCo-DiffDock-S score model.

    Attributes:
        scalars: channels of 0e (and edge embeddings).
        vectors: channels of 1o and of 1e.
        pseudoscalars: channels of 0o.
        layers: joint layers over all edges.
        hidden: hidden activations of the edge networks.
        receptor_layers: receptor-only layers before the joint ones.
        joint_receptor_edges: whether the joint layers also have residue <- residue messages.
        residue_updates: joint layers that update residues at all, counted from the first; 0 for all of them.
        edge_width: width of edge embeddings, 0 for that of the scalars.
        trace_features: whether residues carry C-alpha-trace scalars and vectors.
        time_dim: size of the time embedding, 0 for none.
        time_scale: factor on t in the embedding.
        num_latents: latents that the network is conditioned on, 0 for none.
        lm_dim: size of language-model features per residue, 0 for none.
        ligand_radius: Angstrom, ligand <- ligand edges.
        receptor_radius: Angstrom, residue <- residue edges.
        receptor_neighbours: at most so many sources per residue.
        cross_cutoff: Angstrom, ligand-residue edges at sigma_tr = 0.
        cross_cutoff_per_sigma: growth of that cut-off with sigma_tr.
        receptor_distance_stop: Angstrom, last Gaussian of residue-residue distances.
        cross_distance_stop: Angstrom, last Gaussian of ligand-residue distances.
        norm: ``batch`` (published) or ``layer``.
        dropout: rate in the edge networks.
    """

    scalars: int = 24
    vectors: int = 6
    pseudoscalars: int = 24
    layers: int = 5
    hidden: int = 72
    receptor_layers: int = 0
    joint_receptor_edges: bool = True
    residue_updates: int = 0
    edge_width: int = 0
    trace_features: bool = False
    time_dim: int = 32
    time_scale: float = 1000.0
    num_latents: int = 2
    lm_dim: int = 1280
    ligand_radius: float = 5.0
    receptor_radius: float = 15.0
    receptor_neighbours: int = 24
    cross_cutoff: float = 20.0
    cross_cutoff_per_sigma: float = 3.0
    receptor_distance_stop: float = 30.0
    cross_distance_stop: float = 80.0
    norm: str = "batch"
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in ("scalars", "layers", "hidden", "receptor_neighbours"):
            if getattr(self, name) < 1:
                raise ConfigError(f"trunk.{name} must be at least 1, got {getattr(self, name)}")
        counts = (
            "vectors",
            "pseudoscalars",
            "receptor_layers",
            "residue_updates",
            "edge_width",
            "num_latents",
            "lm_dim",
        )
        for name in (*counts, "time_dim"):
            if getattr(self, name) < 0:
                raise ConfigError(f"trunk.{name} must not be negative, got {getattr(self, name)}")
        if self.norm not in ("batch", "layer"):
            raise ConfigError(f"trunk.norm must be 'batch' or 'layer', got {self.norm!r}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"trunk.dropout must be in [0, 1), got {self.dropout}")

    @property
    def edges(self) -> int:
        """Width of edge embeddings."""
        return self.edge_width or self.scalars

    def cutoff(self, sigma_tr: Tensor) -> Tensor:
        """(...) Angstrom, ligand-residue cut-off at a noise level (...)."""
        return self.cross_cutoff + self.cross_cutoff_per_sigma * sigma_tr

    def updates_residues(self, layer: int) -> bool:
        """Whether joint layer `layer` sends messages to residues."""
        return not self.residue_updates or layer < self.residue_updates

    def channels(self, layer: int) -> Channels:
        """Channels that enter convolution `layer`, counted through receptor and joint layers."""
        depth = layer + (1 if self.trace_features else 0)  # trace vectors are odd vectors at the input
        grown = published_channels(depth, self.scalars, self.vectors)
        return grown._replace(odd_scalars=self.pseudoscalars if grown.odd_scalars else 0)
