"""Message passing over ligand atoms and residues, shared by every network of the package.

Edges, always from source to target: ligand <- ligand, ligand <- residue, residue <- residue, residue <- ligand.
Optional receptor-only layers come first; they see neither time, pose nor latents, so they run once per receptor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.chem.ligand_features import ATOM_FEATURE_SIZES
from disco_dock.chem.residue_features import RESIDUE_TYPES
from disco_dock.graph.schema import NUM_TRACE_SCALARS, NUM_TRACE_VECTORS, GraphBatch
from disco_dock.kernels.compiled import usable
from disco_dock.models.layers.edges import Edges, EdgeTerms
from disco_dock.models.layers.embeddings import EdgeEmbedding, GaussianExpansion, NodeEmbedding, time_embedding
from disco_dock.models.layers.irreps import Channels, Features
from disco_dock.models.layers.listed_edges import cross_edges, ligand_edges, receptor_edges, reversed_edges
from disco_dock.models.layers.normalisation import make_norm
from disco_dock.models.layers.padded_edges import dense_edges, slot_edges
from disco_dock.models.layers.receptive_field import needed_residues
from disco_dock.models.layers.tensor_product import EdgeGroup
from disco_dock.models.trunk_config import TrunkConfig
from disco_dock.runtime.errors import ConfigError

NUM_BOND_TYPES = 4
DISTANCES = 32  # Gaussians per distance expansion


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
    """What depends on the receptor alone.

    Attributes:
        features: residue features after the receptor-only layers, or None when there are none.
    """

    features: Features | None

    def expand(self, copies: int) -> ReceptorState:
        """The state of one complex seen as `copies` poses, without copying memory."""
        return self._map(lambda value: value.expand(copies, *value.shape[1:]))

    def repeat_interleave(self, copies: int) -> ReceptorState:
        """The state with each complex `copies` times in a row."""
        return self._map(lambda value: value.repeat_interleave(copies, 0))

    def _map(self, function) -> ReceptorState:
        return self if self.features is None else ReceptorState(self.features.map(function))


class _JointEdges(NamedTuple):
    """Edges of a pose by where they come from and go to; the ligand's own are radius edges and bonds."""

    ligand_ligand: Sequence[Edges]
    ligand_residue: Edges
    residue_ligand: Edges
    residue_residue: Edges | None


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

    def total(self, name: str, edges: Sequence[Edges], target: Features, source: Features) -> Features:
        """Summed messages of a group, over all the given edges."""
        group = self.groups[name]
        assert isinstance(group, EdgeGroup)
        first, *others = (each.total(group, target, source) for each in edges)
        for other in others:
            first = _add(first, other)
        return first

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
        if not config.receptor_layers:
            return ReceptorState(None)
        extras = {"trace": batch.rec_scalars} if config.trace_features else {}
        scalars = self.rec_nodes(batch.rec_type.unsqueeze(-1), {**extras, **self._lm(batch)})
        features = Features.from_scalars(scalars, config.channels(0), self._trace_vectors(batch))
        features = features.scale(batch.rec_mask.to(scalars.dtype))
        edges = self._receptor_edges(batch, self._terms(self.rec_edges, batch.rec_mask.shape, {}))
        for layer in self.receptor_layers():
            total = layer.total("residue_residue", [edges], features, features)
            features = layer.finish(features, total, edges.degree, batch.rec_mask)
        return ReceptorState(features)

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
        receptor = self.receptor_state(batch) if receptor is None else receptor
        time: dict[str, Tensor] = {}
        if self.config.time_dim and condition.t is not None:
            time = {"time": time_embedding(condition.t, self.config.time_dim, self.config.time_scale)[:, None]}
        ligand, residue = self._nodes(batch, pos, condition, time, receptor)
        near, edges = self._edges(batch, pos, condition, time)
        return self._joint(batch, ligand, residue, edges, near)

    def _marks(self, batch: GraphBatch, condition: Conditioning, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """(batch, nodes, latents) of ligand atoms and of residues: which latents point at a node."""
        if not self.config.num_latents or condition.code is None:
            return None
        marks = condition.code.transpose(1, 2).to(dtype)
        return marks[:, : batch.num_atoms], marks[:, batch.num_atoms :]

    def _nodes(
        self, batch: GraphBatch, pos: Tensor, condition: Conditioning, time: dict[str, Tensor], receptor: ReceptorState
    ) -> tuple[Features, Features]:
        """Features of ligand atoms and residues before the joint layers."""
        config, null, dtype = self.config, condition.null, pos.dtype
        marks = self._marks(batch, condition, dtype)
        at_ligand, at_residue = ({} if marks is None else {"latents": mark} for mark in marks or (None, None))
        lig_scalars = self.lig_nodes(batch.lig_features, {**time, **at_ligand}) + self._null("lig_nodes", null, 3)
        start = config.channels(config.receptor_layers)
        ligand = Features.from_scalars(lig_scalars, start).scale(batch.lig_mask.to(dtype))
        if self.rec_joint is not None and receptor.features is not None:
            static = receptor.features
            joint = self.rec_joint({"node": static.even_scalars, **time, **at_residue})
            residue = static._replace(even_scalars=static.even_scalars + joint + self._null("rec_nodes", null, 3))
        else:
            trace = {"trace": batch.rec_scalars} if config.trace_features else {}
            extras = {**trace, **self._lm(batch), **time, **at_residue}
            rec_scalars = self.rec_nodes(batch.rec_type.unsqueeze(-1), extras) + self._null("rec_nodes", null, 3)
            residue = Features.from_scalars(rec_scalars, start, self._trace_vectors(batch))
        return ligand, residue.scale(batch.rec_mask.to(dtype))

    def _joint(
        self, batch: GraphBatch, ligand: Features, residue: Features, edges: _JointEdges, near: Tensor
    ) -> tuple[Features, Features]:
        """Features after the joint layers; `near` (batch, residues) marks residues with an edge to the ligand."""
        lig_count = edges.ligand_residue.degree + sum(each.degree for each in edges.ligand_ligand)
        rec_count = edges.residue_ligand.degree
        if edges.residue_residue is not None:
            rec_count = rec_count + edges.residue_residue.degree
        num_atoms, layers = batch.num_atoms, self.joint_layers()
        sums_everywhere = self.reads_residues or (self.training and self.config.norm == "batch")
        needed = [batch.rec_mask] * len(layers)
        if not sums_everywhere:
            needed = needed_residues(
                [layer.updates_residues for layer in layers],
                near,
                batch.rec_neighbour,
                batch.rec_neighbour_mask,
                joint_receptor_edges=self.config.joint_receptor_edges,
            )
        for number, layer in enumerate(layers):
            lig_total = _add(
                layer.total("ligand_ligand", edges.ligand_ligand, ligand, ligand),
                layer.total("ligand_residue", [edges.ligand_residue], ligand, residue),
            )
            unread = number == len(layers) - 1 and not sums_everywhere
            if unread or not layer.updates_residues:
                ligand = layer.finish(ligand, lig_total, lig_count, batch.lig_mask)
                continue
            targets = needed[number]
            rec_total = layer.total("residue_ligand", [edges.residue_ligand.only(targets)], residue, ligand)
            if edges.residue_residue is not None:
                among = layer.total("residue_residue", [edges.residue_residue.only(targets)], residue, residue)
                rec_total = _add(rec_total, among)
            nodes = layer.finish(
                ligand.concatenated(residue, 1),
                lig_total.concatenated(rec_total, 1),
                torch.cat([lig_count, rec_count], 1),
                batch.node_mask,
            )
            ligand, residue = nodes.map(lambda x: x[:, :num_atoms]), nodes.map(lambda x: x[:, num_atoms:])
        return ligand, residue

    def _terms(
        self,
        network: EdgeEmbedding,
        nodes: torch.Size,
        time: dict[str, Tensor],
        marks: Tensor | None = None,
        shift: Tensor | float = 0.0,
    ) -> EdgeTerms:
        """What time and latents add to the embeddings of a kind of edges.

        Args:
            network: edge network.
            nodes: (batch, targets).
            time: (batch, 1, time_dim) by name, if any.
            marks: (batch, nodes, latents), when both ends may carry latents.
            shift: (batch, edges) or 0, added to the embedding.
        """
        given = time if marks is None else {**time, "latent_target": marks}
        at_target = network.first(given)
        if at_target.dim() == 1:  # the bias alone
            at_target = at_target.view(1, 1, -1)
        at_source = None if marks is None else network.first.apply_part("latent_source", marks)
        at_kind = None
        if "bond" in network.first.sizes:
            bonds = network.first.part("bond").t()
            at_kind = torch.cat([torch.zeros_like(bonds[:1]), bonds])
        bias = network.second.bias + shift
        return EdgeTerms(at_target.expand(*nodes, -1), at_source, at_kind, bias.expand(nodes[0], bias.shape[-1]))

    def _edges(
        self, batch: GraphBatch, pos: Tensor, condition: Conditioning, time: dict[str, Tensor]
    ) -> tuple[Tensor, _JointEdges]:
        """(batch, residues) whether a residue has an edge to the ligand, and the edges of a pose."""
        config, null = self.config, condition.null
        size, num_atoms = batch.lig_mask.shape
        marks = self._marks(batch, condition, pos.dtype)
        lig_marks, rec_marks = marks if marks is not None else (None, None)
        apart = pos.unsqueeze(2) - pos.unsqueeze(1)  # (batch, source, target, 3)
        bonded = (apart.norm(dim=-1) < config.ligand_radius) & batch.lig_mask.unsqueeze(1) & batch.lig_mask.unsqueeze(2)
        bonded = bonded & ~torch.eye(num_atoms, dtype=torch.bool, device=pos.device)
        across = batch.rec_pos.unsqueeze(2) - pos.unsqueeze(1)  # (batch, residues, atoms, 3), as published both ways
        near = across.norm(dim=-1) < config.cutoff(condition.sigma_tr)[:, None, None]
        near = near & batch.lig_mask.unsqueeze(1) & batch.rec_mask.unsqueeze(2)

        atoms, residues = batch.lig_mask.shape, batch.rec_mask.shape
        lig_terms = self._terms(self.lig_edges, atoms, time, lig_marks, self._null("lig_edges", null, 2))
        cross_terms = self._terms(self.cross_edges, atoms, time, shift=self._null("cross_edges", null, 2))
        among: Edges | None = None
        if config.joint_receptor_edges:
            given = ({}, None) if config.receptor_layers else (time, rec_marks)
            terms = self._terms(self.rec_edges, residues, *given, self._null("rec_edges", null, 2))
            among = self._receptor_edges(batch, terms)
        if usable(pos):
            geometry = ligand_edges(pos, bonded, batch.bond_neighbour, batch.bond_type, batch.bond_mask)
            own = geometry.listed(
                geometry.embedded(self.lig_edges, self.lig_distance, lig_terms), size, size * num_atoms
            )
            geometry, place = cross_edges(across, near)
            embedding = geometry.embedded(self.cross_edges, self.cross_distance, cross_terms)
            forward = geometry.listed(embedding, size, size * num_atoms)
            return near.any(2), _JointEdges([own], forward, reversed_edges(forward, place, near), among)
        radius = dense_edges(apart, bonded, self.lig_edges, self.lig_distance, lig_terms)
        bonds = slot_edges(
            pos,
            batch.bond_neighbour,
            batch.bond_mask,
            self.lig_edges,
            self.lig_distance,
            lig_terms,
            kind=batch.bond_type + 1,
        )
        forward = dense_edges(across, near, self.cross_edges, self.cross_distance, cross_terms)
        return near.any(2), _JointEdges([radius, bonds], forward, forward.transposed(), among)

    def _receptor_edges(self, batch: GraphBatch, terms: EdgeTerms) -> Edges:
        """Edges residue <- residue with their embeddings."""
        pos = batch.rec_pos
        if usable(pos):
            geometry = receptor_edges(pos, batch.rec_neighbour, batch.rec_neighbour_mask)
            embedding = geometry.embedded(self.rec_edges, self.rec_distance, terms)
            return geometry.listed(embedding, batch.size, batch.size * batch.num_residues)
        neighbour, mask = batch.rec_neighbour, batch.rec_neighbour_mask
        return slot_edges(pos, neighbour, mask, self.rec_edges, self.rec_distance, terms)
