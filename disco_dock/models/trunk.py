"""Message passing over ligand atoms and residues, shared by every network of the package.

Edges, always from source to target: ligand <- ligand, ligand <- residue, residue <- residue, residue <- ligand.
Optional receptor-only layers come first; they see neither time, pose nor latents, so they run once per receptor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.chem.ligand_features import ATOM_FEATURE_SIZES
from disco_dock.chem.residue_features import RESIDUE_TYPES
from disco_dock.graph.schema import NUM_TRACE_SCALARS, NUM_TRACE_VECTORS, GraphBatch
from disco_dock.models.embeddings import EdgeEmbedding, GaussianExpansion, NodeEmbedding, time_embedding
from disco_dock.models.irreps import Channels, Features, published_channels
from disco_dock.models.normalisation import make_norm
from disco_dock.models.tensor_product import (
    EdgeGroup,
    aggregate_dense,
    aggregate_slots,
    gather_nodes,
    harmonics,
)
from disco_dock.runtime.errors import ConfigError

NUM_BOND_TYPES = 4
DISTANCES = 32  # Gaussians per distance expansion


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

    @property
    def sees_near_residues_only(self) -> bool:
        """Whether the ligand's features depend on residues within the ligand-residue cut-off only."""
        return self.receptor_layers > 0 and not self.joint_receptor_edges

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


class Conditioning(NamedTuple):
    """What a forward pass is conditioned on besides the graph and the pose.

    Attributes:
        t: (batch,) diffusion time, or None for networks without time.
        sigma_tr: (batch,) Angstrom, sets the ligand-residue cut-off.
        code: (batch, latents, nodes) one-hot over ligand atoms then residues, zeros when null; or None.
        null: (batch,) 1.0 where the latents are dropped, 0.0 elsewhere; or None.
    """

    t: Tensor | None
    sigma_tr: Tensor
    code: Tensor | None = None
    null: Tensor | None = None


class ReceptorState(NamedTuple):
    """What depends on the receptor alone: edge geometry and the output of the receptor-only layers.

    Attributes:
        features: residue features after the receptor-only layers, or None when there are none.
        distance: (batch, residues, slots, gaussians) expanded distances.
        sh: (batch, residues, slots, 4) harmonics.
    """

    features: Features | None
    distance: Tensor
    sh: Tensor


class _Edges(NamedTuple):
    """Embeddings (..., width), harmonics (..., 4) and mask (..., 1) of edges.

    The leading dimensions are (batch, sources, targets) where all targets see the same sources, and
    (batch, targets, slots) where each target has its own.
    """

    embedding: Tensor
    sh: Tensor
    mask: Tensor


class JointLayer(nn.Module):
    """One convolution over all nodes, with a norm and a zero-padded residual."""

    def __init__(self, config: TrunkConfig, inputs: Channels, outputs: Channels, *, names: list[str]) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.groups = nn.ModuleDict(
            {
                name: EdgeGroup(inputs, outputs, config.edges, config.scalars, config.hidden, config.dropout)
                for name in names
            }
        )
        self.norm = make_norm(config.norm, outputs)

    @property
    def updates_residues(self) -> bool:
        """Whether the layer sends messages to residues."""
        return "residue_ligand" in self.groups

    def group(self, name: str) -> EdgeGroup:
        """The edge group of that name."""
        group = self.groups[name]
        assert isinstance(group, EdgeGroup)
        return group

    def dense_sum(self, name: str, edges: _Edges, target: Features, source: Features) -> Features:
        """Summed messages of a group whose targets all see the same sources."""
        group = self.group(name)
        at_target, at_source = group.node_parts(target.even_scalars, source.even_scalars)
        hidden = group.hidden_activations(edges.embedding, at_target.unsqueeze(1), at_source.unsqueeze(2), edges.mask)
        return group.mix(aggregate_dense(hidden, edges.sh, source.flat()))

    def slot_sum(self, name: str, edges: _Edges, target: Features, source: Features, index: Tensor) -> Features:
        """Summed messages of a group whose targets have gathered sources."""
        group = self.group(name)
        at_target, at_source = group.node_parts(target.even_scalars, source.even_scalars)
        at_slots = gather_nodes(at_source, index)
        hidden = group.hidden_activations(edges.embedding, at_target.unsqueeze(2), at_slots, edges.mask)
        return group.mix(aggregate_slots(hidden, edges.sh, gather_nodes(source.flat(), index)))

    def finish(self, before: Features, total: Features, count: Tensor, mask: Tensor) -> Features:
        """Mean, norm and residual; count (batch, nodes) messages per node, mask (batch, nodes)."""
        mean = total.scale(1.0 / count.clamp_min(1.0))
        return before.add_to_wider(self.norm(mean, mask)).scale(mask.to(count.dtype))


