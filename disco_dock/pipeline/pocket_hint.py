"""A pocket hint to a sphere in the receptor's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disco_dock.chem.read_ligand import read_ligand
from disco_dock.chem.receptor import Receptor
from disco_dock.pipeline.request import PocketHint
from disco_dock.runtime.errors import InputError

DEFAULT_RADIUS = 10.0  # Angstrom
MAX_DISTANCE = (
    30.0  # Angstrom between a pocket's centre and the nearest receptor atom beyond which the hint is a mistake
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pocket:
    """A sphere in the receptor's frame: centre (3,) and radius in Angstrom."""

    center: np.ndarray
    radius: float


def find_pocket(hint: PocketHint, receptor: Receptor) -> Pocket:
    """The sphere in which the ligand's centroid is kept.

    The centre is the given point, the centroid of the reference ligand, or the mean of the residues' atoms.

    Raises:
        InputError: a residue is absent, the reference ligand has no coordinates, or the centre is far from the protein.
    """
    center = _center(hint, receptor)
    distance = float(np.linalg.norm(receptor.ca_pos - center, axis=-1).min())
    if distance > MAX_DISTANCE:
        where = ",".join(f"{value:.1f}" for value in center)
        raise InputError(
            f"{receptor.source}: the pocket centre {where} is {distance:.0f} Angstrom from the nearest residue; give "
            "it in the frame of this file"
        )
    return Pocket(center=center, radius=DEFAULT_RADIUS if hint.radius is None else hint.radius)


def _center(hint: PocketHint, receptor: Receptor) -> np.ndarray:
    if hint.center is not None:
        return np.array(hint.center, dtype=float)
    if hint.residues:
        lining = np.isin(receptor.atom_residue, [receptor.find(residue) for residue in hint.residues])
        return receptor.atom_pos[lining].mean(0)
    reference = read_ligand(str(hint.ligand), largest_fragment=True)
    if reference.pos is None:
        raise InputError(f"{hint.ligand}: the reference ligand has no 3-D coordinates; give a file with a bound pose")
    return reference.pos.mean(0)
