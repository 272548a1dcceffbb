"""A pose against a known one of the same molecule: RMSD, LDDT-PLI, and the share of its contacts that are there too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rdkit import Chem, rdBase
from scipy.spatial.distance import cdist

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.symmetry import symmetric_rmsd
from disco_dock.interactions.find import find_interactions
from disco_dock.interactions.fingerprint import fingerprint, recovered
from disco_dock.interactions.ligand_groups import heavy
from disco_dock.interactions.pocket import PocketContacts
from disco_dock.runtime.errors import InputError

RADIUS = 6.0  # Angstrom, pairs that count
THRESHOLDS = (0.5, 1.0, 2.0, 4.0)  # Angstrom
MAX_MATCHES = 2_000


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A pose against the reference.

    Attributes:
        rmsd: symmetry-corrected, heavy atoms, no alignment, Angstrom.
        lddt_pli: 0 to 1.
        contacts_recovered: share of the reference's fingerprint, or None where it has none.
    """

    rmsd: float
    lddt_pli: float
    contacts_recovered: float | None


class Reference:
    """A known pose, prepared once for all poses.

    Args:
        mol: with one conformer in the receptor's frame.
        pocket: the receptor.
    """

    def __init__(self, mol: Chem.Mol, pocket: PocketContacts) -> None:
        self._mol = heavy(mol)
        self._pocket = pocket
        self._pos = self._mol.GetConformer().GetPositions()
        self.fingerprint = fingerprint(find_interactions(self._mol, pocket))
        self._matches: dict[str, np.ndarray] = {}

    def compare(self, mol: Chem.Mol, words: tuple[str, ...]) -> Compared:
        """A pose against the reference.

        Args:
            mol: the same molecule in a pose.
            words: its fingerprint.

        Raises:
            InputError: it is another molecule.
        """
        own = heavy(mol)
        maps = self._maps(own)
        pos = own.GetConformer().GetPositions()
        best = maps[int(np.argmin(((pos[None] - self._pos[maps]) ** 2).sum((-1, -2))))]
        return Compared(
            rmsd=float(symmetric_rmsd(own, pos[None], self._pos[best])[0]),
            lddt_pli=lddt_pli(pos, self._pos[best], self._pocket.pos[: self._pocket.num_protein]),
            contacts_recovered=recovered(words, self.fingerprint),
        )

    def _maps(self, own: Chem.Mol) -> np.ndarray:
        key = Chem.MolToSmiles(own, canonical=False)
        if key not in self._matches:
            self._matches[key] = atom_maps(own, self._mol)
        return self._matches[key]


def atom_maps(mol: Chem.Mol, reference: Chem.Mol) -> np.ndarray:
    """(maps, atoms) atoms of a reference that the atoms of a molecule may stand for, both without hydrogens.

    Raises:
        InputError: they are different molecules (bond orders and charges aside).
    """
    pattern, target = _skeleton(mol), _skeleton(reference)
    same = pattern.GetNumAtoms() == target.GetNumAtoms()
    found = target.GetSubstructMatches(pattern, uniquify=False, maxMatches=MAX_MATCHES) if same else ()
    if not found:
        raise InputError(
            f"the reference ligand ({Chem.MolToSmiles(reference)}) is not the docked one ({Chem.MolToSmiles(mol)}); "
            "give a pose of the same molecule with --reference"
        )
    return np.array(found)


def _skeleton(mol: Chem.Mol) -> Chem.Mol:
    """Elements and bonds only, so that resonance and protonation make no difference."""
    bare = Chem.RWMol()
    for atom in mol.GetAtoms():
        one = Chem.Atom(atom.GetAtomicNum())
        one.SetNoImplicit(True)
        bare.AddAtom(one)
    for bond in mol.GetBonds():
        bare.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), Chem.BondType.SINGLE)
    return bare.GetMol()


def lddt_pli(pos: np.ndarray, reference: np.ndarray, receptor: np.ndarray) -> float:
    """Local distance difference test over the pairs of ligand and receptor atoms, in the same rigid receptor.

    A pair counts when it is within 6 Angstrom in the reference or in the pose, so that contacts that the reference
    lacks cost too. Source: Robin et al. 2023, doi:10.1002/prot.26601.

    Args:
        pos: (atoms, 3) heavy atoms of the pose in Angstrom.
        reference: (atoms, 3) the same atoms of the reference.
        receptor: (receptor atoms, 3) heavy atoms.
    """
    own, known = cdist(pos, receptor), cdist(reference, receptor)
    counted = (own <= RADIUS) | (known <= RADIUS)
    if not counted.any():
        return 0.0
    off = np.abs(own - known)[counted]
    return float(np.mean([(off < threshold).mean() for threshold in THRESHOLDS]))


def read_reference(path: Path) -> Chem.Mol:
    """The first molecule of an SDF or MOL2 file with its coordinates.

    Raises:
        InputError: there is none that can be read.
    """
    ligand = read_ligand(str(path))
    with rdBase.BlockLogs():
        mol = heavy(ligand.mol)
    if not mol.GetNumConformers() or not mol.GetConformer().Is3D():
        raise InputError(f"{path}: has no 3-D coordinates, so poses cannot be compared with it")
    return mol