def _add(first: Features, second: Features) -> Features:
    return Features(*(a + b for a, b in zip(first, second, strict=True)))


class Trunk(nn.Module):
    """Node features of a complex in a pose."""

    def __init__(self, config: TrunkConfig, *, reads_residues: bool = False) -> None:
        """Make the layers; `reads_residues` says whether residue features are read out too."""
        super().__init__()
        self.config = config
        self.reads_residues = reads_residues
        width, latents, time = config.scalars, config.num_latents, config.time_dim
        self.lig_nodes = NodeEmbedding(ATOM_FEATURE_SIZES, {"time": time, "latents": latents}, width)
        static = config.receptor_layers > 0
        rec_extras = {"lm": config.lm_dim, "time": 0 if static else time, "latents": 0 if static else latents}
        if config.trace_features:
            rec_extras["trace"] = NUM_TRACE_SCALARS
        self.rec_nodes = NodeEmbedding((len(RESIDUE_TYPES),), rec_extras, width)
        self.rec_vectors = nn.Linear(NUM_TRACE_VECTORS, config.vectors, bias=False) if config.trace_features else None
        self.rec_joint = (
            EdgeEmbedding({"time": time, "latents": latents, "node": width}, width, 0.0) if static else None
        )
        edges = config.edges
        both = {"latent_target": latents, "latent_source": latents}
        self.lig_edges = EdgeEmbedding(
            {"bond": NUM_BOND_TYPES, "time": time, "distance": DISTANCES, **both}, edges, config.dropout
        )
        rec_parts = {"distance": DISTANCES} if static else {"time": time, "distance": DISTANCES, **both}
        self.rec_edges = EdgeEmbedding(rec_parts, edges, config.dropout)
        self.cross_edges = EdgeEmbedding({"time": time, "distance": DISTANCES}, edges, config.dropout)
        self.lig_distance = GaussianExpansion(config.ligand_radius)
        self.rec_distance = GaussianExpansion(config.receptor_distance_stop)
        self.cross_distance = GaussianExpansion(config.cross_distance_stop)
        names = ("lig_nodes", "rec_nodes", "lig_edges", "rec_edges", "cross_edges") if latents else ()
        self.null_embeddings = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(width if name.endswith("nodes") else edges)) for name in names}
        )
        total = config.receptor_layers + config.layers
        self.layers = nn.ModuleList(
            JointLayer(config, config.channels(i), config.channels(i + 1), names=self._groups(i)) for i in range(total)
        )
        self.outputs = config.channels(total)

    def _groups(self, layer: int) -> list[str]:
        """Edge groups of a layer; the last one skips residues that nobody reads, unless batch statistics need them."""
        config, joint = self.config, layer - self.config.receptor_layers
        if joint < 0:
            return ["residue_residue"]
        unread = joint == config.layers - 1 and not self.reads_residues and config.norm != "batch"
        names = ["ligand_ligand", "ligand_residue"]
        if config.updates_residues(joint) and not unread:
            names += ["residue_residue"] if config.joint_receptor_edges else []
            names += ["residue_ligand"]
        return names

    def joint_layers(self) -> list[JointLayer]:
        """The layers over all nodes."""
        return [layer for layer in self.layers[self.config.receptor_layers :] if isinstance(layer, JointLayer)]

    def receptor_layers(self) -> list[JointLayer]:
        """The receptor-only layers."""
        return [layer for layer in self.layers[: self.config.receptor_layers] if isinstance(layer, JointLayer)]

    def receptor_state(self, batch: GraphBatch) -> ReceptorState:
        """All that depends on the receptor alone, to be computed once per receptor."""
        config = self.config
        offset = gather_nodes(batch.rec_pos, batch.rec_neighbour) - batch.rec_pos.unsqueeze(2)
        distance = self.rec_distance(offset.norm(dim=-1))
        sh = harmonics(offset)
        if not config.receptor_layers:
            return ReceptorState(None, distance, sh)
        extras = {"trace": batch.rec_scalars} if config.trace_features else {}
        scalars = self.rec_nodes(batch.rec_type.unsqueeze(-1), {**extras, **self._lm(batch)})
        features = Features.from_scalars(scalars, config.channels(0), self._trace_vectors(batch))
        features = features.scale(batch.rec_mask.to(scalars.dtype))
        mask = batch.rec_neighbour_mask.unsqueeze(3).to(scalars.dtype)
        edges = _Edges(self.rec_edges({"distance": distance}), sh, mask)
        for layer in self.receptor_layers():
            total = layer.slot_sum("residue_residue", edges, features, features, batch.rec_neighbour)
            features = layer.finish(features, total, mask.sum((2, 3)), batch.rec_mask)
        return ReceptorState(features, distance, sh)

    def _trace_vectors(self, batch: GraphBatch) -> Tensor | None:
        return None if self.rec_vectors is None else self.rec_vectors(batch.rec_vectors)

    def _lm(self, batch: GraphBatch) -> dict[str, Tensor]:
        if not self.config.lm_dim:
            return {}
        if batch.rec_lm is None or batch.rec_lm.shape[-1] != self.config.lm_dim:
            raise ConfigError(
                f"this checkpoint needs language-model features of {self.config.lm_dim} numbers per residue and the "
                "graph has none of that size; give them with --embeddings or use a checkpoint without them"
            )
        return {"lm": batch.rec_lm}

    def _null(self, name: str, null: Tensor | None, dims: int) -> Tensor | float:
        """The unconditional vector of a node or edge kind where the latents are dropped."""
        if null is None or name not in self.null_embeddings:
            return 0.0
        return null.reshape(-1, *([1] * (dims - 1))) * self.null_embeddings[name]

    def forward(
        self, batch: GraphBatch, pos: Tensor, condition: Conditioning, receptor: ReceptorState | None = None
    ) -> tuple[Features, Features]:
        """Features of ligand atoms and residues.

        Args:
            batch: graphs; a batch of poses of one complex is `batch.expand(poses)`.
            pos: (batch, atoms, 3) ligand positions in Angstrom, in the graph's frame.
            condition: time, noise scale and latents.
            receptor: from `receptor_state`, possibly expanded; computed here when None.

        Returns:
            Ligand features and residue features; unless `reads_residues`, the latter may stop before the last layer.
        """
        config = self.config
        receptor = self.receptor_state(batch) if receptor is None else receptor
        num_atoms = batch.num_atoms
        dtype = pos.dtype
        time: dict[str, Tensor] = {}
        if config.time_dim and condition.t is not None:
            time = {"time": time_embedding(condition.t, config.time_dim, config.time_scale)}
        at_nodes = {name: value[:, None] for name, value in time.items()}
        at_edges = {name: value[:, None, None] for name, value in time.items()}
        lig_latents, rec_latents = {}, {}
        lig_pairs, rec_pairs, bond_pairs = {}, {}, {}
        code = condition.code
        if config.num_latents and code is not None:
            marks = code.transpose(1, 2).to(dtype)
            lig_mark, rec_mark = marks[:, :num_atoms], marks[:, num_atoms:]
            lig_latents, rec_latents = {"latents": lig_mark}, {"latents": rec_mark}
            lig_pairs = {"latent_target": lig_mark[:, None], "latent_source": lig_mark[:, :, None]}
            bond_pairs = {
                "latent_target": lig_mark[:, :, None],
                "latent_source": gather_nodes(lig_mark, batch.bond_neighbour),
            }
            if config.joint_receptor_edges:
                rec_pairs = {
                    "latent_target": rec_mark[:, :, None],
                    "latent_source": gather_nodes(rec_mark, batch.rec_neighbour),
                }
        null = condition.null

        lig_scalars = self.lig_nodes(batch.lig_features, {**at_nodes, **lig_latents}) + self._null("lig_nodes", null, 3)
        start = config.channels(config.receptor_layers)
        ligand = Features.from_scalars(lig_scalars, start).scale(batch.lig_mask.to(dtype))
        if self.rec_joint is not None and receptor.features is not None:
            static = receptor.features
            joint = self.rec_joint({"node": static.even_scalars, **at_nodes, **rec_latents})
            residue = static._replace(even_scalars=static.even_scalars + joint + self._null("rec_nodes", null, 3))
        else:
            trace = {"trace": batch.rec_scalars} if config.trace_features else {}
            extras = {**trace, **self._lm(batch), **at_nodes, **rec_latents}
            rec_scalars = self.rec_nodes(batch.rec_type.unsqueeze(-1), extras) + self._null("rec_nodes", null, 3)
            residue = Features.from_scalars(rec_scalars, start, self._trace_vectors(batch))
        residue = residue.scale(batch.rec_mask.to(dtype))

        ligand_edges, bond_edges = self._ligand_edges(batch, pos, at_edges, lig_pairs, bond_pairs, null)
        forward, backward = self._cross_edges(batch, pos, condition, at_edges)
        receptor_edges: _Edges | None = None
        if config.joint_receptor_edges:
            values = (
                {"distance": receptor.distance}
                if config.receptor_layers
                else ({"distance": receptor.distance, **at_edges, **rec_pairs})
            )
            embedding = self.rec_edges(values) + self._null("rec_edges", null, 4)
            mask = batch.rec_neighbour_mask.unsqueeze(3).to(dtype)
            receptor_edges = _Edges(embedding, receptor.sh, mask)

        lig_count = ligand_edges.mask.sum((1, 3)) + bond_edges.mask.sum((2, 3)) + forward.mask.sum((1, 3))
        rec_count = backward.mask.sum((1, 3))
        if receptor_edges is not None:
            rec_count = rec_count + receptor_edges.mask.sum((2, 3))
        joint = self.joint_layers()
        for number, layer in enumerate(joint):
            lig_total = _add(
                layer.dense_sum("ligand_ligand", ligand_edges, ligand, ligand),
                layer.slot_sum("ligand_ligand", bond_edges, ligand, ligand, batch.bond_neighbour),
            )
            lig_total = _add(lig_total, layer.dense_sum("ligand_residue", forward, ligand, residue))
            unread = number == len(joint) - 1 and not (self.training or self.reads_residues)
            if unread or not layer.updates_residues:
                ligand = layer.finish(ligand, lig_total, lig_count, batch.lig_mask)
                continue
            rec_total = layer.dense_sum("residue_ligand", backward, residue, ligand)
            if receptor_edges is not None:
                rec_total = _add(
                    rec_total,
                    layer.slot_sum("residue_residue", receptor_edges, residue, residue, batch.rec_neighbour),
                )
            nodes = layer.finish(
                ligand.concatenated(residue, 1),
                lig_total.concatenated(rec_total, 1),
                torch.cat([lig_count, rec_count], 1),
                batch.node_mask,
            )
            ligand, residue = nodes.map(lambda x: x[:, :num_atoms]), nodes.map(lambda x: x[:, num_atoms:])
        return ligand, residue

    def _ligand_edges(self, batch, pos, at_edges, lig_pairs, bond_pairs, null) -> tuple[_Edges, _Edges]:
        """Radius edges (dense over atom pairs) and bond edges (slots); a bonded pair within the radius has both."""
        offset = pos.unsqueeze(2) - pos.unsqueeze(1)  # (batch, source, target, 3)
        distance = offset.norm(dim=-1)
        near = (distance < self.config.ligand_radius) & batch.lig_mask.unsqueeze(1) & batch.lig_mask.unsqueeze(2)
        near = near & ~torch.eye(batch.num_atoms, dtype=torch.bool, device=pos.device)
        shift = self._null("lig_edges", null, 4)
        embedding = self.lig_edges({"distance": self.lig_distance(distance), **at_edges, **lig_pairs}) + shift
        radius_edges = _Edges(embedding, harmonics(offset), near.unsqueeze(3).to(pos.dtype))
        bond_offset = gather_nodes(pos, batch.bond_neighbour) - pos.unsqueeze(2)
        kind = nn.functional.one_hot(batch.bond_type, NUM_BOND_TYPES).to(pos.dtype)
        values = {"bond": kind, "distance": self.lig_distance(bond_offset.norm(dim=-1)), **at_edges, **bond_pairs}
        mask = batch.bond_mask.unsqueeze(3).to(pos.dtype)
        return radius_edges, _Edges(self.lig_edges(values) + shift, harmonics(bond_offset), mask)

    def _cross_edges(self, batch, pos, condition: Conditioning, at_edges) -> tuple[_Edges, _Edges]:
        """Edges ligand <- residue and residue <- ligand; both use the vector from atom to residue, as published."""
        offset = batch.rec_pos.unsqueeze(2) - pos.unsqueeze(1)  # (batch, residues, atoms, 3)
        distance = offset.norm(dim=-1)
        cutoff = self.config.cutoff(condition.sigma_tr)
        near = (distance < cutoff[:, None, None]) & batch.lig_mask.unsqueeze(1) & batch.rec_mask.unsqueeze(2)
        embedding = self.cross_edges({"distance": self.cross_distance(distance), **at_edges})
        embedding = embedding + self._null("cross_edges", condition.null, 4)
        forward = _Edges(embedding, harmonics(offset), near.unsqueeze(3).to(pos.dtype))
        return forward, _Edges(*(part.transpose(1, 2) for part in forward))
