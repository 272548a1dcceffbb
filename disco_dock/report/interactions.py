"""Interactions of a pose with the receptor by geometric rules; heavy atoms only, so receptors need no hydrogens.

Source: kinds and most limits as in PLIP (Salentin et al. 2015, doi:10.1093/nar/gkv315); hydrogen bonds and salt bridges
take shorter distances, because no hydrogen position supports them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from rdkit import Chem
from scipy.spatial.distance import cdist

from disco_dock.chem.receptor import Receptor
from disco_dock.report import residue_groups
from disco_dock.report.ligand_groups import LigandGroups, ligand_groups

HYDROGEN_BOND, SALT_BRIDGE, HYDROPHOBIC, METAL = 3.5, 4.0, 4.0, 2.8  # Angstrom between heavy atoms
TOO_CLOSE = {"hydrophobic contact": 2.9, "hydrogen bond": 2.3, "salt bridge": 2.3}
"""Angstrom; closer atoms overlap, which is told as a clash."""
BOND_ANGLE = 90.0  # degrees, smallest angle of a hydrogen bond with the bonds of donor and acceptor
STACKING, OFFSET = 5.5, 2.0  # Angstrom between ring centres; shift along the rings
RING_ANGLE = 30.0  # degrees from parallel or perpendicular
COVALENT = 2.0  # Angstrom, upper limit of a bond between heavy atoms of a residue
KINDS = ("hydrogen bond", "salt bridge", "pi stacking", "metal", "hydrophobic contact")


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """One interaction.

    Attributes:
        kind: one of `KINDS`.
        residue: name such as "A:ASP189".
        residue_atom: name of the atom, or "ring".
        ligand_atom: name such as "O5", or "ring".
        distance: Angstrom.
        start: (x, y, z) on the ligand.
        end: (x, y, z) on the receptor.
    """

    kind: str
    residue: str
    residue_atom: str
    ligand_atom: str
    distance: float
    start: tuple[float, float, float]
    end: tuple[float, float, float]


class Pocket:
    """Receptor atoms and their groups, prepared once for all poses."""

    def __init__(self, receptor: Receptor) -> None:
        heavy = np.array([element.strip().upper() not in ("H", "D") for element in receptor.atom_elements], dtype=bool)
        self.receptor = receptor
        self.index = np.flatnonzero(heavy)
        self.pos = receptor.atom_pos[self.index]
        self.residue = receptor.atom_residue[self.index]
        self.names = [receptor.atom_names[index] for index in self.index]
        self._residue_names = [receptor.names[residue] for residue in self.residue]
        self.donor = self._which(residue_groups.is_donor)
        self.acceptor = self._which(residue_groups.is_acceptor)
        self.positive = self._which(residue_groups.is_positive)
        self.negative = self._which(residue_groups.is_negative)
        self.hydrophobic = self._which(residue_groups.is_hydrophobic)
        self.rings = list(self._rings())
        self.metals = [group for group in receptor.context if group.kind == "metal"]

    def _which(self, rule: Callable[[str, str], bool]) -> np.ndarray:
        flags = [rule(residue, atom) for residue, atom in zip(self._residue_names, self.names, strict=True)]
        return np.flatnonzero(np.array(flags, dtype=bool))

    def _rings(self) -> Iterator[tuple[int, np.ndarray]]:
        """Residue and atoms of each aromatic ring that is complete."""
        for residue, name in enumerate(self.receptor.names):
            if name not in residue_groups.RINGS:
                continue
            own = {self.names[atom]: int(atom) for atom in np.flatnonzero(self.residue == residue)}
            for ring in residue_groups.RINGS[name]:
                if all(atom in own for atom in ring):
                    yield residue, np.array([own[atom] for atom in ring])

    def antecedents(self, atom: int) -> np.ndarray:
        """(bonded, 3) positions of the atoms of the same residue that an atom is bonded to."""
        same = np.flatnonzero(self.residue == self.residue[atom])
        distance = np.linalg.norm(self.pos[same] - self.pos[atom], axis=1)
        return self.pos[same[(distance > 0) & (distance < COVALENT)]]


def find_interactions(mol: Chem.Mol, pocket: Pocket) -> list[Interaction]:
    """Interactions of a pose, by kind and distance.

    Hydrogen bonds between charged groups are listed as salt bridges only; a residue has one hydrophobic contact, the
    shortest.

    Args:
        mol: ligand with one conformer in the receptor's frame; hydrogens are ignored.
        pocket: the receptor.
    """
    mol = Chem.RemoveHs(mol, sanitize=False) if any(atom.GetAtomicNum() == 1 for atom in mol.GetAtoms()) else mol
    pos = mol.GetConformer().GetPositions()
    groups = ligand_groups(mol)
    bridges = [*_pairs("salt bridge", mol, pos, groups.positive, pocket, pocket.negative, SALT_BRIDGE)]
    bridges += _pairs("salt bridge", mol, pos, groups.negative, pocket, pocket.positive, SALT_BRIDGE)
    bridges = _shortest(bridges, lambda one: (one.residue, one.ligand_atom))
    charged = {(one.residue, one.ligand_atom) for one in bridges}
    bonds = [one for one in _hydrogen_bonds(mol, pos, groups, pocket) if (one.residue, one.ligand_atom) not in charged]
    contacts = _pairs("hydrophobic contact", mol, pos, groups.hydrophobic, pocket, pocket.hydrophobic, HYDROPHOBIC)
    found = [
        *_shortest(bonds, lambda one: (one.residue, one.residue_atom, one.ligand_atom)),
        *bridges,
        *_stackings(pos, groups, pocket),
        *_metals(mol, pos, pocket),
        *_shortest(list(contacts), lambda one: one.residue),
    ]
    return sorted(found, key=lambda one: (KINDS.index(one.kind), one.distance))


def _shortest(found: list[Interaction], key: Callable[[Interaction], object]) -> list[Interaction]:
    """The shortest interaction of each key."""
    best: dict[object, Interaction] = {}
    for one in sorted(found, key=lambda one: one.distance):
        best.setdefault(key(one), one)
    return list(best.values())


def _close(
    pos: np.ndarray, own: np.ndarray, pocket: Pocket, others: np.ndarray, limit: float
) -> Iterator[tuple[int, int, float]]:
    """Ligand atom, receptor atom and distance of all pairs of two groups within a limit."""
    if len(own) and len(others):
        distance = cdist(pos[own], pocket.pos[others])
        for row, column in np.argwhere(distance <= limit):
            yield int(own[row]), int(others[column]), float(distance[row, column])


def _pairs(
    kind: str, mol: Chem.Mol, pos: np.ndarray, own: np.ndarray, pocket: Pocket, others: np.ndarray, limit: float
) -> Iterator[Interaction]:
    for atom, other, distance in _close(pos, own, pocket, others, limit):
        if distance >= TOO_CLOSE[kind]:
            yield _interaction(kind, mol, pos, atom, pocket, other, distance)


def _interaction(
    kind: str, mol: Chem.Mol, pos: np.ndarray, atom: int, pocket: Pocket, other: int, distance: float
) -> Interaction:
    return Interaction(
        kind=kind,
        residue=pocket.receptor.label(int(pocket.residue[other])),
        residue_atom=pocket.names[other],
        ligand_atom=_atom_name(mol, atom),
        distance=round(distance, 2),
        start=_point(pos[atom]),
        end=_point(pocket.pos[other]),
    )


def _hydrogen_bonds(mol: Chem.Mol, pos: np.ndarray, groups: LigandGroups, pocket: Pocket) -> Iterator[Interaction]:
    """Donor and acceptor close to each other, and neither pointing away."""
    for own, others in ((groups.donor, pocket.acceptor), (groups.acceptor, pocket.donor)):
        for atom, other, distance in _close(pos, own, pocket, others, HYDROGEN_BOND):
            bonded = pos[[neighbour.GetIdx() for neighbour in mol.GetAtomWithIdx(atom).GetNeighbors()]]
            towards = _angles_ok(bonded, pos[atom], pocket.pos[other])
            if (
                distance >= TOO_CLOSE["hydrogen bond"]
                and towards
                and _angles_ok(pocket.antecedents(other), pocket.pos[other], pos[atom])
            ):
                yield _interaction("hydrogen bond", mol, pos, atom, pocket, other, distance)


def _angles_ok(bonded: np.ndarray, middle: np.ndarray, partner: np.ndarray) -> bool:
    """Whether the partner of an atom makes a large enough angle with each of the atom's bonds."""
    if not len(bonded):
        return True
    bond, way = bonded - middle, partner - middle
    cosine = bond @ way / (np.linalg.norm(bond, axis=1) * np.linalg.norm(way))
    return bool((cosine <= np.cos(np.radians(BOND_ANGLE)) + 1e-9).all())


