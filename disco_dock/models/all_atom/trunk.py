"""Message passing over ligand atoms, residues and receptor atoms; the pose changes only a part of it.

In eval mode a node's features depend on the pose only if the ligand's messages have reached it in the layers so far,
and they matter only if a later layer carries them to the ligand. So the receptor runs once without a ligand, and each
pose recomputes just the nodes that are both: the numbers are those of the whole computation. In training the batch
statistics need every node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.chem.ligand_features import ATOM_FEATURE_SIZES
from disco_dock.chem.receptor_atom_features import RECEPTOR_ATOM_SIZES
from disco_dock.chem.residue_features import RESIDUE_TYPES
from disco_dock.graph.schema import GraphBatch
from disco_dock.models.all_atom.edges import AllAtomConfig, AllAtomEdges, required_atoms, time_zero
from disco_dock.models.layers.embeddings import CategoryEmbedding
from disco_dock.models.layers.irreps import Features
from disco_dock.models.layers.normalisation import EquivariantBatchNorm
from disco_dock.models.layers.star_convolution import StarGroup, Stars
from disco_dock.runtime.errors import ConfigError

Nodes = dict[str, Features]
Marks = dict[str, Tensor]
Weights = tuple[Tensor, ...]


class Relation(NamedTuple):
    """Where messages run: between which nodes, along which edges, and whether the targets are the centres of these."""

    target: str
    source: str
    edges: str
    to_centre: bool

    @property
    def within_receptor(self) -> bool:
        """Whether no ligand atom takes part."""
        return "ligand" not in (self.target, self.source)


RELATIONS = {
    "ligand_ligand": Relation("ligand", "ligand", "ligand_ligand", True),
    "ligand_residue": Relation("ligand", "residue", "ligand_residue", True),
    "ligand_atom": Relation("ligand", "atom", "ligand_atom", True),
    "atom_atom": Relation("atom", "atom", "atom_atom", False),
    "atom_ligand": Relation("atom", "ligand", "ligand_atom", False),
    "atom_residue": Relation("atom", "residue", "residue_atom", False),
    "residue_residue": Relation("residue", "residue", "residue_residue", True),
    "residue_ligand": Relation("residue", "ligand", "ligand_residue", False),
    "residue_atom": Relation("residue", "atom", "residue_atom", True),
}
"""Kinds of messages, named target_source, in the published order."""


class NodeScalars(nn.Module):
    """Scalars of a node from its categories and extra columns, as in the published all-atom networks.

    A linear layer reads the first columns of the extra features, and where there are language-model features a second
    one reads the sum and the last columns. The extra features are [language model, time], so with a language model the
    first layer sees the beginning of its features and the second their rest and the time.
    """

    def __init__(self, sizes: tuple[int, ...], width: int, time_dim: int, lm_dim: int = 0) -> None:
        super().__init__()
        self.time_dim, self.lm_dim = time_dim, lm_dim
        self.categories = CategoryEmbedding(sizes, width)
        self.first = nn.Linear(time_dim, width)
        self.mix = nn.Linear(width + lm_dim, width) if lm_dim else None

    def forward(self, columns: Tensor, lm: Tensor | None = None) -> Tensor:
        """(..., width) from integer columns (..., len(sizes)) and language-model features (..., lm_dim)."""
        embedded = self.categories(columns)
        extra = time_zero(self.time_dim, embedded).expand(*columns.shape[:-1], -1)
        if lm is not None and self.mix is not None:
            extra = torch.cat([lm, extra], -1)
        embedded = embedded + self.first(extra[..., : self.time_dim])
        return embedded if self.mix is None else self.mix(torch.cat([embedded, extra[..., -self.lm_dim :]], -1))


class ReceptorRun(NamedTuple):
    """What depends on the receptor alone, for one batch of receptors.

    Attributes:
        edges: stars within the receptor.
        inputs: residues and atoms as they enter each layer when there is no ligand.
        sizes: padded numbers of residues and atoms.
        weights: product weights of each layer's relations, arranged for use.
    """

    edges: dict[str, Stars]
    inputs: list[Nodes]
    sizes: dict[str, int]
    weights: list[dict[str, Weights]]

    def repeat(self, copies: int) -> ReceptorRun:
        """The run of one receptor seen as `copies` of it."""
        if copies == 1:
            return self
        edges = {
            kind: stars.repeat(copies, *(self.sizes[name] for name in kind.split("_")))
            for kind, stars in self.edges.items()
        }
        inputs = [
            {kind: value.map(lambda x: x.repeat(copies, *([1] * (x.dim() - 1)))) for kind, value in nodes.items()}
            for nodes in self.inputs
        ]
        return self._replace(edges=edges, inputs=inputs)


def _sum(first: Features | None, second: Features) -> Features:
    return second if first is None else Features(*(a + b for a, b in zip(first, second, strict=True)))


def _where(mask: Tensor, chosen: Features, other: Features) -> Features:
    """Rows of `chosen` where the mask (nodes,) is true."""
    pairs = zip(chosen, other, strict=True)
    return Features(*(torch.where(mask.view(-1, *([1] * (a.dim() - 1))), a, b) for a, b in pairs))


def edge_counts(edges: Mapping[str, Stars], nodes: Mapping[str, Features]) -> dict[str, Tensor]:
    """Messages that each target node receives, (targets,) by relation whose edges are given."""
    counts: dict[str, Tensor] = {}
    for name, relation in RELATIONS.items():
        if relation.edges not in edges:
            continue
        stars, scalars = edges[relation.edges], nodes[relation.target].even_scalars
        real, count = stars.mask.to(scalars.dtype), scalars.new_zeros(len(scalars))
        if relation.to_centre:
            counts[name] = count.index_copy(0, stars.centre, real.sum(1))
        else:
            counts[name] = count.index_add(0, stars.partner.flatten(), real.flatten())
    return counts


class AllAtomLayer(nn.Module):
    """One convolution: for each relation the mean message, normalised."""

    def __init__(self, config: AllAtomConfig, number: int) -> None:
        super().__init__()
        inputs, self.outputs = config.channels(number), config.channels(number + 1)
        last = number == config.layers - 1
        names = [name for name, relation in RELATIONS.items() if not last or relation.target == "ligand"]
        self.groups = nn.ModuleDict(
            {
                name: StarGroup(inputs, self.outputs, config.scalars, config.scalars, config.hidden, config.dropout)
                for name in names
            }
        )
        self.norms = nn.ModuleDict({name: EquivariantBatchNorm(self.outputs) for name in names})

    def names(self, *targets: str) -> list[str]:
        """Relations of this layer into some kinds of nodes."""
        return [name for name in self.groups if RELATIONS[name].target in targets]

    def arranged(self) -> dict[str, Weights]:
        """Product weights of each relation as they are used."""
        return {name: self.group(name).arranged(to_centre=RELATIONS[name].to_centre) for name in self.groups}

    def group(self, name: str) -> StarGroup:
        """Messages of a relation."""
        group = self.groups[name]
        assert isinstance(group, StarGroup)
        return group

    def message(
        self,
        name: str,
        stars: Stars,
        nodes: Nodes,
        count: Tensor,
        valid: Tensor,
        weights: dict[str, Weights] | None = None,
    ) -> Features:
        """Normalised mean messages of a relation at all its target nodes.

        Args:
            name: of the relation.
            stars: its edges, or those to the targets that matter.
            nodes: features of all nodes.
            count: (targets,) messages per target.
            valid: (targets,) bool of the nodes that are not padding.
            weights: from `arranged`, or None.
        """
        relation, group = RELATIONS[name], self.group(name)
        convolve = group.gather if relation.to_centre else group.spread
        arranged = None if weights is None else weights[name]
        total = convolve(stars, nodes[relation.target], nodes[relation.source], arranged)
        mean = total / count.clamp_min(1.0).unsqueeze(1)
        return self.norms[name](Features.from_flat(mean, self.outputs), valid)

    def silence(self, name: str, like: Tensor) -> Features:
        """What a relation adds to a node that receives nothing, as one row."""
        zeros = Features.from_flat(like.new_zeros(1, self.outputs.width), self.outputs)
        return self.norms[name](zeros, torch.ones(1, dtype=torch.bool, device=like.device))


class AllAtomTrunk(nn.Module):
    """Features of the ligand atoms of a pose."""

    def __init__(self, config: AllAtomConfig) -> None:
        super().__init__()
        self.config = config
        width, time = config.scalars, config.time_dim
        self.ligand_nodes = NodeScalars(ATOM_FEATURE_SIZES, width, time)
        self.residue_nodes = NodeScalars((len(RESIDUE_TYPES),), width, time, config.lm_dim)
        self.atom_nodes = NodeScalars(RECEPTOR_ATOM_SIZES, width, time)
        self.edges = AllAtomEdges(config)
        self.layers = nn.ModuleList(AllAtomLayer(config, number) for number in range(config.layers))
        self.outputs = config.channels(config.layers)

    def _layers(self) -> list[AllAtomLayer]:
        return [layer for layer in self.layers if isinstance(layer, AllAtomLayer)]

    def _lm(self, batch: GraphBatch) -> Tensor | None:
        if not self.config.lm_dim:
            return None
        if batch.rec_lm is None or batch.rec_lm.shape[-1] != self.config.lm_dim:
            raise ConfigError(
                f"this checkpoint's confidence network needs language-model features of {self.config.lm_dim} numbers "
                "per residue and the graph has none of that size; give them with --embeddings or use another checkpoint"
            )
        return batch.rec_lm.flatten(0, 1)

    def _receptor_nodes(self, batch: GraphBatch) -> Nodes:
        """Residues and atoms as they enter the first layer."""
        residue = self.residue_nodes(batch.rec_type.flatten().unsqueeze(-1), self._lm(batch))
        atom = self.atom_nodes(required_atoms(batch).features.flatten(0, 1))
        start = self.config.channels(0)
        return {"residue": Features.from_scalars(residue, start), "atom": Features.from_scalars(atom, start)}

    @staticmethod
    def _valid(batch: GraphBatch) -> Marks:
        return {
            "ligand": batch.lig_mask.flatten(),
            "residue": batch.rec_mask.flatten(),
            "atom": required_atoms(batch).mask.flatten(),
        }

    def receptor_run(self, batch: GraphBatch) -> ReceptorRun:
        """All that depends on the receptors alone, to be computed once per receptor (in eval mode).

        Raises:
            ConfigError: the batch has no receptor atoms, or no language-model features of the right size.
        """
        edges, nodes, valid = self.edges.receptor(batch), self._receptor_nodes(batch), self._valid(batch)
        counts = edge_counts(edges, nodes)
        inputs, weights = [nodes], [layer.arranged() for layer in self._layers()]
        for number, layer in enumerate(self._layers()[:-1]):
            totals: dict[str, Features | None] = {"residue": None, "atom": None}
            for name in layer.names(*totals):
                relation = RELATIONS[name]
                if relation.within_receptor:
                    stars, real = edges[relation.edges], valid[relation.target]
                    message = layer.message(name, stars, nodes, counts[name], real, weights[number])
                else:
                    message = layer.silence(name, nodes["atom"].even_scalars)
                totals[relation.target] = _sum(totals[relation.target], message)
            nodes = {kind: nodes[kind].add_to_wider(total) for kind, total in totals.items() if total is not None}
            inputs.append(nodes)
        sizes = {"residue": batch.num_residues, "atom": required_atoms(batch).mask.shape[1]}
        return ReceptorRun(edges, inputs, sizes, weights)

    def forward(self, batch: GraphBatch, pos: Tensor, receptor: ReceptorRun | None = None) -> Features:
        """Features of the ligand atoms, (batch * atoms, ...); padded ones mean nothing.

        Args:
            batch: graphs; a batch of poses of one complex is `batch.expand(poses)`.
            pos: (batch, atoms, 3) poses in Angstrom, in the graph's frame.
            receptor: from `receptor_run`, in eval mode; computed here when None.

        Raises:
            ConfigError: the batch has no receptor atoms, or no language-model features of the right size.
        """
        scalars = self.ligand_nodes(batch.lig_features.flatten(0, 1))
        ligand = Features.from_scalars(scalars, self.config.channels(0))
        edges, valid = self.edges.ligand(batch, pos), self._valid(batch)
        if self.training:
            return self._whole(
                {"ligand": ligand, **self._receptor_nodes(batch)}, edges | self.edges.receptor(batch), valid
            )
        run = self.receptor_run(batch) if receptor is None else receptor
        return self._changed(ligand, edges | run.edges, valid, run)

    def _whole(self, nodes: Nodes, edges: dict[str, Stars], valid: Marks) -> Features:
        """Every node through every layer."""
        counts = edge_counts(edges, nodes)
        for layer in self._layers():
            totals: dict[str, Features] = {}
            for name in layer.groups:
                relation = RELATIONS[name]
                message = layer.message(name, edges[relation.edges], nodes, counts[name], valid[relation.target])
                totals[relation.target] = _sum(totals.get(relation.target), message)
            nodes = {kind: nodes[kind].add_to_wider(total) for kind, total in totals.items()}
        return nodes["ligand"]

    def _changed(self, ligand: Features, edges: dict[str, Stars], valid: Marks, run: ReceptorRun) -> Features:
        """The ligand through every layer, with those receptor nodes that the pose changes and that it feels."""
        nodes: Nodes = {"ligand": ligand, **run.inputs[0]}
        counts = edge_counts(edges, nodes)
        wanted = self._wanted(edges, valid)
        for number, layer in enumerate(self._layers()):
            totals: dict[str, Features] = {}
            for name in layer.groups:
                relation = RELATIONS[name]
                if number == 0 and relation.within_receptor:
                    continue  # no pose has changed a source yet
                stars = edges[relation.edges]
                if relation.target != "ligand":
                    marked = wanted[number][relation.target]
                    stars = stars.with_centres(marked) if relation.to_centre else stars.with_partners(marked)
                real = valid[relation.target]
                message = layer.message(name, stars, nodes, counts[name], real, run.weights[number])
                if number == 0 and relation.target != "ligand":
                    silence = layer.silence(name, ligand.even_scalars)
                    message = Features(*(a - b for a, b in zip(message, silence, strict=True)))
                totals[relation.target] = _sum(totals.get(relation.target), message)
            ligand = nodes["ligand"].add_to_wider(totals["ligand"])
            if number == self.config.layers - 1:
                break
            quiet = run.inputs[number + 1]
            for kind, value in quiet.items():
                before = value if number == 0 else nodes[kind]
                nodes[kind] = _where(wanted[number][kind], before.add_to_wider(totals[kind]), value)
            nodes["ligand"] = ligand
        return ligand

    def _wanted(self, edges: dict[str, Stars], valid: Marks) -> list[Marks]:
        """Residues and atoms to compute in each layer but the last: changed by the pose, felt by the ligand later."""
        within = [relation for relation in RELATIONS.values() if relation.within_receptor]
        touched = {
            kind: edges[f"ligand_{kind}"].at_partners(valid["ligand"], len(valid[kind])) for kind in ("residue", "atom")
        }
        felt = [touched]  # from the last layer backwards
        changed = [touched]
        for _ in range(self.config.layers - 2):
            sources, targets = dict(felt[-1]), dict(changed[-1])
            for target, source, kind, to_centre in within:
                stars = edges[kind]
                if to_centre:
                    sources[source] = sources[source] | stars.at_partners(felt[-1][target], len(valid[source]))
                    targets[target] = targets[target] | stars.at_centres(changed[-1][source], len(valid[target]))
                else:
                    sources[source] = sources[source] | stars.at_centres(felt[-1][target], len(valid[source]))
                    targets[target] = targets[target] | stars.at_partners(changed[-1][source], len(valid[target]))
            felt.append(sources)
            changed.append(targets)
        pairs = zip(changed, reversed(felt), strict=True)
        return [{kind: first[kind] & second[kind] for kind in first} for first, second in pairs]
