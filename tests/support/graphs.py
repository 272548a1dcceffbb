"""Synthetic complexes without chemistry: a chain-like ligand beside a C-alpha trace, and transformations of both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from disco_dock.chem.ligand_features import ATOM_FEATURE_SIZES
from disco_dock.chem.receptor_atom_features import RECEPTOR_ATOM_SIZES
from disco_dock.chem.residue_features import RESIDUE_TYPES
from disco_dock.graph.kd_order import first_neighbours
from disco_dock.graph.receptor_atoms import AtomGraphConfig, ReceptorAtoms
from disco_dock.graph.schema import ComplexGraph


def random_rotation(generator: torch.Generator) -> Tensor:
    """(3, 3) proper rotation, float32."""
    q, r = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    q = q * r.diagonal().sign()
    return (q * torch.linalg.det(q)).float()


def _walk(count: int, step: float, generator: torch.Generator) -> Tensor:
    """(count, 3) a random walk that drifts, so that it stays open."""
    steps = torch.randn(count, 3, generator=generator) + torch.tensor([0.7, 0.0, 0.0])
    return (steps / steps.norm(dim=-1, keepdim=True) * step).cumsum(0)


def random_graph(
    seed: int, atoms: int = 9, residues: int = 14, *, lm_dim: int = 0, torsions: int = 3, rec_atoms: int = 0
) -> ComplexGraph:
    """A complex whose ligand is a chain with `torsions` rotatable bonds and whose receptor has two chains.

    Args:
        seed: of all draws.
        atoms: ligand atoms.
        residues: residues.
        lm_dim: random language-model features, 0 for none.
        torsions: rotatable bonds, at most atoms - 3.
        rec_atoms: heavy atoms of each residue, the first at the C-alpha position; 0 for none.
    """
    draws = torch.Generator().manual_seed(seed)
    pairs = torch.stack([torch.arange(atoms - 1), torch.arange(1, atoms)])
    bonds = torch.stack([pairs, pairs.flip(0)], -1).flatten(1)  # both directions of a bond next to each other
    kinds = torch.randint(4, (atoms - 1,), generator=draws).repeat_interleave(2)
    held = torch.arange(1, 1 + torsions)
    rec_pos = _walk(residues, 3.8, draws)
    conformer = _walk(atoms, 1.5, draws)
    rec_pos = rec_pos - rec_pos.mean(0)
    return ComplexGraph(
        lig_features=torch.stack([torch.randint(size, (atoms,), generator=draws) for size in ATOM_FEATURE_SIZES], 1),
        bond_index=bonds,
        bond_type=kinds,
        torsion_bonds=torch.stack([held, held + 1], 1),
        torsion_moved=torch.arange(atoms)[None] > held[:, None],
        conformer=conformer - conformer.mean(0),
        rec_type=torch.randint(len(RESIDUE_TYPES), (residues,), generator=draws),
        rec_pos=rec_pos,
        rec_chain=(torch.arange(residues) >= residues // 2).long(),
        rec_lm=torch.randn(residues, lm_dim, generator=draws) if lm_dim else None,
        origin=np.zeros(3),
        rec_atoms=_random_atoms(rec_pos, rec_atoms, seed) if rec_atoms else None,
    )


def _random_atoms(rec_pos: Tensor, each: int, seed: int) -> ReceptorAtoms:
    """`each` heavy atoms around every residue, with the edges that the published search finds."""
    draws = torch.Generator().manual_seed(seed + 2000)
    offset = 1.5 * torch.randn(len(rec_pos), each, 3, generator=draws)
    offset[:, 0] = 0.0
    pos = (rec_pos.unsqueeze(1) + offset).flatten(0, 1)
    config = AtomGraphConfig()
    index, mask = first_neighbours(pos.numpy(), config.radius, config.neighbours)
    columns = [torch.randint(size, (len(pos),), generator=draws) for size in RECEPTOR_ATOM_SIZES]
    residue = torch.arange(len(rec_pos)).repeat_interleave(each)
    return ReceptorAtoms(torch.stack(columns, 1), pos, residue, torch.from_numpy(index), torch.from_numpy(mask))


def random_pose(graph: ComplexGraph, seed: int, spread: float = 3.0) -> Tensor:
    """(atoms, 3) the conformer turned and moved at random near the receptor's centre."""
    draws = torch.Generator().manual_seed(seed + 1000)
    return graph.conformer @ random_rotation(draws).T + spread * torch.randn(3, generator=draws)


def moved_receptor(graph: ComplexGraph, rotation: Tensor, shift: Tensor) -> ComplexGraph:
    """The graph with its receptor rotated and translated; the conformer too is rotated."""
    atoms = graph.rec_atoms
    return replace(
        graph,
        rec_pos=graph.rec_pos @ rotation.T + shift,
        rec_atoms=None if atoms is None else atoms._replace(pos=atoms.pos @ rotation.T + shift),
        conformer=graph.conformer @ rotation.T,
    )


def permuted_atoms(graph: ComplexGraph, order: Tensor) -> ComplexGraph:
    """The same complex with atom `order[k]` as atom k."""
    rank = torch.argsort(order)  # old index -> new index
    return replace(
        graph,
        lig_features=graph.lig_features[order],
        bond_index=rank[graph.bond_index],
        torsion_bonds=rank[graph.torsion_bonds],
        torsion_moved=graph.torsion_moved[:, order],
        conformer=graph.conformer[order],
    )


def permuted_residues(graph: ComplexGraph, order: Tensor) -> ComplexGraph:
    """The same complex with residue `order[k]` as residue k."""
    atoms, rank = graph.rec_atoms, torch.argsort(order)
    return replace(
        graph,
        rec_type=graph.rec_type[order],
        rec_pos=graph.rec_pos[order],
        rec_chain=graph.rec_chain[order],
        rec_lm=None if graph.rec_lm is None else graph.rec_lm[order],
        rec_atoms=None if atoms is None else atoms._replace(residue=rank[atoms.residue]),
    )


def permuted_receptor_atoms(graph: ComplexGraph, order: Tensor) -> ComplexGraph:
    """The same complex with receptor atom `order[k]` as receptor atom k."""
    atoms, rank = graph.rec_atoms, torch.argsort(order)
    assert atoms is not None
    return replace(
        graph,
        rec_atoms=ReceptorAtoms(
            atoms.features[order],
            atoms.pos[order],
            atoms.residue[order],
            rank[atoms.neighbour[order]],
            atoms.neighbour_mask[order],
        ),
    )
