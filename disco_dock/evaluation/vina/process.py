"""Code that runs in the processes of the Vina baseline; the main process imports none of it."""

from __future__ import annotations

import time
from typing import NamedTuple

from rdkit import Chem, rdBase

MIN_RMSD = 1.0  # Angstrom between the poses that Vina keeps, its default
SCORE_MARGIN = 6.0  # Angstrom of box around a pose that is only scored
ENERGY_RANGE = 1000.0  # kcal/mol above the best pose that are still returned: all


class VinaPoses(NamedTuple):
    """Poses with explicit hydrogens from the lowest energy (kcal/mol) on, and the processor time of maps and search."""

    poses: list[Chem.Mol]
    energies: list[float]
    cpu_seconds: float


def prepare_receptor(pdb: str, pdbqt: str) -> None:
    """Write a rigid receptor with polar hydrogens as PDBQT, by Open Babel.

    Raises:
        RuntimeError: Open Babel cannot read or write it.
    """
    from openbabel import openbabel

    openbabel.obErrorLog.SetOutputLevel(0)
    conversion = openbabel.OBConversion()
    conversion.SetInAndOutFormats("pdb", "pdbqt")
    conversion.AddOption("r", openbabel.OBConversion.OUTOPTIONS)
    mol = openbabel.OBMol()
    if not conversion.ReadFile(mol, pdb):
        raise RuntimeError("Open Babel cannot read the receptor")
    mol.AddHydrogens(False, True, 7.4)
    if not conversion.WriteFile(mol, pdbqt):
        raise RuntimeError("Open Babel cannot write the receptor as PDBQT")


def ligand_pdbqt(mol: Chem.Mol) -> str:
    """A ligand with hydrogens and a conformer as PDBQT, by Meeko.

    Raises:
        RuntimeError: Meeko cannot type it.
    """
    from meeko import MoleculePreparation, PDBQTWriterLegacy

    (setup, *_) = MoleculePreparation().prepare(mol)
    text, succeeded, reason = PDBQTWriterLegacy.write_string(setup)
    if not succeeded:
        raise RuntimeError(f"Meeko cannot prepare the ligand: {reason.strip()}")
    return text


