"""A pocket hint to a sphere or a box in the receptor's frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from disco_dock.chem.group_choice import BY_PLACE, matches
from disco_dock.chem.group_request import PLACE
from disco_dock.chem.ligands.reference_coordinates import reference_positions
from disco_dock.chem.receptor import Receptor
from disco_dock.docking.settings import PocketHint
from disco_dock.docking.vina_box_file import read_box
from disco_dock.physics.search_settings import Sphere
from disco_dock.runtime.errors import InputError
from disco_dock.sampling.restraint import BoxRestraint, PocketRestraint, Restraint

DEFAULT_RADIUS = 10.0  # Angstrom
MAX_DISTANCE = (
    30.0  # Angstrom between a pocket's centre and the nearest receptor atom beyond which the hint is a mistake
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pocket:
    """A region in the receptor's frame that the ligand's centroid is kept in: a sphere, or a box when `size` is given.

    Attributes:
        center: (3,) in Angstrom.
        radius: of the sphere, or of the largest sphere in the box, in Angstrom.
        size: (3,) sides of the box in Angstrom, or None.
    """

    center: np.ndarray
    radius: float
    size: np.ndarray | None = None

    def __str__(self) -> str:
        """Its shape and size in words."""
        if self.size is None:
            return f"sphere of {self.radius:.1f} Angstrom"
        return f"box of {' x '.join(f'{side:.1f}' for side in self.size)} Angstrom"

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Distance in Angstrom of points (N, 3) inside the region from its border; negative outside."""
        offset = points - self.center
        if self.size is None:
            return self.radius - np.linalg.norm(offset, axis=-1)
        beyond = np.abs(offset) - self.size / 2
        return np.where((beyond <= 0).all(-1), -beyond.max(-1), -np.linalg.norm(beyond.clip(0), axis=-1))

    def restraint(self, origin: np.ndarray) -> Restraint:
        """The region in a frame with another origin (3,)."""
        center = torch.from_numpy(self.center - origin).float()
        if self.size is None:
            return PocketRestraint(center=center, radius=self.radius)
        return BoxRestraint(center=center, half=torch.from_numpy(self.size / 2).float())

    def sphere(self) -> Sphere:
        """The sphere that holds the centroids of minimised poses; of a box, the largest sphere inside."""
        return Sphere(center=self.center, radius=self.radius)

    def as_dict(self) -> dict[str, Any]:
        """Centre, radius and, for a box, its sides, as JSON-ready values."""
        size = {} if self.size is None else {"size": self.size.tolist()}
        return {"center": self.center.tolist(), "radius": self.radius, **size}


def is_place(reference: str | Path) -> bool:
    """Whether a pocket's reference is a residue or group of the protein's file, such as A:STI201, and no file."""
    return PLACE.fullmatch(str(reference).strip()) is not None and not Path(reference).exists()


def reference_of(hint: PocketHint | None, receptor: Receptor) -> np.ndarray | None:
    """Positions (atoms, 3) in Angstrom of what sits in the pocket; None where it is given in another way.

    Raises:
        InputError: the file cannot be read, or the receptor has no such residue or group.
    """
    if hint is None or hint.ligand is None:
        return None
    if not is_place(hint.ligand):
        return reference_positions(Path(hint.ligand))
    place = str(hint.ligand).strip()
    for group in receptor.context:
        if matches(group, place, receptor.file_chains.get(group.chain)) == BY_PLACE:
            return group.pos
    try:
        return receptor.atom_pos[receptor.atom_residue == receptor.find(place)]
    except InputError as error:
        groups = ", ".join(group.label for group in receptor.context[:8]) or "no groups"
        raise InputError(f"{error}; among the groups there are {groups}") from error


def find_pocket(hint: PocketHint, receptor: Receptor) -> Pocket:
    """The region in which the ligand's centroid is kept.

    The centre is the given point, the centroid of the reference ligand, the mean of the residues' atoms, or the box's.

    Raises:
        InputError: a residue is absent, the reference ligand has no coordinates, or the centre is far from the protein.
    """
    box = None if hint.box is None else read_box(Path(hint.box))
    center = _center(hint, receptor) if box is None else box.center
    distance = float(np.linalg.norm(receptor.ca_pos - center, axis=-1).min())
    if distance > MAX_DISTANCE:
        where = ",".join(f"{value:.1f}" for value in center)
        raise InputError(
            f"{receptor.source}: the pocket centre {where} is {distance:.0f} Angstrom from the nearest residue; give "
            "it in the frame of this file"
        )
    if box is not None:
        return Pocket(center=center, radius=float(box.size.min()) / 2, size=box.size)
    return Pocket(center=center, radius=DEFAULT_RADIUS if hint.radius is None else hint.radius)


def _center(hint: PocketHint, receptor: Receptor) -> np.ndarray:
    if hint.center is not None:
        return np.array(hint.center, dtype=float)
    if hint.residues:
        lining = np.isin(receptor.atom_residue, [receptor.find(residue) for residue in hint.residues])
        return receptor.atom_pos[lining].mean(0)
    reference = reference_of(hint, receptor)
    assert reference is not None
    return reference.mean(0)
