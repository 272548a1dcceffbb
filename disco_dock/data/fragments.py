"""Pieces of proteins as ligands: more places in which a network can learn how atoms meet.

A buried piece of a chain lies among its neighbours as a ligand lies in a pocket. Cut out, together with the residues
next to it in the chain, it is one more complex of the same layout as the others.

Source: side chains as ligands, van der Mers (Polizzi & DeGrado, Science 369, 2020); as training data for docking,
DiffDock-L (Corso et al., arXiv:2402.18396, sec. 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rdkit import Chem, rdBase
from scipy.spatial import KDTree

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.residue_features import HEAVY_ATOMS
from disco_dock.chem.write_complex import residue_lines, write_receptor_pdb
from disco_dock.chem.write_sdf import PoseRecord, write_sdf
from disco_dock.data.prepare import HEAVY_CUTOFF, read_source
from disco_dock.data.sources import Source
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.random import derive_seed

LENGTHS = (1, 2, 2, 3)  # residues of a piece, drawn evenly
NEXT = 2  # residues on each side that go with the piece
PEPTIDE_STEP = 4.5  # Angstrom between the C-alpha atoms of neighbours in a chain
CONTACT = 4.5  # Angstrom
BURIED = 1.5  # heavy atoms in contact per atom of the piece
APART = 5.0  # Angstrom from the ligand and from every group
BONDED = 2.3  # Angstrom; a disulfide bridge is shorter


class Fragment(NamedTuple):
    """A piece of a chain and what is left of the receptor.

    Attributes:
        residues: indices in the receptor, neighbours in a chain.
        ligand: the piece as a molecule in its place.
        receptor: without it and its neighbours in the chain; residues within `HEAVY_CUTOFF`.
    """

    residues: tuple[int, ...]
    ligand: Ligand
    receptor: Receptor


def write_fragments(source: Source, out: Path, *, count: int, seed: int = 0) -> list[str]:
    """Write pieces of the protein of a complex as complexes `<id>-<first residue>-<residues>` of their own.

    Args:
        source: files of the complex.
        out: folder that gets `<id>-.../protein.pdb` and `ligand.sdf`.
        count: pieces, at most.
        seed: of the choice.

    Returns:
        Their ids; fewer than `count` where the protein has fewer buried pieces away from ligand and groups.

    Raises:
        InputError: the files cannot be read.
    """
    ligand, structure = read_source(source, context=True)
    if ligand.pos is None:
        raise InputError(f"{source.name}: the ligand file has no 3-D pose; a training complex needs one")
    receptor = read_receptor(structure)
    names = []
    for fragment in fragments(receptor, ligand.pos, count=count, seed=derive_seed("fragments", seed, source.name)):
        first = receptor.label(fragment.residues[0]).replace(":", "")
        name = f"{source.name}-{first}-{len(fragment.residues)}"
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        write_receptor_pdb(folder / "protein.pdb", fragment.receptor)
        assert fragment.ligand.pos is not None
        write_sdf(folder / "ligand.sdf", fragment.ligand, [PoseRecord(pos=fragment.ligand.pos)])
        names.append(name)
    return names


def fragments(receptor: Receptor, ligand: np.ndarray, *, count: int, seed: int) -> Iterator[Fragment]:
    """Buried pieces of a receptor that share no residue, drawn at random.

    Args:
        receptor: with its groups.
        ligand: (atoms, 3) Angstrom; pieces keep away from it, for it is taken out.
        count: of pieces, at most.
        seed: of the draw.
    """
    heavy = np.array([element.upper() not in ("H", "D") for element in receptor.atom_elements])
    runs = _complete_runs(receptor, heavy)
    stream = np.random.default_rng(seed)
    trees = KDTree(receptor.atom_pos[heavy]), KDTree(_foreign(receptor, ligand))
    owner, taken, found = receptor.atom_residue[heavy], set(), 0
    for start in stream.permutation(len(receptor.restype)).tolist():
        residues = range(start, start + int(stream.choice(LENGTHS)))
        if found == count:
            return
        if residues[-1] >= len(runs) or runs[start] != runs[residues[-1]] or runs[start] < 0 or taken & set(residues):
            continue
        gone = {r for r in range(start - NEXT, residues[-1] + 1 + NEXT) if 0 <= r < len(runs)}
        own = receptor.atom_pos[heavy & np.isin(receptor.atom_residue, residues)]
        if not _is_buried(own, trees, owner, gone):
            continue
        mol = _molecule(receptor, residues)
        if mol is None:
            continue
        pos = mol.GetConformer().GetPositions()
        near = np.unique(owner[np.concatenate(trees[0].query_ball_point(pos, HEAVY_CUTOFF)).astype(int)])
        kept = [residue for residue in near.tolist() if residue not in gone]
        piece = Ligand(source=receptor.source, name="fragment", mol=mol, pos=pos, notes=(), index_in_file=0)
        taken |= gone
        found += 1
        yield Fragment(tuple(residues), piece, _part(receptor, kept))


def _complete_runs(receptor: Receptor, heavy: np.ndarray) -> np.ndarray:
    """(residues,) number of the unbroken stretch of whole standard residues that each is in, -1 for the others."""
    atoms = np.bincount(receptor.atom_residue[heavy], minlength=len(receptor.restype))
    whole = np.array([HEAVY_ATOMS.get(name) == count for name, count in zip(receptor.names, atoms, strict=True)])
    step = np.linalg.norm(np.diff(receptor.ca_pos, axis=0), axis=1)
    broken = (step > PEPTIDE_STEP) | ~whole[1:] | ~whole[:-1]
    runs = np.concatenate([[0], np.cumsum(broken)])
    runs[~whole] = -1
    return runs


def _foreign(receptor: Receptor, ligand: np.ndarray) -> np.ndarray:
    """(atoms, 3) of the ligand and of every group but water."""
    return np.concatenate([ligand, *(group.pos for group in receptor.context if group.kind != "water")])


def _is_buried(own: np.ndarray, trees: tuple[KDTree, KDTree], owner: np.ndarray, gone: set[int]) -> bool:
    """Whether a piece has many neighbours, no bond to any, and no ligand or group near."""
    protein, foreign = trees
    if foreign.query(own)[0].min() < APART:
        return False
    pairs = [owner[near] for near in protein.query_ball_point(own, CONTACT)]
    contacts = sum(int((~np.isin(near, list(gone))).sum()) for near in pairs)
    bonded = any((~np.isin(owner[near], list(gone))).any() for near in protein.query_ball_point(own, BONDED))
    return contacts >= BURIED * len(own) and not bonded


def _molecule(receptor: Receptor, residues: Sequence[int]) -> Chem.Mol | None:
    """The piece with the bonds of its residues, in its place; None where RDKit sees it otherwise."""
    lines = "".join(line + "\n" for line in residue_lines(receptor, list(residues)))
    with rdBase.BlockLogs():
        mol = Chem.MolFromPDBBlock(lines, removeHs=True)
    if mol is None or len(Chem.GetMolFrags(mol)) != 1:
        return None
    if mol.GetNumAtoms() != sum(HEAVY_ATOMS[receptor.names[residue]] for residue in residues):
        return None
    Chem.AssignStereochemistryFrom3D(mol)
    return mol


def _part(receptor: Receptor, residues: Sequence[int]) -> Receptor:
    """Some residues of a receptor, with the groups that are kept."""
    chosen = np.asarray(residues)
    atoms = np.flatnonzero(np.isin(receptor.atom_residue, chosen))
    of_residues = {
        name: tuple(getattr(receptor, name)[residue] for residue in residues)
        for name in ("chains", "numbers", "insertions", "names", "file_names")
    }
    return replace(
        receptor,
        restype=receptor.restype[chosen],
        ca_pos=receptor.ca_pos[chosen],
        atom_pos=receptor.atom_pos[atoms],
        atom_names=tuple(receptor.atom_names[atom] for atom in atoms),
        atom_elements=tuple(receptor.atom_elements[atom] for atom in atoms),
        atom_residue=np.searchsorted(chosen, receptor.atom_residue[atoms]),
        **of_residues,
    )
