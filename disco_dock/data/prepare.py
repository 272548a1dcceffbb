"""Files of a complex to a training example."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rdkit import Chem
from scipy.spatial.distance import cdist

from disco_dock.chem.conformer_matching import match_to
from disco_dock.chem.conformers import embed
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.hetatm_ligand import hetatm_code, read_hetatm_ligand
from disco_dock.chem.ligands.ligand_files import suffix_of
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.structures.atom_records import RecordTally
from disco_dock.chem.structures.components import read_components
from disco_dock.chem.structures.structure_files import CIF_SUFFIXES, StructureFile, read_structure
from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.data.example import TrainingExample
from disco_dock.data.sources import HetatmLigand, Source
from disco_dock.graph.build import build_complex
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.user_files import read_text

CHAIN_CUTOFF = 10.0  # Angstrom; chains without a residue this close to the ligand are dropped, as in training DiffDock
MIN_ATOMS, MAX_ATOMS = 3, 255  # an atom index is one byte in a shard
MAX_RESIDUES = 10_000
MAX_CHAINS = 256  # a chain number is one byte in a shard
HEAVY_CUTOFF = 22.0  # Angstrom around the crystal ligand; noise up to 4 Angstrom and edges of 8 stay well inside
SAME_PLACE = 1.2  # Angstrom; a group this close to a ligand atom is the ligand itself, or takes turns with it
EMBED_SECONDS = 60.0  # generous: a limit that is met makes the result depend on the machine


def read_source(source: Source, *, context: bool = False) -> tuple[Ligand, Path | StructureFile]:
    """The ligand of a complex and its structure file, read already where the ligand is in it or groups join it.

    Args:
        source: files of the complex.
        context: with the groups that lie in a file of their own.

    Raises:
        InputError: the ligand, or the groups, cannot be read.
    """
    if source.hetatm is None:
        ligand = read_source_ligand(source)
        if not context or source.context is None or ligand.pos is None:
            return ligand, source.protein
        return ligand, _with_context(source.protein, source.context, ligand.pos)
    structure = read_structure(source.protein)
    return _hetatm_ligand(source.hetatm, structure), structure


def read_source_ligand(source: Source) -> Ligand:
    """The ligand of a complex in its bound pose: the first of its files that can be read, or a group of the structure.

    Raises:
        InputError: none can be read.
    """
    if source.hetatm is not None:
        return read_source(source)[0]
    problem: InputError | None = None
    for path in source.ligands:
        try:
            return read_ligand(path, largest_fragment=True)
        except InputError as error:
            problem = error
    assert problem is not None
    raise problem


def _hetatm_ligand(hetatm: HetatmLigand, structure: StructureFile) -> Ligand:
    """The ligand inside the structure file, with the template that is at hand."""
    components = {}
    if not hetatm.smiles:
        if suffix_of(structure.path) in CIF_SUFFIXES:
            components |= read_components(structure.path)
        if hetatm.components is not None:
            code = hetatm_code(structure, hetatm.group)
            path = hetatm.components / f"{code}.cif"
            components |= read_components(path) if path.is_file() else {}
    return read_hetatm_ligand(structure, group=hetatm.group, smiles=hetatm.smiles, components=components)


def prepare_all_atoms(source: Source) -> tuple[TrainingExample, dict[str, Any]]:
    """As `prepare`, with the heavy atoms around the ligand."""
    return prepare(source, all_atoms=True)


def _with_context(protein: Path, path: Path, ligand: np.ndarray) -> Path | StructureFile:
    """The structure with the groups of another file, less those that are the ligand itself."""
    if not any(line.startswith(("ATOM", "HETATM")) for line in read_text(path).splitlines()):
        return protein
    structure, others = read_structure(protein), read_structure(path)
    apart = [group for group in others.groups if cdist(group.pos, ligand).min() > SAME_PLACE]
    tally = RecordTally(structure.tally.total + others.tally.total, structure.tally.dropped + others.tally.dropped)
    lost = sum(len(group.atom_names) for group in others.groups) - sum(len(group.atom_names) for group in apart)
    tally.drop("the ligand itself", lost)
    return replace(
        structure,
        groups=[*structure.groups, *apart],
        notes=[*structure.notes, *others.notes],
        tally=tally,
        originals={**others.originals, **structure.originals},
    )


def prepare(source: Source, *, seed: int = 0, all_atoms: bool = False) -> tuple[TrainingExample, dict[str, Any]]:
    """The training example of a complex and facts about it for the index.

    Args:
        source: files of the complex.
        seed: of the RDKit conformer.
        all_atoms: with the heavy atoms around the ligand, which a pose expert is trained on.

    Raises:
        InputError: files that cannot be used, or sizes out of range.
    """
    ligand, structure = read_source(source, context=all_atoms)
    if ligand.pos is None:
        raise InputError(f"{source.name}: the ligand file has no 3-D pose; a training complex needs one")
    if not MIN_ATOMS <= len(ligand.pos) <= MAX_ATOMS:
        raise InputError(
            f"{source.name}: {len(ligand.pos)} ligand heavy atoms, training takes {MIN_ATOMS} to {MAX_ATOMS}; "
            "leave it out"
        )
    receptor = read_receptor(structure, keep_within=(ligand.pos, CHAIN_CUTOFF))
    if len(receptor.restype) > MAX_RESIDUES:
        raise InputError(
            f"{source.name}: {len(receptor.restype)} residues near the ligand's chains, training takes {MAX_RESIDUES}; "
            "leave it out"
        )
    conformer = embed(ligand.mol, seed=seed, time_limit=EMBED_SECONDS)
    matched, rmsd = match_to(ligand.mol, conformer.pos, ligand.pos, rotatable_bonds(ligand.mol))
    if len(set(receptor.chains)) > MAX_CHAINS:
        raise InputError(f"{source.name}: more than {MAX_CHAINS} chains near the ligand; leave it out")
    graph = build_complex(receptor, ligand, conformer.pos, all_atoms=all_atoms)
    if graph.heavy_atoms is not None:
        crystal = torch.from_numpy(ligand.pos - graph.origin)
        graph = replace(graph, heavy_atoms=graph.heavy_atoms.near(crystal, HEAVY_CUTOFF))
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
