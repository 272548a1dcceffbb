"""The configurations that a ligand with open centres or double bonds can have, each as a ligand of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from rdkit import Chem
from rdkit.Chem import rdBase, rdDistGeom
from rdkit.Chem.EnumerateStereoisomers import EnumerateStereoisomers, StereoEnumerationOptions

from disco_dock.chem.conformers import has_open_stereo
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.prepare_ligand import canonical_hydrogen_counts, stereo_notes
from disco_dock.chem.state_limits import check_count
from disco_dock.chem.stereo import without_pose

_TRIED = 4
"""Configurations looked at for each one wanted: fusions of rings that cannot be built are left out."""

_EMBEDDING_STEPS = 20
_SEED = 0


def stereo_isomers(ligand: Ligand, count: int) -> list[Ligand]:
    """Up to `count` configurations of the open centres and double bonds of a ligand.

    Given centres, double bonds and axes stay as they are. Configurations that cannot be built in 3-D are left out,
    unless none can be.

    Args:
        ligand: as read.
        count: most configurations, 1 to `state_limits.MAX_ISOMERS`.

    Returns:
        Ligands named NAME_iso1, NAME_iso2, ... without a pose, the same ones for the same ligand and count; or the
        ligand itself where its stereo is given or it has only one configuration.

    Raises:
        ConfigError: the count is out of range.

    Source: `EnumerateStereoisomers` of RDKit.
    """
    check_count(count)
    if not has_open_stereo(ligand.mol):
        return [ligand]
    options = StereoEnumerationOptions(unique=True, onlyUnassigned=True, maxIsomers=_TRIED * count, rand=_SEED)
    with rdBase.BlockLogs():
        found = list(EnumerateStereoisomers(without_pose(ligand.mol), options=options))
        chosen = list(islice(_buildable(found), count + 1)) or found
    if len(chosen) < 2:
        return [ligand]
    total = f"more than {count}" if len(chosen) > count else str(len(chosen))
    return [_isomer(ligand, mol, number, total) for number, mol in enumerate(chosen[:count], start=1)]


def _buildable(mols: list[Chem.Mol]) -> Iterator[Chem.Mol]:
    """Those of which distance geometry makes a conformer."""
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed, parameters.numThreads, parameters.maxIterations = _SEED, 1, _EMBEDDING_STEPS
    for mol in mols:
        if rdDistGeom.EmbedMolecule(Chem.AddHs(mol), parameters) >= 0:
            yield mol


def _isomer(ligand: Ligand, mol: Chem.Mol, number: int, total: str) -> Ligand:
    """The ligand in one configuration."""
    Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
    canonical_hydrogen_counts(mol)
    open_before = set(stereo_notes(ligand.mol))
    note = f"configuration {number} of {total} of {ligand.name}: {Chem.MolToSmiles(mol)}"
    kept = [text for text in ligand.notes if text not in open_before]
    return replace(
        ligand,
        name=f"{ligand.name}_iso{number}",
        mol=mol,
        pos=None,
        notes=(*kept, note, *stereo_notes(mol)),
        state_of=ligand.state_of or ligand.name,
    )