def dock(
    receptor: str,
    ligand: Chem.Mol,
    center: list[float],
    size: list[float],
    num_poses: int,
    seed: int,
    cpu_seconds: float,
    runs: int | None = None,
) -> VinaPoses:
    """Dock on one core: a number of Monte-Carlo runs, or one to learn its cost, then as many as the budget holds.

    Args:
        receptor: PDBQT file.
        ligand: molecule with hydrogens and a conformer.
        center: of the box, Angstrom.
        size: edges of the box, Angstrom.
        num_poses: to return.
        seed: of Vina.
        cpu_seconds: budget of maps and search together, where the number of runs is not given.
        runs: number of Monte-Carlo runs (exhaustiveness), or None.
    """
    from vina import Vina

    with rdBase.BlockLogs():
        begin = time.process_time()
        vina = Vina(sf_name="vina", cpu=1, seed=seed + 1, verbosity=0)  # Vina draws a seed of its own for 0
        vina.set_receptor(receptor)
        vina.set_ligand_from_string(ligand_pdbqt(ligand))
        vina.compute_vina_maps(center=center, box_size=size)
        before = time.process_time()
        vina.dock(exhaustiveness=runs or 1, n_poses=num_poses, min_rmsd=MIN_RMSD)
        now = time.process_time()
        found = _poses(vina, num_poses)
        more = 0 if runs else int((cpu_seconds - (now - begin)) // max(now - before, 1e-3))
        if more > 0:
            vina.dock(exhaustiveness=more, n_poses=num_poses, min_rmsd=MIN_RMSD)
            found += _poses(vina, num_poses)
        used = time.process_time() - begin
    found.sort(key=lambda pair: pair[0])
    chosen = _distinct(found)[:num_poses]
    return VinaPoses([mol for _, mol in chosen], [energy for energy, _ in chosen], used)


def _poses(vina, num_poses: int) -> list[tuple[float, Chem.Mol]]:
    """Energies and molecules of the poses that Vina holds."""
    from meeko import PDBQTMolecule, RDKitMolCreate

    text = vina.poses(n_poses=num_poses, energy_range=ENERGY_RANGE)
    energies = [float(row[0]) for row in vina.energies(n_poses=num_poses, energy_range=ENERGY_RANGE)]
    (mol, *_) = RDKitMolCreate.from_pdbqt_mol(PDBQTMolecule(text, skip_typing=True))
    numbers = [conformer.GetId() for conformer in mol.GetConformers()]
    return [(energy, Chem.Mol(mol, confId=number)) for energy, number in zip(energies, numbers, strict=True)]


def _distinct(found: list[tuple[float, Chem.Mol]]) -> list[tuple[float, Chem.Mol]]:
    """The poses without those within MIN_RMSD of a better one: the two dockings may find the same minimum."""
    import numpy as np

    kept: list[tuple[float, Chem.Mol]] = []
    places: list[np.ndarray] = []
    for energy, mol in found:
        pos = mol.GetConformer().GetPositions()
        if all(np.sqrt(((pos - other) ** 2).sum(1).mean()) >= MIN_RMSD for other in places):
            kept.append((energy, mol))
            places.append(pos)
    return kept


def moves_per_second(receptor: str, ligand: Chem.Mol, center: list[float], size: list[float]) -> float:
    """Monte-Carlo moves per processor second of one run of Vina, without its maps.

    Vina makes 105 (50 + atoms + 10 degrees of freedom) moves in a run (`vina.cpp` of version 1.2).

    Args:
        receptor: PDBQT file.
        ligand: molecule with hydrogens and a conformer.
        center: of the box, Angstrom.
        size: edges of the box, Angstrom.
    """
    from vina import Vina

    text = ligand_pdbqt(ligand)
    lines = text.splitlines()
    atoms, torsions = (sum(line.startswith(word) for line in lines) for word in ("ATOM", "BRANCH"))
    vina = Vina(sf_name="vina", cpu=1, seed=1, verbosity=0)
    vina.set_receptor(receptor)
    vina.set_ligand_from_string(text)
    vina.compute_vina_maps(center=center, box_size=size)
    begin = time.process_time()
    vina.dock(exhaustiveness=1)
    return 105 * (50 + atoms + 10 * (6 + torsions)) / (time.process_time() - begin)


def score_pose(receptor: str, ligand: Chem.Mol) -> tuple[float, float, float]:
    """Vina's score of a pose as it is, its energy with the receptor and inside the ligand, kcal/mol; exact pairs.

    Args:
        receptor: PDBQT file.
        ligand: molecule with hydrogens and a conformer; macrocycles stay closed.
    """
    import numpy as np
    from meeko import MoleculePreparation, PDBQTWriterLegacy
    from vina import Vina

    (setup, *_) = MoleculePreparation(rigid_macrocycles=True).prepare(ligand)
    text, succeeded, reason = PDBQTWriterLegacy.write_string(setup)
    if not succeeded:
        raise RuntimeError(f"Meeko cannot prepare the ligand: {reason.strip()}")
    pos = ligand.GetConformer().GetPositions()
    low, high = pos.min(0) - SCORE_MARGIN, pos.max(0) + SCORE_MARGIN
    vina = Vina(sf_name="vina", cpu=1, seed=1, verbosity=0)
    vina.set_receptor(receptor)
    vina.set_ligand_from_string(text)
    vina.compute_vina_maps(center=((low + high) / 2).tolist(), box_size=np.ceil(high - low).tolist(), spacing=1.0)
    total, inter, *_, intra, _, _ = map(float, vina.score())
    return total, inter, intra
