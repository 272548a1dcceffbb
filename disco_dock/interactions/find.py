"""Interactions of a pose with the receptor and its kept groups by geometric rules; no hydrogens are needed.

Source: kinds and limits after PLIP (Salentin et al. 2015, doi:10.1093/nar/gkv315) and ProLIF (Bouysset & Fiorucci 2021,
doi:10.1186/s13321-021-00548-6). Where they differ the stricter distance is taken; docs/interactions.md has the
agreement with both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from rdkit import Chem
from scipy.spatial.distance import cdist

from disco_dock.interactions.hydrogens import best_angle
from disco_dock.interactions.ligand_groups import LigandGroups, heavy, ligand_groups, ligand_hydrogens, neighbours
from disco_dock.interactions.pocket import PocketContacts

HYDROGEN_BOND, SALT_BRIDGE, HYDROPHOBIC, METAL, HALOGEN = 3.5, 4.0, 4.0, 3.0, 3.7  # Angstrom between heavy atoms
TOO_CLOSE = 2.3  # Angstrom; closer atoms overlap, which is told as a clash
TOO_CLOSE_CARBON = 2.9
DONOR_ANGLE = 120.0  # degrees, smallest angle donor-hydrogen-acceptor
ACCEPTOR_ANGLE = 90.0  # degrees, smallest angle of a hydrogen bond with the bonds of the acceptor
HALOGEN_ANGLE = 140.0  # degrees, smallest angle carbon-halogen-acceptor
FACE, EDGE, CATION = 5.5, 5.5, 5.0  # Angstrom between ring centres, or from a cation to a ring's centre
OFFSET = 2.0  # Angstrom along a ring
RING_ANGLE = 30.0  # degrees from parallel or perpendicular
KINDS = ("hydrogen bond", "salt bridge", "pi stacking", "cation-pi", "halogen bond", "metal", "hydrophobic contact")


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """One interaction.

    Attributes:
        kind: one of `KINDS`.
        detail: the ligand's part: "donor" or "acceptor" of a hydrogen bond, "cation" or "ring" of cation-pi; "face" or
            "edge" of stacking; else "".
        residue: name such as "A:ASP189".
        residue_atom: name of the atom, or "ring".
        ligand_atom: name such as "O5", or "ring".
        ligand_atoms: indices of the ligand's heavy atoms that take part: one, or those of a ring.
        distance: Angstrom.
        start: (x, y, z) on the ligand.
        end: (x, y, z) on the receptor.
    """

    kind: str
    detail: str = ""
    residue: str
    residue_atom: str
    ligand_atom: str
    ligand_atoms: tuple[int, ...]
    distance: float
    start: tuple[float, float, float]
    end: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pose:
    mol: Chem.Mol
    pos: np.ndarray
    groups: LigandGroups
    pocket: PocketContacts

    def pair(self, kind: str, atom: int, other: int, detail: str = "") -> Interaction:
        """An interaction between two atoms."""
        return Interaction(
            kind=kind,
            detail=detail,
            residue=self.pocket.label(other),
            residue_atom=self.pocket.names[other],
            ligand_atom=self.name(atom),
            ligand_atoms=(atom,),
            distance=round(float(np.linalg.norm(self.pos[atom] - self.pocket.pos[other])), 2),
            start=_point(self.pos[atom]),
            end=_point(self.pocket.pos[other]),
        )

    def name(self, atom: int) -> str:
        """Element and number of a ligand atom."""
        return f"{self.mol.GetAtomWithIdx(atom).GetSymbol()}{atom + 1}"

    def close(self, own: np.ndarray, others: np.ndarray, low: float, high: float) -> Iterator[tuple[int, int]]:
        """Ligand atom and receptor atom of all pairs of two groups within limits."""
        if len(own) and len(others):
            distance = cdist(self.pos[own], self.pocket.pos[others])
            for row, column in np.argwhere((distance >= low) & (distance <= high)):
                yield int(own[row]), int(others[column])


def find_interactions(mol: Chem.Mol, pocket: PocketContacts) -> list[Interaction]:
    """Interactions of a pose, by kind and distance.

    A hydrogen bond between charged groups is listed as such and as a salt bridge; a residue has one hydrophobic contact
    (the shortest), and one stacking with each ring.

    Args:
        mol: ligand with one conformer in the receptor's frame, with or without hydrogens. It is sanitised where needed.
        pocket: the receptor.
    """
    mol = heavy(mol)
    pose = _Pose(mol=mol, pos=mol.GetConformer().GetPositions(), groups=ligand_groups(mol), pocket=pocket)
    found = [
        *_shortest(_hydrogen_bonds(pose), lambda one: (one.residue, one.residue_atom, one.ligand_atom)),
        *_shortest(_salt_bridges(pose), lambda one: (one.residue, one.ligand_atom)),
        *_shortest(_stackings(pose), lambda one: (one.residue, one.ligand_atoms)),
        *_shortest(_cation_pi(pose), lambda one: (one.residue, one.detail)),
        *_shortest(_halogen_bonds(pose), lambda one: (one.residue, one.ligand_atom)),
        *_metals(pose),
        *_shortest(_hydrophobic(pose), lambda one: one.residue),
    ]
    return sorted(found, key=lambda one: (KINDS.index(one.kind), one.distance, one.residue))


def _shortest(found: Iterator[Interaction], key: Callable[[Interaction], object]) -> list[Interaction]:
    """The shortest interaction of each key."""
    best: dict[object, Interaction] = {}
    for one in sorted(found, key=lambda one: one.distance):
        best.setdefault(key(one), one)
    return list(best.values())


def _hydrogen_bonds(pose: _Pose) -> Iterator[Interaction]:
    """A donor whose hydrogen points at an acceptor that does not look away."""
    pos, pocket, groups = pose.pos, pose.pocket, pose.groups
    for atom, other in pose.close(groups.donor, pocket.acceptor, TOO_CLOSE, HYDROGEN_BOND):
        hydrogens = ligand_hydrogens(pose.mol, pos, atom)
        if best_angle(hydrogens, pos[atom], pocket.pos[other]) >= DONOR_ANGLE and _looks(
            pocket.pos[pocket.bonded(other)], pocket.pos[other], pos[atom]
        ):
            yield pose.pair("hydrogen bond", atom, other, "donor")
    for atom, other in pose.close(groups.acceptor, pocket.donor, TOO_CLOSE, HYDROGEN_BOND):
        if best_angle(pocket.hydrogens(other), pocket.pos[other], pos[atom]) >= DONOR_ANGLE and _looks(
            pos[neighbours(pose.mol, atom)], pos[atom], pocket.pos[other]
        ):
            yield pose.pair("hydrogen bond", atom, other, "acceptor")


def _looks(bonded: np.ndarray, middle: np.ndarray, partner: np.ndarray) -> bool:
    """Whether the partner of an acceptor makes a large enough angle with each of the acceptor's bonds."""
    return all(_angle(one, middle, partner) >= ACCEPTOR_ANGLE - 1e-6 for one in bonded)


