"""A complex as a PyTorch Geometric graph, in the node and edge names of the DiffDock family of programs, and back.

`ComplexGraph.to_pyg` and `ComplexGraph.from_pyg` are the usual ways in; docs/pyg.md trains a network on such graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from disco_dock.graph.receptor_atoms import ReceptorAtoms
from disco_dock.graph.receptor_graph import residue_neighbours

NUM_BOND_TYPES = 4
BOND = ("ligand", "lig_bond", "ligand")
CONTACT = ("receptor", "rec_contact", "receptor")
ATOM_CONTACT, ATOM_RESIDUE = ("atom", "atom_contact", "atom"), ("atom", "atom_rec_contact", "receptor")


def hetero_data(
    parts: Mapping[str, Any], pos: Tensor | None = None, *, radius: float = 15.0, neighbours: int = 24
) -> HeteroData:
    """A complex as `HeteroData`, for PyTorch Geometric's loaders, transforms and networks.

    Node types are ``ligand`` (`x`, `pos`, `conformer`) and ``receptor`` (`x` = residue type and language-model
    features, `pos`, `chain`), and ``atom`` (`x`, `pos`) where the graph holds receptor atoms. Edges are
    ``ligand, lig_bond, ligand`` (`edge_index`, one-hot `edge_attr`, `edge_mask` of the rotatable bonds, in the
    direction held to moved), ``receptor, rec_contact, receptor``, ``atom, atom_contact, atom`` and
    ``atom, atom_rec_contact, receptor``. The ligand also has `torsion_bonds` (torsions, 2) and `mask_rotate`
    (torsions, atoms), arrays that a loader keeps in a list; `original_center` (1, 3) lies on the graph.

    Args:
        parts: fields of a `ComplexGraph` by name.
        pos: (atoms, 3) ligand positions in Angstrom in the graph's frame; the conformer when None.
        radius: receptor neighbour radius in Angstrom.
        neighbours: largest number of receptor neighbours of a residue.
    """
    data = HeteroData()
    data["ligand"].x = parts["lig_features"]
    data["ligand"].pos = parts["conformer"] if pos is None else pos
    data["ligand"].conformer = parts["conformer"]
    types = parts["rec_type"].float().unsqueeze(1)
    data["receptor"].x = types if parts["rec_lm"] is None else torch.cat([types, parts["rec_lm"]], 1)
    data["receptor"].pos = parts["rec_pos"]
    data["receptor"].chain = parts["rec_chain"]
    bonds, index = data[BOND], parts["bond_index"]
    bonds.edge_index = index
    bonds.edge_attr = torch.nn.functional.one_hot(parts["bond_type"], NUM_BOND_TYPES).float()
    bonds.edge_mask = (index.T[:, None] == parts["torsion_bonds"][None]).all(-1).any(1)
    data[CONTACT].edge_index = _listed(*residue_neighbours(parts["rec_pos"], radius, neighbours))
    data["ligand"].torsion_bonds = parts["torsion_bonds"].numpy()
    data["ligand"].mask_rotate = parts["torsion_moved"].numpy()  # no tensor: its width differs between complexes
    data.original_center = torch.from_numpy(parts["origin"]).reshape(1, 3)
    atoms = parts["rec_atoms"]
    if atoms is not None:
        data["atom"].x, data["atom"].pos = atoms.features, atoms.pos
        data[ATOM_CONTACT].edge_index = _listed(atoms.neighbour, atoms.neighbour_mask)
        data[ATOM_RESIDUE].edge_index = torch.stack([torch.arange(len(atoms.residue)), atoms.residue])
    return data


def graph_parts(data: HeteroData) -> dict[str, Any]:
    """Fields of the `ComplexGraph` that `hetero_data` was given; the pose and the receptor's edges are not among them.

    Raises:
        KeyError: a part is missing.
    """
    ligand, receptor, bonds = data["ligand"], data["receptor"], data[BOND]
    return {
        "lig_features": ligand["x"],
        "bond_index": bonds["edge_index"],
        "bond_type": bonds["edge_attr"].argmax(1),
        "torsion_bonds": torch.as_tensor(ligand["torsion_bonds"]),
        "torsion_moved": torch.as_tensor(ligand["mask_rotate"]),
        "conformer": ligand["conformer"],
        "rec_type": receptor["x"][:, 0].long(),
        "rec_pos": receptor["pos"],
        "rec_chain": receptor["chain"],
        "rec_lm": receptor["x"][:, 1:] if receptor["x"].shape[1] > 1 else None,
        "origin": data["original_center"].reshape(3).numpy(),
        "rec_atoms": _receptor_atoms(data) if "atom" in data.node_types else None,
    }


def _listed(index: Tensor, mask: Tensor) -> Tensor:
    """(2, edges) of an index (nodes, slots) of neighbours and its mask."""
    node, slot = mask.nonzero().T
    return torch.stack([node, index[node, slot]])


def _receptor_atoms(data: HeteroData) -> ReceptorAtoms:
    node, other = data[ATOM_CONTACT]["edge_index"]
    num_atoms = data["atom"].num_nodes or 0
    count = torch.bincount(node, minlength=num_atoms)
    mask = torch.arange(int(count.max()) if len(count) else 0) < count[:, None]
    neighbour = torch.zeros(mask.shape, dtype=torch.int64)
    neighbour[mask] = other
    residue = data[ATOM_RESIDUE]["edge_index"][1]
    return ReceptorAtoms(data["atom"]["x"], data["atom"]["pos"], residue, neighbour, mask)
