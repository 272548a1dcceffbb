"""The receptor's atoms and their groups, prepared once for all poses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from disco_dock.chem.receptor import HeteroGroup, Receptor
from disco_dock.interactions import residue_groups
from disco_dock.interactions.hydrogens import Donor, donor
from disco_dock.interactions.kept_groups import group_roles

COVALENT = 2.0  # Angstrom, upper limit of a bond between heavy atoms
FLAT_AMINES = {("ASN", "ND2"), ("GLN", "NE2"), ("ARG", "NH1"), ("ARG", "NH2")}


class MetalAtom(NamedTuple):
    """A metal: name of its group such as "A:ZN301", of its atom, and (3,) position in Angstrom."""

    group: str
    name: str
    pos: np.ndarray


class PocketContacts:
    """Heavy atoms of a receptor and its kept groups by what they can do; `donor`, ... are indices into `pos`.

    The residues' atoms come first, `num_protein` of them.

    Args:
        receptor: as read.
        around: (n, 3) positions in Angstrom; atoms farther than `reach` from all of them are left out. None keeps all.
        reach: Angstrom.
    """

    def __init__(self, receptor: Receptor, around: np.ndarray | None = None, reach: float = 9.0) -> None:
        heavy = np.array([element.strip().upper() not in ("H", "D") for element in receptor.atom_elements], dtype=bool)
        if around is not None and len(around):
            distance = KDTree(around).query(receptor.atom_pos, distance_upper_bound=reach)[0]
            close = np.isin(receptor.atom_residue, receptor.atom_residue[np.isfinite(distance)])
            neighbours = np.isin(receptor.atom_residue + 1, receptor.atom_residue[np.isfinite(distance)])
            heavy &= close | neighbours  # the residue before gives the direction of an amide's hydrogen
        self.receptor = receptor
        self.index = np.flatnonzero(heavy)
        self.num_protein = len(self.index)
        self.pos = receptor.atom_pos[self.index]
        self.residue = receptor.atom_residue[self.index]
        self.names = [receptor.atom_names[index] for index in self.index]
        self._residue_names = [receptor.names[residue] for residue in self.residue]
        self._labels: dict[int, str] = {}
        self._flat: set[int] = set()
        self.donor = self._which(residue_groups.is_donor)
        self.acceptor = self._which(residue_groups.is_acceptor)
        self.positive = self._which(residue_groups.is_positive)
        self.negative = self._which(residue_groups.is_negative)
        self.hydrophobic = self._which(residue_groups.is_hydrophobic)
        self.rings = list(self._rings())
        self.metals: list[MetalAtom] = []
        tree = KDTree(around) if around is not None and len(around) else None
        for group in receptor.kept_groups:
            if tree is None or np.isfinite(tree.query(group.pos, distance_upper_bound=reach)[0]).any():
                self._add(group)
        self._tree = KDTree(self.pos) if len(self.pos) else None
        self._donors: dict[int, Donor] = {}

    def _add(self, group: HeteroGroup) -> None:
        """Append the heavy atoms of a group, which gets the next number of a residue."""
        roles, first = group_roles(group), len(self.pos)
        number = len(self.receptor.restype) + len(self._labels)
        self._labels[number] = group.label
        names = [group.atom_names[index].strip() for index in roles.atoms]
        pos = group.pos[roles.atoms]
        self.metals += [MetalAtom(group.label, names[index], pos[index]) for index in sorted(roles.metal)]
        self.pos = np.concatenate([self.pos, pos])
        self.residue = np.concatenate([self.residue, np.full(len(pos), number)])
        self.names += names
        self._residue_names += [group.name] * len(pos)
        for role in ("donor", "acceptor", "positive", "negative", "hydrophobic"):
            own = np.array(sorted(getattr(roles, role)), dtype=np.int64)
            setattr(self, role, np.concatenate([getattr(self, role), first + own]))
        self.rings += [(number, first + ring) for ring in roles.rings]
        self._flat |= {first + index for index in roles.flat}

    def residue_label(self, residue: int) -> str:
        """Name of a residue or group by its number, such as "A:ASP189"."""
        return self._labels[residue] if residue in self._labels else self.receptor.label(residue)

    def label(self, atom: int) -> str:
        """Name of an atom's residue or group, such as "A:ASP189"."""
        return self.residue_label(int(self.residue[atom]))

    def _which(self, rule: Callable[[str, str], bool]) -> np.ndarray:
        flags = [rule(residue, atom) for residue, atom in zip(self._residue_names, self.names, strict=True)]
        return np.flatnonzero(np.array(flags, dtype=bool))

    def _rings(self) -> Iterator[tuple[int, np.ndarray]]:
        """Residue and atoms of each aromatic ring that is complete."""
        for residue in np.unique(self.residue):
            name = self.receptor.names[residue]
            if name not in residue_groups.RINGS:
                continue
            own = {self.names[atom]: int(atom) for atom in np.flatnonzero(self.residue == residue)}
            for ring in residue_groups.RINGS[name]:
                if all(atom in own for atom in ring):
                    yield int(residue), np.array([own[atom] for atom in ring])

    def bonded(self, atom: int) -> np.ndarray:
        """Indices of the atoms that an atom is bonded to: of its residue, and across the peptide bond."""
        assert self._tree is not None
        near = np.array(sorted(self._tree.query_ball_point(self.pos[atom], COVALENT)), dtype=np.int64)
        own = self.residue[near] == self.residue[atom]
        peptide = np.array([{self.names[atom], self.names[other]} == {"C", "N"} for other in near], dtype=bool)
        return near[(own | peptide) & (near != atom)]

    def hydrogens(self, atom: int) -> Donor:
        """The hydrogens of a donor."""
        if atom not in self._donors:
            bonded = self.bonded(atom)
            flat = atom in self._flat or (
                atom < self.num_protein
                and (len(bonded) > 1 or (self._residue_names[atom], self.names[atom]) in FLAT_AMINES)
            )
            beyond = [other for other in self.bonded(int(bonded[0])) if other != atom] if len(bonded) == 1 else []
            self._donors[atom] = donor(
                atom, self.pos[atom], self.pos[bonded], flat=flat, beyond=self.pos[np.array(beyond, dtype=np.int64)]
            )
        return self._donors[atom]