def _angle(first: np.ndarray, middle: np.ndarray, last: np.ndarray) -> float:
    """Degrees."""
    one, two = first - middle, last - middle
    cosine = float(one @ two) / float(np.linalg.norm(one) * np.linalg.norm(two))
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def _salt_bridges(pose: _Pose) -> Iterator[Interaction]:
    groups, pocket = pose.groups, pose.pocket
    for own, others in ((groups.positive, pocket.negative), (groups.negative, pocket.positive)):
        for atom, other in pose.close(own, others, TOO_CLOSE, SALT_BRIDGE):
            yield pose.pair("salt bridge", atom, other)


def _hydrophobic(pose: _Pose) -> Iterator[Interaction]:
    for atom, other in pose.close(pose.groups.hydrophobic, pose.pocket.hydrophobic, TOO_CLOSE_CARBON, HYDROPHOBIC):
        yield pose.pair("hydrophobic contact", atom, other)


def _halogen_bonds(pose: _Pose) -> Iterator[Interaction]:
    """The cap of a halogen, opposite to its carbon, on an acceptor."""
    for atom, other in pose.close(pose.groups.halogen, pose.pocket.acceptor, 2.7, HALOGEN):
        carbon = pose.pos[neighbours(pose.mol, atom)[0]]
        if _angle(carbon, pose.pos[atom], pose.pocket.pos[other]) >= HALOGEN_ANGLE and _looks(
            pose.pocket.pos[pose.pocket.bonded(other)], pose.pocket.pos[other], pose.pos[atom]
        ):
            yield pose.pair("halogen bond", atom, other)


