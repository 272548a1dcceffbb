"""The chemistry of previews, run in a process of its own: nothing of it is imported by the server."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from disco_dock.chem.ligand import Ligand
    from disco_dock.chem.receptor import HeteroGroup, Receptor

MODULES = ("disco_dock.chem.read_receptor", "disco_dock.chem.ligands.read_ligand", "disco_dock.report.depiction")
"""Imported by the process before its first call."""
MAX_DRAWN = 6  # molecules
MAX_FAILURES = 5
MAX_VIEWED = 60_000  # heavy atoms that a browser turns smoothly
PEPTIDE = 20  # alpha carbons from which a file is no ligand
KIND_ORDER = ("ligand", "cofactor", "other", "metal", "ion", "additive")


def preview_protein(content: bytes, name: str) -> dict[str, Any]:
    """`ProteinPreview` of a structure file, or {"error": sentence}.

    Args:
        content: of the file.
        name: file name that says what it is.
    """
    return _told(content, name, _protein)


def preview_ligand(
    content: bytes, name: str, template_smiles: str | None, largest_fragment: bool, max_ligands: int
) -> dict[str, Any]:
    """`LigandPreview` of a file of molecules, or {"error": sentence}.

    Args:
        content: of the file.
        name: file name that says what it is.
        template_smiles: bond orders of a PDB ligand.
        largest_fragment: keep the largest fragment of a salt.
        max_ligands: that a job may have.
    """
    return _told(content, name, lambda path: _ligands(path, template_smiles, largest_fragment, max_ligands))


def _told(content: bytes, name: str, tell: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    from disco_dock.runtime.errors import DiscoError
    from disco_dock.server.wording import form_words

    try:
        with _among_files(content, name):
            return tell(Path(name))
    except DiscoError as error:
        return {"error": form_words(" ".join(str(error).split()))}


@contextmanager
def _among_files(content: bytes, name: str) -> Iterator[None]:
    """Work in a folder that holds the file alone, so that no message names a path of this machine."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_bytes(content)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def _protein(path: Path) -> dict[str, Any]:
    from disco_dock.chem.read_receptor import read_receptor
    from disco_dock.runtime.notes import cautions

    receptor = read_receptor(path)
    starts = _starts(receptor)
    groups = zip(receptor.context, starts[len(receptor.names) :], strict=True)
    order = sorted(groups, key=lambda one: (KIND_ORDER.index(one[0].kind), -len(one[0].elements)))
    heavy = sum(element.upper() not in ("H", "D") for element in receptor.atom_elements)
    return {
        "chains": [_chain(receptor, chain) for chain in dict.fromkeys(receptor.chains)],
        "residues": [receptor.label(index) for index in range(len(receptor.names))],
        "starts": starts[: len(receptor.names)],
        "groups": [_group(group, start) for group, start in order],
        "warnings": list(cautions(receptor.notes)),
        "pdb": _pdb(receptor) if heavy <= MAX_VIEWED else "",
    }


def _chain(receptor: Receptor, chain: str) -> dict[str, Any]:
    numbers = [number for own, number in zip(receptor.chains, receptor.numbers, strict=True) if own == chain]
    return {"name": chain.strip() or "_", "residues": len(numbers), "first": min(numbers), "last": max(numbers)}


def _group(group: HeteroGroup, start: int) -> dict[str, Any]:
    known = group.as_dict()
    return {name: known[name] for name in ("id", "name", "chain", "kind", "heavy_atoms", "kept", "why")} | {
        "start": start
    }


def _starts(receptor: Receptor) -> list[int]:
    """Number of the first atom of each residue, then of each group, as `receptor_lines` counts them."""
    starts, place = [], 1
    counts = [0] * len(receptor.names)
    for residue in receptor.atom_residue.tolist():
        counts[residue] += 1
    for count in (*counts, *(len(group.elements) for group in receptor.context)):
        starts.append(place)
        place += count
    return starts


def _pdb(receptor: Receptor) -> str:
    """The heavy atoms of everything in the file but water, numbered as in `_starts`."""
    from dataclasses import replace

    from disco_dock.chem.write_complex import receptor_lines

    everything = replace(receptor, context=tuple(replace(group, kept=True) for group in receptor.context))
    lines = receptor_lines(everything)
    return "\n".join(line for line in lines if line[76:78].strip() not in ("H", "D")) + "\n"


def _ligands(path: Path, template: str | None, largest_fragment: bool, max_ligands: int) -> dict[str, Any]:
    from disco_dock.chem.ligand import LigandFailure
    from disco_dock.chem.ligands.read_ligand import read_ligands
    from disco_dock.runtime.errors import InputError

    found = list(
        islice(read_ligands(path, template_smiles=template, largest_fragment=largest_fragment), max_ligands + 1)
    )
    if len(found) > max_ligands:
        raise InputError(f"more than {max_ligands} ligands; this server docks no more in one job, so split the file")
    failures = [one.message for one in found if isinstance(one, LigandFailure)]
    good = [one for one in found if not isinstance(one, LigandFailure)]
    if not good:
        if _looks_like_protein(path):
            raise InputError(f"{path}: this is a protein, not a ligand; put it into the other box")
        raise InputError(failures[0])
    return {
        "count": len(good),
        "failures": failures[:MAX_FAILURES],
        "molecules": [_molecule(one) for one in good[:MAX_DRAWN]],
    }


def _looks_like_protein(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    return sum(line.startswith("ATOM  ") and line[12:16].strip() == "CA" for line in text.splitlines()) >= PEPTIDE


def _molecule(ligand: Ligand) -> dict[str, Any]:
    from rdkit import Chem
    from rdkit.Chem.rdMolDescriptors import CalcNumRotatableBonds

    from disco_dock.docking.ligand_size import size_notes
    from disco_dock.report.depiction import depict
    from disco_dock.runtime.notes import cautions

    return {
        "name": ligand.name,
        "smiles": ligand.smiles,
        "heavy_atoms": ligand.num_atoms,
        "rotatable_bonds": CalcNumRotatableBonds(ligand.mol),
        "weight": round(sum(atom.GetMass() for atom in Chem.AddHs(ligand.mol).GetAtoms()), 1),
        "warnings": [*cautions(ligand.notes), *size_notes(ligand)],
        "light": depict(ligand.mol, numbers=False),
        "dark": depict(ligand.mol, dark=True, numbers=False),
    }
