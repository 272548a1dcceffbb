"""A molecule laid over the pose of another one that shares most of its skeleton."""

from __future__ import annotations

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdBase, rdDistGeom, rdMolAlign, rdRascalMCES
from rdkit.Geometry import Point3D

from disco_dock.chem.stereo import stereo_kept
from disco_dock.runtime.errors import InputError

MIN_CORE, MIN_SHARE = 6, 0.5
"""Fewest heavy atoms that a core has, and its least share of the smaller molecule."""
SEARCH_SECONDS = 60  # of a search that takes milliseconds for drugs
ATTEMPTS = 5  # embeddings of one conformer
MAX_MATCHES = 8  # ways in which a core may lie in a molecule


def core_matches(mol: Chem.Mol, reference: Chem.Mol, *, what: str = "start pose") -> list[tuple[tuple[int, int], ...]]:
    """The ways in which the largest common core of two molecules lies in the first, as (atom, atom of the reference).

    Whole rings only, elements and bond orders as they are. More than one way where the core is symmetric and bears
    something at one of its sides.

    Args:
        mol: without explicit hydrogens.
        reference: the same.
        what: what the reference is to the user, for messages.

    Raises:
        InputError: the core is too small, or was not found in time.

    Source: RASCAL, Raymond, Gardiner and Willett 2002, doi:10.1093/comjnl/45.6.631, as in RDKit.
    """
    options = rdRascalMCES.RascalOptions()
    options.similarityThreshold, options.timeout = 0.0, SEARCH_SECONDS
    options.singleLargestFrag = options.completeSmallestRings = True
    with rdBase.BlockLogs():
        found = rdRascalMCES.FindMCES(mol, reference, options)
    core = found[0].atomMatches() if found else []
    smaller = min(mol.GetNumAtoms(), reference.GetNumAtoms())
    late = bool(found) and found[0].timedOut
    if late or len(core) < max(MIN_CORE, MIN_SHARE * smaller):
        shared = "no common core was found in time" if late else f"they share {len(core)} heavy atoms"
        raise InputError(
            f"the {what} is of another molecule ({Chem.MolToSmiles(reference)}) than the ligand "
            f"({Chem.MolToSmiles(mol)}), and {shared}; give a pose of the same molecule, or of one that shares at "
            "least half of it"
        )
    pattern = Chem.MolFromSmarts(found[0].smartsString)
    there = reference.GetSubstructMatch(pattern)
    here = mol.GetSubstructMatches(pattern, uniquify=False, maxMatches=MAX_MATCHES)
    return [tuple(zip(own, there, strict=True)) for own in here] or [tuple(core)]


def laid_over(
    mol: Chem.Mol, reference: Chem.Mol, core: tuple[tuple[int, int], ...], *, seed: int
) -> tuple[np.ndarray, float]:
    """A conformer (L, 3) whose core lies where it is in a reference's pose, and the core's RMSD to it in Angstrom.

    The rest is embedded around it, the same for the same seed.

    Args:
        mol: of L heavy atoms.
        reference: with one conformer.
        core: from `core_matches`.
        seed: any integer.

    Raises:
        InputError: no conformer of the right stereo has its core like this.
    """
    template = Chem.Mol(mol)
    template.RemoveAllConformers()
    full, there = Chem.AddHs(template), reference.GetConformer().GetPositions()
    with rdBase.BlockLogs():
        for attempt in range(ATTEMPTS):
            parameters = rdDistGeom.ETKDGv3()
            parameters.randomSeed = (seed + attempt) & 0x7FFFFFFF
            parameters.useRandomCoords = attempt > 0
            places = {own: Point3D(*there[other]) for own, other in core}
            parameters.SetCoordMap(places)  # pyright: ignore[reportCallIssue] - RDKit stubs take it for a static method
            if rdDistGeom.EmbedMolecule(full, parameters) < 0:
                continue
            rmsd = rdMolAlign.AlignMol(full, reference, atomMap=list(core))
            pos = np.array(full.GetConformer().GetPositions()[: mol.GetNumAtoms()], dtype=np.float64)
            if stereo_kept(mol, pos):
                return pos, float(rmsd)
    raise InputError(
        f"no conformer of {Chem.MolToSmiles(mol)} could be laid over the start pose; give a pose of the molecule itself"
    )