def _stackings(pos: np.ndarray, groups: LigandGroups, pocket: Pocket) -> Iterator[Interaction]:
    """Aromatic rings face to face or edge to face."""
    for ring in groups.rings:
        center, normal = _plane(pos[ring])
        for residue, atoms in pocket.rings:
            other, other_normal = _plane(pocket.pos[atoms])
            distance = float(np.linalg.norm(other - center))
            if distance > STACKING:
                continue
            angle = float(np.degrees(np.arccos(min(1.0, abs(float(normal @ other_normal))))))
            way = other - center
            shift = min(float(np.linalg.norm(way - (way @ axis) * axis)) for axis in (normal, other_normal))
            parallel = angle <= RING_ANGLE
            if shift <= OFFSET and (parallel or angle >= 90 - RING_ANGLE):
                yield Interaction(
                    kind="pi stacking",
                    residue=pocket.receptor.label(residue),
                    residue_atom="ring" if parallel else "ring edge",
                    ligand_atom="ring",
                    distance=round(distance, 2),
                    start=_point(center),
                    end=_point(other),
                )


def _plane(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and unit normal of a ring."""
    center = points.mean(0)
    return center, np.linalg.svd(points - center)[2][2]


def _metals(mol: Chem.Mol, pos: np.ndarray, pocket: Pocket) -> Iterator[Interaction]:
    """Nitrogen, oxygen and sulfur close to a metal."""
    binding = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() in (7, 8, 16)]
    for metal in pocket.metals if binding else ():
        for name, place in zip(metal.atom_names, metal.pos, strict=True):
            distance = np.linalg.norm(pos[binding] - place, axis=1)
            for row in np.flatnonzero(distance <= METAL):
                yield Interaction(
                    kind="metal",
                    residue=metal.label,
                    residue_atom=name.strip(),
                    ligand_atom=_atom_name(mol, binding[row]),
                    distance=round(float(distance[row]), 2),
                    start=_point(pos[binding[row]]),
                    end=_point(place),
                )


def _atom_name(mol: Chem.Mol, index: int) -> str:
    return f"{mol.GetAtomWithIdx(index).GetSymbol()}{index + 1}"


def _point(value: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (round(float(part), 3) for part in value)
    return x, y, z
