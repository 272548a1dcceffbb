"""Receptor, ligand and conformer to a complex graph."""

from __future__ import annotations

import numpy as np
import torch

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligand_features import atom_features, bond_edges
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.graph.heavy_atoms import heavy_atoms
from disco_dock.graph.receptor_atoms import AtomGraphConfig, receptor_atoms
from disco_dock.graph.schema import ComplexGraph
from disco_dock.runtime.errors import InputError


def build_complex(
    receptor: Receptor,
    ligand: Ligand,
    conformer_pos: np.ndarray,
    embeddings: np.ndarray | None = None,
    *,
    atom_graph: AtomGraphConfig | None = None,
    all_atoms: bool = False,
) -> ComplexGraph:
    """The complex graph of a receptor and a ligand, centred on the mean C-alpha position.

    Args:
        receptor: residues with C-alpha positions in Angstrom.
        ligand: heavy-atom molecule.
        conformer_pos: (atoms, 3) a conformer of the ligand in Angstrom, in any frame.
        embeddings: (residues, dim) language-model features, or None.
        atom_graph: edges between receptor atoms for networks that read these, None to leave the atoms out.
        all_atoms: with the heavy atoms of receptor, metals and cofactors, which a pose expert reads.

    Raises:
        InputError: the embeddings do not have one row per residue, or atoms are needed and the receptor has none.
    """
    num_residues = len(receptor.restype)
    if embeddings is not None and len(embeddings) != num_residues:
        raise InputError(
            f"{receptor.source}: the embeddings have {len(embeddings)} rows, the receptor has {num_residues} residues; "
            "compute them again for this file"
        )
    origin = receptor.ca_pos.mean(0)
    bond_index, bond_type = bond_edges(ligand.mol)
    torsions = rotatable_bonds(ligand.mol)
    order = {chain: number for number, chain in enumerate(dict.fromkeys(receptor.chains))}
    return ComplexGraph(
        lig_features=torch.from_numpy(atom_features(ligand.mol)),
        bond_index=torch.from_numpy(bond_index),
        bond_type=torch.from_numpy(bond_type),
        torsion_bonds=torch.from_numpy(torsions.bonds),
        torsion_moved=torch.from_numpy(torsions.moved),
        conformer=torch.from_numpy(conformer_pos - conformer_pos.mean(0)).float(),
        rec_type=torch.from_numpy(receptor.restype),
        rec_pos=torch.from_numpy(receptor.ca_pos - origin).float(),
        rec_chain=torch.tensor([order[chain] for chain in receptor.chains]),
        rec_lm=None if embeddings is None else torch.from_numpy(np.asarray(embeddings)).float(),
        origin=origin,
        rec_atoms=None if atom_graph is None else receptor_atoms(receptor, origin, atom_graph),
        heavy_atoms=heavy_atoms(receptor, origin) if all_atoms else None,
    )
