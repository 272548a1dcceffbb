"""A complex as a PyTorch Geometric graph, in the node and edge names of the DiffDock family of programs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from disco_dock.graph.receptor_graph import residue_neighbours
from disco_dock.graph.schema import ComplexGraph

NUM_BOND_TYPES = 4


def to_hetero_data(
    graph: ComplexGraph, pos: Tensor | None = None, *, radius: float = 15.0, neighbours: int = 24
) -> HeteroData:
    """The graph as `HeteroData`, for use with PyTorch Geometric's loaders, transforms and networks.

    Node types are ``ligand`` (`x`, `pos`) and ``receptor`` (`x` = residue type and language-model features, `pos`,
    `chain`). Edges are ``ligand, lig_bond, ligand`` (`edge_index`, one-hot `edge_attr`, `edge_mask` of the rotatable
    bonds, in the direction held to moved) and ``receptor, rec_contact, receptor``. The ligand also has `mask_rotate`, a
    (torsions, atoms) array that a loader keeps in a list; `original_center` (1, 3) lies on the graph.

    Args:
        graph: the complex.
        pos: (atoms, 3) ligand positions in Angstrom in the graph's frame; the conformer when None.
        radius: receptor neighbour radius in Angstrom.
        neighbours: largest number of receptor neighbours of a residue.
    """
    data = HeteroData()
    data["ligand"].x = graph.lig_features
    data["ligand"].pos = graph.conformer if pos is None else pos
    types = graph.rec_type.float().unsqueeze(1)
    data["receptor"].x = types if graph.rec_lm is None else torch.cat([types, graph.rec_lm], 1)
    data["receptor"].pos = graph.rec_pos
    data["receptor"].chain = graph.rec_chain
    bonds = data["ligand", "lig_bond", "ligand"]
    bonds.edge_index = graph.bond_index
    bonds.edge_attr = torch.nn.functional.one_hot(graph.bond_type, NUM_BOND_TYPES).float()
    rotatable = (graph.bond_index.T[:, None] == graph.torsion_bonds[None]).all(-1)  # (edges, torsions)
    bonds.edge_mask = rotatable.any(1)
    index, mask = residue_neighbours(graph.rec_pos, radius, neighbours)
    target, slot = mask.nonzero().T
    data["receptor", "rec_contact", "receptor"].edge_index = torch.stack([target, index[target, slot]])
    data["ligand"].mask_rotate = graph.torsion_moved.numpy()  # not a tensor: its width differs between complexes
    data.original_center = torch.from_numpy(graph.origin).reshape(1, 3)
    return data
