"""Which groups of a structure file are obstacles: by what they are and how deep they lie, unless the user says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import KDTree

from disco_dock.chem.group_request import GroupChoice, names_place
from disco_dock.chem.hetero_groups import SUGARS, cofactor_likeness
from disco_dock.chem.receptor import HeteroGroup
from disco_dock.runtime.errors import InputError

BURIED = 0.75  # share of its surface hidden by the protein from which on a small group is taken for a part of it
COORDINATED = 2.8  # Angstrom between a metal and what it holds
COVALENT = 1.95  # Angstrom
OVERLAP = 1.5  # Angstrom within which an atom of the pocket's reference stands for one of a group
_PROBE, _POINTS = 1.4, 48  # Angstrom, points on the sphere around an atom
_RADII = {"C": 1.7, "N": 1.55, "O": 1.52, "S": 1.8, "P": 1.8}
ALL, NONE = "ALL", "NONE"
BY_PLACE = 3
MAY_BE_DOCKED = "may be what is to be docked"


def matches(group: HeteroGroup, spec: str, chain: str | None = None) -> int:
    """How exactly a text names a group: 3 by its place, 2 by its name, 1 as one of all, 0 not at all.

    Args:
        group: of the file.
        spec: as in `GroupChoice`.
        chain: another name of the group's chain that counts too.
    """
    spec = spec.strip().upper()
    if spec == ALL:
        return 1
    if spec == group.name or (spec == "WATER" and group.kind == "water"):
        return 2
    chains = (group.chain, chain or group.chain)
    return BY_PLACE if names_place(spec, chains, group.name, group.number, group.insertion) else 0


def choose_groups(
    source: str,
    groups: Sequence[HeteroGroup],
    protein: np.ndarray,
    choice: GroupChoice,
    *,
    replaced: np.ndarray | None = None,
    originals: dict[str, str] | None = None,
) -> tuple[list[HeteroGroup], list[str]]:
    """The groups with what becomes of each and why, and sentences about names that fit none.

    Args:
        source: file, for messages.
        groups: of the file, waters too.
        protein: (atoms, 3) heavy atoms of the residues in Angstrom.
        choice: what the user says.
        replaced: (atoms, 3) of the molecule that sits where the ligand is to be docked; a group there gives way to it.
        originals: name in the file of chains that have another one here.

    Raises:
        InputError: a place that has no group, or one text keeps and another drops the same group.
    """
    originals = originals or {}
    surface = _Surface(protein, groups)
    decided = [_decided(group, surface, choice, replaced, originals.get(group.chain)) for group in groups]
    notes = []
    for option, specs in (("--keep", choice.keep), ("--drop", choice.drop)):
        for spec in specs:
            if spec.strip().upper() in (ALL, NONE) or any(
                matches(one, spec, originals.get(one.chain)) for one in groups
            ):
                continue
            there = (
                ", ".join(dict.fromkeys(one.label for one in groups if one.kind != "water")) or "no groups but water"
            )
            there = there if len(there) < 200 else there[:200].rpartition(",")[0] + " ..."
            if ":" in spec:
                raise InputError(f"{source}: {option} {spec}: has no such group; there are {there}")
            notes.append(f"{option} {spec} names no group of this file; there are {there}")
    return decided, notes


def _decided(
    group: HeteroGroup, surface: _Surface, choice: GroupChoice, replaced: np.ndarray | None, chain: str | None
) -> HeteroGroup:
    keep = max((matches(group, spec, chain) for spec in choice.keep), default=0)
    drop = max((matches(group, spec, chain) for spec in choice.drop), default=0)
    if group.kind == "water":  # water is no group that "all" means
        keep, drop = keep * (keep > 1), drop * (drop > 1)
    keep = max(keep, int(NONE in [spec.strip().upper() for spec in choice.drop] and group.kind != "water"))
    drop = max(drop, int(NONE in [spec.strip().upper() for spec in choice.keep]))
    if keep == drop > 0:
        raise InputError(f"--keep and --drop both name {group.label}; name it in one of them")
    if group.kind == "water" and not keep:
        return replace(group, kept=False, why="water")
    burial = surface.burial(group)
    if keep < 2 and replaced is not None and _overlap(group, replaced):
        return replace(group, kept=False, why="it is what the pocket was given by", burial=burial)
    if keep or drop:
        return replace(group, kept=keep > drop, why="asked for" if keep > drop else "not wanted", burial=burial)
    kept, why = _default(group, surface, burial)
    return replace(group, kept=kept, why=why, burial=burial)


def _default(group: HeteroGroup, surface: _Surface, burial: float) -> tuple[bool, str]:
    """Whether a group is an obstacle where the user says nothing, and why."""
    if group.kind in ("metal", "ion", "cofactor"):
        likeness = cofactor_likeness(group.elements, group.pos) if group.kind == "cofactor" else ""
        return True, group.kind + (f": {likeness}" if likeness else "")
    if group.kind == "additive":
        return False, "buffer, cryoprotectant, detergent or lipid"
    if group.kind == "ligand":
        return False, MAY_BE_DOCKED
    if group.name in SUGARS and not surface.is_bound(group):
        return False, f"sugar that is bound to nothing: {MAY_BE_DOCKED}"
    if group.name in SUGARS or len(group.elements) >= 6:
        return True, "part of a nucleic acid or glycan" if len(group.elements) >= 6 else group.kind
    if surface.holds_metal(group):
        return True, "bound to a metal"
    if surface.is_empty:
        return True, "small group"
    return burial >= BURIED or surface.is_bound(group), f"small group, {burial:.0%} buried"


def _overlap(group: HeteroGroup, reference: np.ndarray) -> bool:
    """Whether half of a group's atoms lie where the reference's do."""
    distance, _ = KDTree(np.asarray(reference, dtype=float).reshape(-1, 3)).query(
        group.pos, distance_upper_bound=OVERLAP
    )
    return bool(np.isfinite(distance).mean() >= 0.5)


class _Surface:
    """The protein's atoms and the metals, searched by place.

    Args:
        protein: (atoms, 3) heavy atoms in Angstrom.
        groups: of the file.
    """

    def __init__(self, protein: np.ndarray, groups: Sequence[HeteroGroup]) -> None:
        self._protein = KDTree(protein) if len(protein) else None
        metals = [group.pos for group in groups if group.kind == "metal"]
        self._metals = KDTree(np.concatenate(metals)) if metals else None
        self._others = [(group, KDTree(group.pos)) for group in groups if group.kind == "other"]

    @property
    def is_empty(self) -> bool:
        """Whether there is no protein that could cover anything."""
        return self._protein is None

    def burial(self, group: HeteroGroup) -> float:
        """Share of a group's own accessible surface that the protein covers (Shrake and Rupley 1973)."""
        if self._protein is None:
            return 0.0
        radii = np.array([_RADII.get(element, 1.7) for element in group.elements]) + _PROBE
        points = (group.pos[:, None] + radii[:, None, None] * _SPHERE[None]).reshape(-1, 3)
        owner = np.repeat(np.arange(len(group.pos)), len(_SPHERE))
        nearest, _ = KDTree(group.pos).query(points)
        free = nearest >= radii[owner] - 1e-6
        if not free.any():
            return 1.0
        near, _ = self._protein.query(points[free], distance_upper_bound=_RADII["C"] + _PROBE)
        return round(float(np.isfinite(near).mean()), 3)

    def holds_metal(self, group: HeteroGroup) -> bool:
        """Whether an atom of a group is as near to a metal as its ligands are."""
        return self._metals is not None and bool((self._metals.query(group.pos)[0] < COORDINATED).any())

    def is_bound(self, group: HeteroGroup) -> bool:
        """Whether a group has a covalent bond to the protein or to another sugar, nucleotide or cap."""
        trees = [self._protein] if self._protein is not None else []
        trees += [tree for other, tree in self._others if other is not group]
        return any((tree.query(group.pos)[0] < COVALENT).any() for tree in trees)


def _fibonacci(count: int) -> np.ndarray:
    """(count, 3) points spread evenly over the unit sphere."""
    index = np.arange(count) + 0.5
    height, angle = 1 - 2 * index / count, np.pi * (1 + 5**0.5) * index
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), height], axis=1)


_SPHERE = _fibonacci(_POINTS)
