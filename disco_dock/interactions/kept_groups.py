"""What the atoms of a cofactor, ion or water can do in an interaction, from elements and distances alone.

Such groups come without hydrogens and bond orders. What cannot be told without them (imidazole, a lactam or its lactim)
counts as both donor and acceptor, as histidine does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rdkit import Chem

from disco_dock.chem.hetero_groups import METALS, bonded_skeleton
from disco_dock.chem.receptor import HeteroGroup

CARBONYL = 1.30  # Angstrom, longest C=O; C-OH is 1.36 on a ring and 1.43 elsewhere
IMINE = 1.31  # Angstrom, longest C=N outside rings; an amide has 1.33
NITRILE = 1.20  # Angstrom, longest C#N
COORDINATED = 2.6  # Angstrom from a nitrogen to the metal that has its lone pair
PLANAR_SUM = 350.0  # degrees, smallest sum of the angles of a flat atom with three neighbours
RING_DEPTH, SUBSTITUENT_DEPTH = 0.12, 0.5  # Angstrom out of an aromatic ring's plane
HALIDES = (9, 17, 35, 53)
CARBON, NITROGEN, OXYGEN, PHOSPHORUS, SULFUR = 6, 7, 8, 15, 16


class GroupRoles(NamedTuple):
    """Heavy atoms of a group by what they can do.

    Attributes:
        atoms: (heavy,) index of each heavy atom in the group; all others count along these.
        donor: indices.
        acceptor: indices.
        positive: indices.
        negative: indices.
        hydrophobic: indices.
        metal: indices.
        flat: donors whose bonds lie in a plane.
        rings: indices of the atoms of each aromatic ring.
    """

    atoms: np.ndarray
    donor: set[int]
    acceptor: set[int]
    positive: set[int]
    negative: set[int]
    hydrophobic: set[int]
    metal: set[int]
    flat: set[int]
    rings: tuple[np.ndarray, ...]


def group_roles(group: HeteroGroup) -> GroupRoles:
    """What the atoms of a group can do."""
    symbols = [element.strip().upper() for element in group.elements]
    atoms = np.array([index for index, symbol in enumerate(symbols) if symbol not in ("H", "D")], dtype=np.int64)
    symbols = [symbols[index] for index in atoms]
    perceived = _Perceived(symbols, group.pos[atoms])
    for index, symbol in enumerate(symbols):
        if symbol in METALS:
            perceived.roles.metal.add(index)
    for atom in perceived.mol.GetAtoms():
        perceived.add(atom)
    return perceived.roles._replace(atoms=atoms)


class _Perceived:
    def __init__(self, symbols: list[str], pos: np.ndarray) -> None:
        metals = np.array([symbol in METALS for symbol in symbols], dtype=bool)
        self._pos, self._metals = pos, pos[metals]
        hidden = ["*" if metal else symbol for symbol, metal in zip(symbols, metals, strict=True)]
        self.mol = bonded_skeleton(hidden, pos)
        Chem.GetSymmSSSR(self.mol)  # fast ring finding leaves out small rings of fused ones
        rings = tuple(
            np.array(ring) for ring in self.mol.GetRingInfo().AtomRings() if len(ring) in (5, 6) and self._is_flat(ring)
        )
        self._in_ring = {int(atom): len(ring) for ring in rings for atom in ring}
        empty = [set[int]() for _ in range(7)]
        self.roles = GroupRoles(np.zeros(0, dtype=np.int64), *empty, rings=rings)

    def add(self, atom: Chem.Atom) -> None:
        """Enter an atom where it belongs."""
        number, index = atom.GetAtomicNum(), atom.GetIdx()
        bonded = list(atom.GetNeighbors())
        if number == OXYGEN:
            self._add_oxygen(index, bonded)
        elif number == NITROGEN:
            self._add_nitrogen(index, bonded)
        elif number == SULFUR:
            self._add_sulfur(index, bonded)
        elif number in HALIDES and not bonded:
            self.roles.negative.add(index)
            self.roles.acceptor.add(index)
        elif number in (CARBON, *HALIDES[1:]) and bonded and not any(one.GetAtomicNum() in (7, 8, 9) for one in bonded):
            self.roles.hydrophobic.add(index)

    def _add_oxygen(self, index: int, bonded: list[Chem.Atom]) -> None:
        roles = self.roles
        if not bonded:  # water
            roles.donor.add(index)
            roles.acceptor.add(index)
            return
        other = bonded[0]
        if len(bonded) > 1:
            if index not in self._in_ring and not any(self._is_carbonyl(one) for one in bonded):
                roles.acceptor.add(index)
            return
        roles.acceptor.add(index)
        if other.GetAtomicNum() == CARBON:
            if len(self._oxygens(other)) > 1 and self._is_planar(other):
                roles.negative.add(index)
            elif not self._is_planar(other) or self._distance(index, other) > CARBONYL:
                roles.donor.add(index)
        elif other.GetAtomicNum() == PHOSPHORUS or len(self._oxygens(other)) > 2:  # noqa: PLR2004 - sulfones have two
            roles.negative.add(index)

    def _add_nitrogen(self, index: int, bonded: list[Chem.Atom]) -> None:
        roles = self.roles
        if len(self._metals) and np.linalg.norm(self._metals - self._pos[index], axis=1).min() < COORDINATED:
            return
        carbons = all(one.GetAtomicNum() == CARBON for one in bonded)
        flat = [one for one in bonded if self._is_planar(one)]
        if len(bonded) == 1 and carbons and self._distance(index, bonded[0]) < NITRILE:
            roles.acceptor.add(index)
        elif len(bonded) > 2:  # noqa: PLR2004 - no place for a hydrogen but on an ammonium
            if carbons and not flat and (len(bonded) > 3 or not self._is_planar(self.mol.GetAtomWithIdx(index))):  # noqa: PLR2004
                roles.positive.add(index)
                roles.donor.update([index] if len(bonded) == 3 else [])  # noqa: PLR2004
        elif index in self._in_ring:
            self._add_ring_nitrogen(index, bonded)
        elif len(bonded) == 2 and any(self._is_double(index, one) for one in bonded):  # noqa: PLR2004 - imine, azo
            roles.acceptor.add(index)
        else:
            roles.donor.add(index)
            if flat:
                roles.flat.add(index)
            if any(self._is_amidine(one) for one in flat) or (carbons and not flat):
                roles.positive.add(index)

    def _add_ring_nitrogen(self, index: int, bonded: list[Chem.Atom]) -> None:
        """Pyridine's takes, an imide's gives, and those of an imidazole or beside one carbonyl may do either."""
        carbonyls = sum(self._is_carbonyl(one) for one in bonded)
        if self._in_ring[index] == 5 or carbonyls:  # noqa: PLR2004
            self.roles.donor.add(index)
            self.roles.flat.add(index)
        if carbonyls < 2:  # noqa: PLR2004
            self.roles.acceptor.add(index)

    def _add_sulfur(self, index: int, bonded: list[Chem.Atom]) -> None:
        carbons = all(one.GetAtomicNum() == CARBON for one in bonded)
        if len(bonded) == 1:
            (self.roles.donor if carbons else self.roles.acceptor).add(index)
        elif len(bonded) == 2 and carbons:  # noqa: PLR2004
            self.roles.hydrophobic.add(index)
        elif len(bonded) == 3 and carbons:  # noqa: PLR2004 - sulfonium
            self.roles.positive.add(index)

    @staticmethod
    def _oxygens(atom: Chem.Atom) -> list[Chem.Atom]:
        """Oxygens of an atom that have no other neighbour."""
        return [one for one in atom.GetNeighbors() if one.GetAtomicNum() == OXYGEN and one.GetDegree() == 1]

    def _is_carbonyl(self, atom: Chem.Atom) -> bool:
        return atom.GetAtomicNum() == CARBON and self._is_planar(atom) and bool(self._oxygens(atom))

    @staticmethod
    def _is_amidine(carbon: Chem.Atom) -> bool:
        """Whether a flat carbon outside rings has two or three nitrogens, and no oxygen: amidine or guanidine."""
        partners = [one.GetAtomicNum() for one in carbon.GetNeighbors()]
        return partners.count(NITROGEN) > 1 and OXYGEN not in partners and not carbon.IsInRing()

    def _is_double(self, index: int, other: Chem.Atom) -> bool:
        return self._distance(index, other) < IMINE and not self._is_carbonyl(other)

    def _distance(self, index: int, other: Chem.Atom) -> float:
        return float(np.linalg.norm(self._pos[index] - self._pos[other.GetIdx()]))

    def _is_planar(self, atom: Chem.Atom) -> bool:
        """Whether an atom has three neighbours in a plane with it, or is part of an aromatic ring."""
        if atom.GetIdx() in self._in_ring:
            return True
        ways = self._pos[[one.GetIdx() for one in atom.GetNeighbors()]] - self._pos[atom.GetIdx()]
        if len(ways) != 3:  # noqa: PLR2004
            return False
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        cosines = np.clip([ways[0] @ ways[1], ways[1] @ ways[2], ways[2] @ ways[0]], -1, 1)
        return float(np.degrees(np.arccos(cosines)).sum()) >= PLANAR_SUM

    def _is_flat(self, ring: tuple[int, ...]) -> bool:
        """Whether a ring and what hangs on it lie in a plane."""
        atoms = [self.mol.GetAtomWithIdx(index) for index in ring]
        if any(atom.GetDegree() > 3 or atom.GetAtomicNum() not in (6, 7, 8, 16) for atom in atoms):  # noqa: PLR2004
            return False
        pos = self._pos[list(ring)]
        center = pos.mean(0)
        normal = np.linalg.svd(pos - center)[2][2]
        outside = {one.GetIdx() for atom in atoms for one in atom.GetNeighbors()} - set(ring)
        depth = np.abs((self._pos[list(outside)] - center) @ normal) if outside else np.zeros(1)
        return bool(np.abs((pos - center) @ normal).max() <= RING_DEPTH and depth.max(initial=0.0) <= SUBSTITUENT_DEPTH)
