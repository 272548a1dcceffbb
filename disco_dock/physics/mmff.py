"""MMFF94s by RDKit: a pose minimised in its fixed pocket, and the strain of a pose.

Sources: Halgren, J. Comput. Chem. 1999, 20, 720 (MMFF94s); Tosco et al., J. Cheminform. 2014, 6, 37 (in RDKit).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdForceFieldHelpers
from rdkit.ForceField.rdForceField import ForceField

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.residue_features import STANDARD
from disco_dock.chem.write_complex import residue_lines
from disco_dock.chem.write_sdf import pose_mol
from disco_dock.kernels.compiled import threads

T = TypeVar("T")

REACH = 6.0  # Angstrom: residues with an atom this close to a pose are its pocket
NON_BONDED = 10.0  # Angstrom beyond which atoms do not feel each other
STEPS = 500
TOLERANCE = 0.3  # Angstrom that heavy atoms of a pose may move before its strain is taken
HOLD = 200.0  # kcal/mol/Angstrom^2 beyond that
VARIANT = "MMFF94s"


class Relaxed(NamedTuple):
    """A pose minimised in its pocket.

    Attributes:
        pos: (atoms, 3) heavy atoms in Angstrom.
        before: kcal/mol of ligand and pocket, hydrogens relaxed.
        after: kcal/mol at the end.
    """

    pos: np.ndarray
    before: float
    after: float


def relax_in_pocket(receptor: Receptor, ligand: Ligand, pos: np.ndarray) -> Relaxed | None:
    """A pose (atoms, 3) minimised by MMFF94s among the fixed heavy atoms of the standard residues around it.

    Hydrogens are added and free. Metals, cofactors and modified residues, without dependable MMFF types, are not felt.
    None where RDKit cannot type the ligand or its pocket, or cannot minimise the pose.
    """
    mol = pose_mol(ligand, pos)
    with rdBase.BlockLogs():
        pocket = _pocket(receptor, pos)
        both = mol if pocket is None else Chem.CombineMols(mol, pocket)
        if pocket is not None:
            Chem.GetSymmSSSR(both)
            both.UpdatePropertyCache(strict=False)
        heavy = [atom.GetIdx() for atom in both.GetAtoms() if atom.GetAtomicNum() > 1]
        own = list(range(ligand.num_atoms))
        before = _minimised(both, heavy)
        after = None if before is None else _minimised(both, [atom for atom in heavy if atom >= ligand.num_atoms])
    if before is None or after is None:
        return None
    return Relaxed(both.GetConformer().GetPositions()[own], before, after)


def strain(ligand: Ligand, pos: np.ndarray) -> float | None:
    """MMFF94s energy (kcal/mol) of a pose above the free ligand's nearest local minimum.

    Heavy atoms may move by 0.3 Angstrom before the pose's energy is taken, hydrogens freely: bonds and angles that
    docking keeps as in the starting conformer would otherwise count as strain, tens of kcal/mol on a correct pose.

    None where RDKit cannot type the ligand, or cannot minimise the pose.
    """
    mol = pose_mol(ligand, pos)
    with rdBase.BlockLogs():
        held = _minimised(mol, list(range(ligand.num_atoms)), within=TOLERANCE)
        free = None if held is None else _minimised(mol, [])
    return None if held is None or free is None else held - free


def for_each_pose(work: Callable[[np.ndarray], T], pos: np.ndarray) -> list[T]:
    """What `work` says of each pose (poses, atoms, 3), on as many threads as the kernels have: RDKit minimises without
    Python's lock, and poses do not feel each other."""
    count = min(threads(), len(pos))
    if count < 2:
        return [work(one) for one in pos]
    with rdBase.BlockLogs(), ThreadPoolExecutor(count) as pool:  # around them all: a thread would end it for the others
        return list(pool.map(work, pos))


def _minimised(mol: Chem.Mol, fixed: list[int], within: float = 0.0) -> float | None:
    """Energy after minimising a molecule in place with some atoms fixed; None without a force field or a way down.

    Args:
        mol: with hydrogens.
        fixed: atoms.
        within: Angstrom that these atoms may move nevertheless; what holds them is not part of the energy.
    """
    field = _field(mol)
    if field is None:
        return None
    for atom in fixed:
        if within:
            field.MMFFAddPositionConstraint(atom, within, HOLD)
        else:
            field.AddFixedPoint(atom)
    if within:
        try:
            field.Minimize(maxIts=STEPS)
        except RuntimeError:
            return None
        free = _field(mol)
        energy = np.nan if free is None else float(free.CalcEnergy())
        return energy if np.isfinite(energy) else None
    if len(fixed) < mol.GetNumAtoms():  # RDKit refuses to minimise nothing, such as the hydrogens of C2F6
        try:
            field.Minimize(maxIts=STEPS)
        except RuntimeError:  # its line search found no way down
            return None
    energy = float(field.CalcEnergy())
    return energy if np.isfinite(energy) else None


def _field(mol: Chem.Mol) -> ForceField | None:
    if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        return None
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, mmffVariant=VARIANT)
    if properties is None:
        return None
    field = rdForceFieldHelpers.MMFFGetMoleculeForceField(
        mol, properties, nonBondedThresh=NON_BONDED, ignoreInterfragInteractions=False
    )
    if field is not None:
        field.Initialize()
    return field


def _pocket(receptor: Receptor, pos: np.ndarray) -> Chem.Mol | None:
    """The standard residues around a pose with hydrogens, or None when there are none."""
    heavy = np.array([element.strip().upper() not in ("H", "D") for element in receptor.atom_elements])
    distance = np.linalg.norm(receptor.atom_pos[:, None] - pos, axis=-1).min(1)
    near = np.unique(receptor.atom_residue[(distance < REACH) & heavy]).tolist()
    kept = [residue for residue in near if receptor.file_names[residue] in STANDARD]
    text = "".join(line + "\n" for line in residue_lines(receptor, kept))
    mol = Chem.MolFromPDBBlock(text, sanitize=True, removeHs=True) if kept else None
    return None if mol is None or not mol.GetNumAtoms() else Chem.AddHs(mol, addCoords=True)
