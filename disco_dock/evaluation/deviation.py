"""Symmetry-corrected RMSD without alignment: spyrmsd's, checked against RDKit's, each under a time limit.

Symmetry is that of elements and bonds without bond orders, as everywhere in this package (`chem.symmetry`). Source:
Meli & Biggin, J. Cheminform. 2020, 12, 49.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdMolAlign, rdmolops

from disco_dock.chem.symmetry import automorphisms, symmetric_rmsd
from disco_dock.runtime.capped_worker import CappedWorker, WorkerError

SECONDS = 10.0  # for all poses of a ligand, as the published evaluation grants
TOLERANCE = 0.01  # Angstrom between the two programs; more is reported
MAX_MATCHES = 1_000_000  # symmetries that RDKit lists, its own default


class Deviation(NamedTuple):
    """RMSDs of the poses of a ligand.

    Attributes:
        rmsd: (poses,) in Angstrom.
        exact: False when they are upper bounds: both programs ran out of time and not every symmetry was tried.
        agreed: whether RDKit gives the same to within 0.01 Angstrom; None when one of the two ran out of time.
    """

    rmsd: np.ndarray
    exact: bool
    agreed: bool | None


def deviation(
    worker: CappedWorker, mol: Chem.Mol, pos: np.ndarray, ref: np.ndarray, *, seconds: float = SECONDS
) -> Deviation:
    """RMSDs of poses from the crystal pose.

    Args:
        worker: where spyrmsd and RDKit run.
        mol: molecule of L heavy atoms.
        pos: (poses, L, 3) in Angstrom.
        ref: (L, 3) crystal pose.
        seconds: limit of each program; when spyrmsd exceeds it, RDKit's numbers are taken, and failing that ours.
    """
    skeleton = single_bonds(mol)
    elements = np.array([atom.GetAtomicNum() for atom in skeleton.GetAtoms()])
    first = _capped(worker, spyrmsd_values, elements, rdmolops.GetAdjacencyMatrix(skeleton), pos, ref, seconds=seconds)
    second = _capped(worker, rdkit_values, skeleton, pos, ref, seconds=seconds)
    if first is not None and second is not None:
        return Deviation(first, True, bool(np.abs(first - second).max(initial=0.0) <= TOLERANCE))
    found = first if first is not None else second
    if found is not None:
        return Deviation(found, True, None)
    symmetry = automorphisms(skeleton)
    return Deviation(symmetric_rmsd(skeleton, pos, ref, symmetry=symmetry), symmetry.complete, None)


def single_bonds(mol: Chem.Mol) -> Chem.Mol:
    """The elements and bonds of a molecule, every bond single and every charge gone; not sanitised."""
    out = Chem.RWMol()
    for atom in mol.GetAtoms():
        plain = Chem.Atom(atom.GetAtomicNum())
        plain.SetNoImplicit(True)
        out.AddAtom(plain)
    for bond in mol.GetBonds():
        out.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), Chem.BondType.SINGLE)
    skeleton = out.GetMol()
    skeleton.UpdatePropertyCache(strict=False)
    return skeleton


def spyrmsd_values(elements: np.ndarray, adjacency: np.ndarray, pos: np.ndarray, ref: np.ndarray) -> np.ndarray:
    """(poses,) RMSDs by spyrmsd."""
    from spyrmsd.rmsd import symmrmsd

    return np.array(symmrmsd(ref, list(pos), elements, elements, adjacency, adjacency), dtype=np.float64)


def rdkit_values(skeleton: Chem.Mol, pos: np.ndarray, ref: np.ndarray) -> np.ndarray:
    """(poses,) RMSDs by RDKit."""

    def posed(points: np.ndarray) -> Chem.Mol:
        mol = Chem.Mol(skeleton)
        conformer = Chem.Conformer(mol.GetNumAtoms())
        conformer.SetPositions(np.ascontiguousarray(points, dtype=np.float64))
        mol.AddConformer(conformer, assignId=True)
        return mol

    crystal = posed(ref)
    options = {"maxMatches": MAX_MATCHES, "symmetrizeConjugatedTerminalGroups": False}
    return np.array([rdMolAlign.CalcRMS(posed(points), crystal, **options) for points in pos], dtype=np.float64)


def _capped(worker: CappedWorker, function, *args, seconds: float) -> np.ndarray | None:
    try:
        return worker.call(function, *args, seconds=seconds)
    except WorkerError:
        return None
