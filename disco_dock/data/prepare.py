"""Files of a complex to a training example."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from rdkit import Chem

from disco_dock.chem.conformers import embed
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.matching import match_to
from disco_dock.chem.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.data.example import TrainingExample
from disco_dock.data.sources import Source
from disco_dock.graph.build import build_complex
from disco_dock.runtime.errors import InputError

CHAIN_CUTOFF = 10.0  # Angstrom; chains without a residue this close to the ligand are dropped, as in training DiffDock
MIN_ATOMS, MAX_ATOMS = 3, 150
MAX_RESIDUES = 1500
EMBED_SECONDS = 5.0


def _read_ligand(source: Source) -> Ligand:
    """The first of the ligand files that can be read."""
    problem: InputError | None = None
    for path in source.ligands:
        try:
            return read_ligand(path, largest_fragment=True)
        except InputError as error:
            problem = error
    assert problem is not None
    raise problem


def prepare(source: Source, *, seed: int = 0) -> tuple[TrainingExample, dict[str, Any]]:
    """The training example of a complex and facts about it for the index.

    Args:
        source: files of the complex.
        seed: of the RDKit conformer.

    Raises:
        InputError: files that cannot be used, or sizes out of range.
    """
    ligand = _read_ligand(source)
    if ligand.pos is None:
        raise InputError(f"{source.name}: the ligand file has no 3-D pose; a training complex needs one")
    if not MIN_ATOMS <= len(ligand.pos) <= MAX_ATOMS:
        raise InputError(
            f"{source.name}: {len(ligand.pos)} ligand heavy atoms, training takes {MIN_ATOMS} to {MAX_ATOMS}; "
            "leave it out"
        )
    receptor = read_receptor(source.protein, keep_within=(ligand.pos, CHAIN_CUTOFF))
    if len(receptor.restype) > MAX_RESIDUES:
        raise InputError(
            f"{source.name}: {len(receptor.restype)} residues near the ligand's chains, training takes {MAX_RESIDUES}; "
            "leave it out"
        )
    conformer = embed(ligand.mol, seed=seed, time_limit=EMBED_SECONDS)
    matched, rmsd = match_to(ligand.mol, conformer.pos, ligand.pos, rotatable_bonds(ligand.mol))
    graph = build_complex(receptor, ligand, conformer.pos)
    example = TrainingExample(
        name=source.name,
        graph=graph,
        pos_matched=torch.from_numpy(np.asarray(matched) - graph.origin).float(),
        pos_crystal=torch.from_numpy(ligand.pos - graph.origin).float(),
    )
    sequence = ",".join(map(str, receptor.restype.tolist()))
    facts = {
        "id": source.name,
        "atoms": graph.num_atoms,
        "residues": graph.num_residues,
        "torsions": graph.num_torsions,
        "inchikey": Chem.MolToInchiKey(ligand.mol),
        "smiles": Chem.MolToSmiles(ligand.mol),
        "sequence_sha256": hashlib.sha256(sequence.encode()).hexdigest()[:16],
        "matching_rmsd": round(float(rmsd), 4),
        "rung": conformer.rung,
    }
    return example, facts
