"""The two graph types: one complex, and a padded batch of complexes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from disco_dock.geometry.torsion import TorsionTopology
from disco_dock.graph.heavy_atoms import HeavyAtoms
from disco_dock.graph.receptor_atoms import ReceptorAtomBatch, ReceptorAtoms

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

NUM_TRACE_SCALARS = 12
NUM_TRACE_VECTORS = 3


@dataclass(frozen=True, kw_only=True)
class ComplexGraph:
    """One protein-ligand complex; positions are in Angstrom relative to `origin`.

    Attributes:
        lig_features: (atoms, 16) int64, categorical columns of `chem.ligand_features`.
        bond_index: (2, edges) int64, both directions of each bond, [target, source].
        bond_type: (edges,) int64, 0 single, 1 double, 2 triple, 3 aromatic.
        torsion_bonds: (torsions, 2) int64, (u held, v moved).
        torsion_moved: (torsions, atoms) bool.
        conformer: (atoms, 3) float32, an RDKit conformer centred on zero.
        rec_type: (residues,) int64 index into `chem.residue_features.RESIDUE_TYPES`.
        rec_pos: (residues, 3) float32 C-alpha positions.
        rec_chain: (residues,) int64 chain number.
        rec_lm: (residues, dim) float32 language-model embedding, or None.
        origin: (3,) float64, mean C-alpha position in the file's frame.
        rec_atoms: heavy atoms of the receptor, for networks that read them, or None.
        heavy_atoms: heavy atoms of receptor, metals and cofactors, for a pose expert, or None.
    """

    lig_features: Tensor
    bond_index: Tensor
    bond_type: Tensor
    torsion_bonds: Tensor
    torsion_moved: Tensor
    conformer: Tensor
    rec_type: Tensor
    rec_pos: Tensor
    rec_chain: Tensor
    rec_lm: Tensor | None
    origin: np.ndarray
    rec_atoms: ReceptorAtoms | None = None
    heavy_atoms: HeavyAtoms | None = None

    @property
    def num_atoms(self) -> int:
        """Number of ligand heavy atoms."""
        return len(self.lig_features)

    @property
    def num_residues(self) -> int:
        """Number of residues."""
        return len(self.rec_type)

    @property
    def num_torsions(self) -> int:
        """Number of rotatable bonds."""
        return len(self.torsion_bonds)

    def to_pyg(self, pos: Tensor | None = None, *, radius: float = 15.0, neighbours: int = 24) -> HeteroData:
        """The complex as a PyTorch Geometric graph; arguments and layout as of `graph.pyg.hetero_data`."""
        from disco_dock.graph.pyg import hetero_data

        return hetero_data(vars(self), pos, radius=radius, neighbours=neighbours)

    @classmethod
    def from_pyg(cls, data: HeteroData) -> ComplexGraph:
        """The complex of which `to_pyg` made this graph, also after it came through a loader.

        Raises:
            KeyError: a part is missing.
        """
        from disco_dock.graph.pyg import graph_parts

        return cls(**graph_parts(data))


@dataclass(frozen=True, kw_only=True)
class GraphBatch:
    """Complexes padded to common sizes; every tensor has the batch as its first dimension.

    Attributes:
        lig_features: (batch, atoms, 16) int64.
        lig_mask: (batch, atoms) bool.
        bond_neighbour: (batch, atoms, degree) int64 source atom of each bond of an atom.
        bond_type: (batch, atoms, degree) int64.
        bond_mask: (batch, atoms, degree) bool.
        topology: torsion bonds (batch, torsions, 2) and moved sides (batch, torsions, atoms).
        torsion_mask: (batch, torsions) bool.
        conformer: (batch, atoms, 3) float32.
        rec_type: (batch, residues) int64.
        rec_pos: (batch, residues, 3) float32, Angstrom.
        rec_mask: (batch, residues) bool.
        rec_neighbour: (batch, residues, neighbours) int64 source residues of each residue.
        rec_neighbour_mask: (batch, residues, neighbours) bool.
        rec_scalars: (batch, residues, NUM_TRACE_SCALARS) float32 C-alpha-trace scalars.
        rec_vectors: (batch, residues, 3, NUM_TRACE_VECTORS) float32 C-alpha-trace unit vectors.
        rec_lm: (batch, residues, dim) float32 or None.
        rec_atoms: heavy atoms of the receptors or None.
    """

    lig_features: Tensor
    lig_mask: Tensor
    bond_neighbour: Tensor
    bond_type: Tensor
    bond_mask: Tensor
    topology: TorsionTopology
    torsion_mask: Tensor
    conformer: Tensor
    rec_type: Tensor
    rec_pos: Tensor
    rec_mask: Tensor
    rec_neighbour: Tensor
    rec_neighbour_mask: Tensor
    rec_scalars: Tensor
    rec_vectors: Tensor
    rec_lm: Tensor | None
    rec_atoms: ReceptorAtomBatch | None = None

    @property
    def size(self) -> int:
        """Number of complexes (or poses) in the batch."""
        return len(self.lig_features)

    @property
    def num_atoms(self) -> int:
        """Padded number of ligand atoms."""
        return self.lig_features.shape[1]

    @property
    def num_residues(self) -> int:
        """Padded number of residues."""
        return self.rec_type.shape[1]

    @property
    def node_mask(self) -> Tensor:
        """(batch, atoms + residues) bool mask over the nodes that a latent can point at."""
        return torch.cat([self.lig_mask, self.rec_mask], 1)

    def _map(self, function) -> GraphBatch:
        changed = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (TorsionTopology, ReceptorAtomBatch)):
                changed[field.name] = type(value)(*(function(part) for part in value))
            elif value is not None:
                changed[field.name] = function(value)
        return replace(self, **changed)

    def to(self, device: torch.device | str) -> GraphBatch:
        """The same batch on another device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def expand(self, copies: int) -> GraphBatch:
        """A batch of one complex seen as `copies` poses of it, without copying memory.

        Raises:
            ValueError: the batch holds more than one complex.
        """
        if self.size != 1:
            raise ValueError(f"only a batch of one complex can be expanded, this one holds {self.size}")
        return self._map(lambda tensor: tensor.expand(copies, *tensor.shape[1:]))

    def take(self, index: Sequence[int]) -> GraphBatch:
        """A batch whose row k is complex `index[k]`."""
        rows = torch.tensor(list(index), device=self.lig_mask.device)
        return self._map(lambda tensor: tensor[rows])

    def only(self, live: Tensor) -> GraphBatch:
        """The same batch where graphs outside the mask (batch,) have no nodes and no edges, only padding."""

        def blank(mask: Tensor) -> Tensor:
            return mask & live.view(-1, *([1] * (mask.dim() - 1)))

        return replace(
            self,
            lig_mask=blank(self.lig_mask),
            bond_mask=blank(self.bond_mask),
            torsion_mask=blank(self.torsion_mask),
            rec_mask=blank(self.rec_mask),
            rec_neighbour_mask=blank(self.rec_neighbour_mask),
        )

    def repeat_interleave(self, copies: int) -> GraphBatch:
        """Each complex `copies` times in a row, for several noise draws per complex."""
        return self if copies == 1 else self._map(lambda tensor: tensor.repeat_interleave(copies, 0))
