"""A 3-D conformer of a ligand: RDKit distance geometry with a ladder of fallbacks and a time limit.

No rung ever returns a conformer whose stereo differs from the molecule's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdBase, rdDistGeom

from disco_dock.chem.stereo import stereo_kept
from disco_dock.runtime.errors import InputError

Rung = Literal["etkdg", "random-coordinates", "relaxed", "input"]

_RELAXED_ATTEMPTS = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Conformer:
    """One conformer.

    Attributes:
        pos: float64 [L, 3] heavy atoms, in Angstrom, in the molecule's order.
        rung: how it was made; "input" means the coordinates of the input file.
        seconds: wall-clock time spent, failed rungs included.
    """

    pos: np.ndarray
    rung: Rung
    seconds: float


def embed(mol: Chem.Mol, *, seed: int, time_limit: float = 30.0) -> Conformer:
    """A conformer of the molecule, the same for the same seed and RDKit version.

    Rungs, in order: ETKDGv3; ETKDGv3 from random coordinates; distance geometry without torsion and chirality
    knowledge, kept only if its stereo is right; the input's own 3-D coordinates. Hydrogens are added for the embedding
    and dropped. The time left is split so that a rung which runs out leaves time for the next.

    Args:
        mol: sanitised molecule of L heavy atoms; conformer 0, if any, is the input pose.
        seed: any integer.
        time_limit: seconds for all rungs together, to within one second.

    Returns:
        Conformer.

    Raises:
        InputError: when every rung fails.

    Source: ETKDGv3, Wang et al., J. Chem. Inf. Model. 2020, 60, 2044.
    """
    start = time.perf_counter()
    with rdBase.BlockLogs():
        template = Chem.Mol(mol)
        template.RemoveAllConformers()
        full = Chem.AddHs(template)
        rungs: tuple[tuple[Rung, Callable[[int], rdDistGeom.EmbedParameters], int], ...] = (
            ("etkdg", _etkdg, 1),
            ("random-coordinates", _random_coordinates, 2),
            ("relaxed", _relaxed, _RELAXED_ATTEMPTS),
        )
        for position, (rung, make, attempts) in enumerate(rungs):
            left = time_limit - (time.perf_counter() - start)
            deadline = time.perf_counter() + left / (len(rungs) - position)
            for attempt in range(attempts):
                remaining = deadline - time.perf_counter()
                if remaining <= 0:
                    break
                pos = _attempt(full, mol, make((seed + attempt) & 0x7FFFFFFF), remaining)
                if pos is not None:
                    return Conformer(pos=pos, rung=rung, seconds=time.perf_counter() - start)
    if mol.GetNumConformers():
        pos = np.array(mol.GetConformer().GetPositions(), dtype=np.float64)
        if stereo_kept(mol, pos):
            return Conformer(pos=pos, rung="input", seconds=time.perf_counter() - start)
    raise InputError(
        f"no 3-D conformer of {Chem.MolToSmiles(mol)} could be built within {time_limit:g} s; check its "
        "stereochemistry and rings, raise the time limit, or give the ligand with 3-D coordinates"
    )


def _attempt(
    full: Chem.Mol, mol: Chem.Mol, parameters: rdDistGeom.EmbedParameters, seconds: float
) -> np.ndarray | None:
    """Heavy-atom positions [L, 3] of one embedding, or None when it fails or has another stereo than `mol`."""
    parameters.timeout = max(1, math.ceil(seconds))
    try:
        conformer_id = rdDistGeom.EmbedMolecule(full, parameters)
    except (RuntimeError, ValueError):
        return None
    if conformer_id < 0:
        return None
    # AddHs appends: the heavy atoms come first, in their own order.
    pos = np.array(full.GetConformer(conformer_id).GetPositions()[: mol.GetNumAtoms()], dtype=np.float64)
    return pos if stereo_kept(mol, pos) else None


def _etkdg(seed: int) -> rdDistGeom.EmbedParameters:
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed
    parameters.numThreads = 1
    return parameters


def _random_coordinates(seed: int) -> rdDistGeom.EmbedParameters:
    parameters = _etkdg(seed)
    parameters.useRandomCoords = True
    return parameters


def _relaxed(seed: int) -> rdDistGeom.EmbedParameters:
    parameters = _random_coordinates(seed)
    parameters.enforceChirality = False
    parameters.useExpTorsionAnglePrefs = False
    parameters.useBasicKnowledge = False
    parameters.useMacrocycleTorsions = False
    parameters.useSmallRingTorsions = False
    parameters.ignoreSmoothingFailures = True
    return parameters
