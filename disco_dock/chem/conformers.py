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
from rdkit.Chem import rdBase, rdDistGeom, rdForceFieldHelpers

from disco_dock.chem.stereo import held_axes, signature_from_pose, stereo_kept
from disco_dock.runtime.errors import InputError

Rung = Literal["etkdg", "random-coordinates", "relaxed", "input"]

_RELAXED_ATTEMPTS = 10
_ETKDG_TRIES = 300  # large peptides have no initial coordinates of this kind, and thousands of tries take seconds
_AXIS_ATTEMPTS = 12  # more, for the right one of two atropisomers
WALL_FACTOR = 1_000
"""How many times the processor time an embedding may take: on a machine so busy, or a process stopped for so long."""

_OPEN_ATTEMPTS, _OPEN_STEP, _OPEN_SECONDS = 8, 7919, 2.0
_OPEN_STEPS = 300  # of relaxation
_OPEN_MARGIN = 3.0  # kcal/mol by which another configuration must be lower: less is a matter of conformation


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
    """A conformer of the molecule, the same for the same seed and RDKit version, however busy the machine is.

    Rungs, in order: ETKDGv3; ETKDGv3 from random coordinates; distance geometry without torsion and chirality
    knowledge, kept only if its stereo is right; the input's own 3-D coordinates. Hydrogens are added for the embedding
    and dropped. The time left is split so that a rung which runs out leaves time for the next. Of a molecule with
    centres or double bonds left open, several are embedded, and the one of lowest energy after relaxation is taken: a
    configuration that rings do not allow never is.

    Args:
        mol: sanitised molecule of L heavy atoms; conformer 0, if any, is the input pose.
        seed: any integer.
        time_limit: seconds of processor time for all rungs together, to within one second.

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
        spent = 0.0
        turned = _AXIS_ATTEMPTS if held_axes(mol) else 0
        for rung, make, attempts in _RUNGS:
            deadline = spent + (time_limit - spent) * _SHARES[rung]
            for attempt in range(attempts + turned):
                if deadline - spent <= 0:
                    break
                pos, used = _attempt(full, mol, make((seed + attempt) & 0x7FFFFFFF), deadline - spent)
                spent += used
                if pos is not None:
                    if has_open_stereo(mol):
                        pos = _least_strained(full, mol, make, seed, pos, time_limit - spent)
                    return Conformer(pos=pos, rung=rung, seconds=time.perf_counter() - start)
    if mol.GetNumConformers():
        pos = np.array(mol.GetConformer().GetPositions(), dtype=np.float64)
        if stereo_kept(mol, pos):
            return Conformer(pos=pos, rung="input", seconds=time.perf_counter() - start)
    raise InputError(
        f"no 3-D conformer of {Chem.MolToSmiles(mol)} could be built within {time_limit:g} s of processor time; "
        "check its stereochemistry and rings, or give the ligand with 3-D coordinates"
    )


def has_open_stereo(mol: Chem.Mol) -> bool:
    """Whether a tetrahedral centre or double bond has no given configuration."""
    return any(
        element.specified == Chem.StereoSpecified.Unspecified
        and element.type in (Chem.StereoType.Atom_Tetrahedral, Chem.StereoType.Bond_Double)
        for element in Chem.FindPotentialStereo(mol)
    )


def relaxed_energy(mol: Chem.Mol, pos: np.ndarray) -> float | None:
    """Energy in kcal/mol of a conformer (L, 3) after relaxation with hydrogens by MMFF94s, or UFF.

    None where no force field knows the atoms, infinite where relaxation inverts a centre.
    """
    with rdBase.BlockLogs():
        own = Chem.Mol(mol)
        own.RemoveAllConformers()
        conformer = Chem.Conformer(mol.GetNumAtoms())
        conformer.SetPositions(np.ascontiguousarray(pos, dtype=np.float64))
        own.AddConformer(conformer)
        return _relaxed_energy(Chem.AddHs(own, addCoords=True), mol)


def _attempt(
    full: Chem.Mol, mol: Chem.Mol, parameters: rdDistGeom.EmbedParameters, seconds: float
) -> tuple[np.ndarray | None, float]:
    """Heavy-atom positions [L, 3] of one embedding, None when it fails or has another stereo, and seconds it took.

    RDKit's own limit is by the clock on the wall: where that ran out before the processor time did, since the machine
    is busy, the same embedding is made again with more of it.
    """
    wall = seconds
    while True:
        parameters.timeout = max(1, math.ceil(wall))
        begin, clock = time.thread_time(), time.perf_counter()
        try:
            conformer_id = rdDistGeom.EmbedMolecule(full, parameters)
        except (RuntimeError, ValueError):
            return None, time.thread_time() - begin
        used, passed = time.thread_time() - begin, time.perf_counter() - clock
        if conformer_id >= 0 and used <= seconds:
            break
        if conformer_id >= 0:  # an idle machine would have given up
            return None, used
        if passed < parameters.timeout or used >= 0.8 * seconds or wall >= WALL_FACTOR * seconds:
            return None, used
        wall = min(WALL_FACTOR * seconds, wall * max(2.0, 1.2 * seconds / max(used, 1e-3)))
    # AddHs appends: the heavy atoms come first, in their own order.
    pos = np.array(full.GetConformer(conformer_id).GetPositions()[: mol.GetNumAtoms()], dtype=np.float64)
    return (pos if stereo_kept(mol, pos) else None), used


def _least_strained(
    full: Chem.Mol,
    mol: Chem.Mol,
    make: Callable[[int], rdDistGeom.EmbedParameters],
    seed: int,
    first: np.ndarray,
    seconds: float,
) -> np.ndarray:
    """Of some embeddings the one that relaxes to the lowest energy; the first where no force field knows the atoms."""
    best, lowest = first, _relaxed_energy(full, mol)
    if lowest is None:
        return first
    for attempt in range(1, _OPEN_ATTEMPTS):
        if seconds <= 0:
            break
        pos, used = _attempt(full, mol, make((seed + _OPEN_STEP * attempt) & 0x7FFFFFFF), min(seconds, _OPEN_SECONDS))
        begin = time.thread_time()
        energy = None if pos is None else _relaxed_energy(full, mol)
        seconds -= used + time.thread_time() - begin
        if pos is not None and energy is not None and energy < lowest - _OPEN_MARGIN:
            best, lowest = pos, energy
    return best


def _relaxed_energy(full: Chem.Mol, mol: Chem.Mol) -> float | None:
    """Energy in kcal/mol of the molecule's conformer after relaxation by MMFF94s, or UFF; None without parameters.

    It is infinite where relaxation inverts a centre, as it does with fusions that rings do not allow.
    """
    copy = Chem.Mol(full)
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(copy):
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(copy, mmffVariant="MMFF94s")
        field = rdForceFieldHelpers.MMFFGetMoleculeForceField(copy, properties)
    elif rdForceFieldHelpers.UFFHasAllMoleculeParams(copy):
        field = rdForceFieldHelpers.UFFGetMoleculeForceField(copy)
    else:
        return None
    if field is None:
        return None
    field.Initialize()
    before = copy.GetConformer().GetPositions()[: mol.GetNumAtoms()]
    field.Minimize(maxIts=_OPEN_STEPS)
    after = copy.GetConformer().GetPositions()[: mol.GetNumAtoms()]
    kept = signature_from_pose(mol, before) == signature_from_pose(mol, after)
    return float(field.CalcEnergy()) if kept else math.inf


def _etkdg(seed: int) -> rdDistGeom.EmbedParameters:
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed
    parameters.numThreads = 1
    parameters.maxIterations = _ETKDG_TRIES
    return parameters


def _random_coordinates(seed: int) -> rdDistGeom.EmbedParameters:
    parameters = _etkdg(seed)
    parameters.maxIterations = 0  # RDKit's own number
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


_SHARES: dict[Rung, float] = {"etkdg": 1 / 3, "random-coordinates": 2 / 3, "relaxed": 1.0}
"""Of the time that is left, how much a rung may take."""

_RUNGS: tuple[tuple[Rung, Callable[[int], rdDistGeom.EmbedParameters], int], ...] = (
    ("etkdg", _etkdg, 1),
    ("random-coordinates", _random_coordinates, 2),
    ("relaxed", _relaxed, _RELAXED_ATTEMPTS),
)