def _stackings(pose: _Pose) -> Iterator[Interaction]:
    """Aromatic rings face to face or edge to face."""
    for ring in pose.groups.rings:
        center, normal = _plane(pose.pos[ring])
        for residue, atoms in pose.pocket.rings:
            other, other_normal = _plane(pose.pocket.pos[atoms])
            distance = float(np.linalg.norm(other - center))
            if distance > max(FACE, EDGE):
                continue
            angle = float(np.degrees(np.arccos(min(1.0, abs(float(normal @ other_normal))))))
            shift = min(_offset(other - center, axis) for axis in (normal, other_normal))
            face, edge = angle <= RING_ANGLE and distance <= FACE, angle >= 90 - RING_ANGLE and distance <= EDGE
            if shift <= OFFSET and (face or edge):
                yield Interaction(
                    kind="pi stacking",
                    detail="face" if face else "edge",
                    residue=pose.pocket.residue_label(residue),
                    residue_atom="ring",
                    ligand_atom="ring",
                    ligand_atoms=tuple(map(int, ring)),
                    distance=round(distance, 2),
                    start=_point(center),
                    end=_point(other),
                )


def _cation_pi(pose: _Pose) -> Iterator[Interaction]:
    """A cation above a ring."""
    pocket = pose.pocket
    for residue, atoms in pocket.rings:
        center, normal = _plane(pocket.pos[atoms])
        for atom in pose.groups.positive:
            distance = float(np.linalg.norm(pose.pos[atom] - center))
            if distance <= CATION and _offset(pose.pos[atom] - center, normal) <= OFFSET:
                yield Interaction(
                    kind="cation-pi",
                    detail="cation",
                    residue=pocket.residue_label(residue),
                    residue_atom="ring",
                    ligand_atom=pose.name(int(atom)),
                    ligand_atoms=(int(atom),),
                    distance=round(distance, 2),
                    start=_point(pose.pos[atom]),
                    end=_point(center),
                )
    for ring in pose.groups.rings:
        center, normal = _plane(pose.pos[ring])
        for other in pocket.positive:
            distance = float(np.linalg.norm(pocket.pos[other] - center))
            if distance <= CATION and _offset(pocket.pos[other] - center, normal) <= OFFSET:
                yield Interaction(
                    kind="cation-pi",
                    detail="ring",
                    residue=pocket.label(int(other)),
                    residue_atom=pocket.names[other],
                    ligand_atom="ring",
                    ligand_atoms=tuple(map(int, ring)),
                    distance=round(distance, 2),
                    start=_point(center),
                    end=_point(pocket.pos[other]),
                )


def _offset(way: np.ndarray, normal: np.ndarray) -> float:
    """How far a way leads along a plane, Angstrom."""
    return float(np.linalg.norm(way - (way @ normal) * normal))


def _plane(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and unit normal of a ring."""
    center = points.mean(0)
    return center, np.linalg.svd(points - center)[2][2]


def _metals(pose: _Pose) -> Iterator[Interaction]:
    """Nitrogen, oxygen and sulfur close to a metal."""
    binding = [atom.GetIdx() for atom in pose.mol.GetAtoms() if atom.GetAtomicNum() in (7, 8, 16)]
    for metal in pose.pocket.metals if binding else ():
        distance = np.linalg.norm(pose.pos[binding] - metal.pos, axis=1)
        for row in np.flatnonzero(distance <= METAL):
            yield Interaction(
                kind="metal",
                residue=metal.group,
                residue_atom=metal.name,
                ligand_atom=pose.name(binding[row]),
                ligand_atoms=(binding[row],),
                distance=round(float(distance[row]), 2),
                start=_point(pose.pos[binding[row]]),
                end=_point(metal.pos),
            )


def _point(value: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (round(float(part), 3) for part in value)
    return x, y, z
