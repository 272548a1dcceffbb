"""The input of Boltz for a docked complex: sequences, ligand, and the pose's pocket as a constraint.

Format: https://github.com/jwohlwend/boltz/blob/main/docs/prediction.md, version 1.
"""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.spatial import KDTree

from disco_dock.chem.receptor import Receptor
from disco_dock.report.folder import DockedFolder
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.files import atomic_write

BOLTZ = "boltz.yaml"
REACH = 6.0
"""Angstrom between heavy atoms of a contact; Boltz's default, and the only distance that Boltz-1 takes."""
HEADER = """\
# Input of Boltz: boltz predict {name} --use_msa_server
# The pocket is that of the first-ranked pose of {complex}. Sequences are of the residues that the
# structure has: where missing ones matter, put them in by hand and count the contacts anew.
"""


def write_boltz(docked: DockedFolder) -> Path:
    """Write `boltz.yaml` beside the results and return its path.

    Raises:
        InputError: the pose touches no residue, or there is no letter left for its chain.
    """
    mol, record = docked.mols[0], docked.record
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    pos = mol.GetConformer().GetPositions()[heavy]
    content = boltz_input(docked.receptor, record["inputs"]["ligand"]["smiles"], pos)
    with atomic_write(docked.path / BOLTZ, "w") as file:
        file.write(HEADER.format(name=BOLTZ, complex=record["name"]))
        yaml.safe_dump(content, file, sort_keys=False, default_flow_style=None, width=100)
    return docked.path / BOLTZ


def boltz_input(receptor: Receptor, smiles: str, pos: np.ndarray) -> dict[str, Any]:
    """The content of the file.

    Args:
        receptor: its chains become proteins under the same names, blank ones under a free letter.
        smiles: of the ligand.
        pos: (atoms, 3) heavy atoms of the pose in the receptor's frame, Angstrom.

    Raises:
        InputError: the pose touches no residue, or there is no letter left for its chain.
    """
    names = list(dict.fromkeys(receptor.chains))
    letters = [letter for letter in string.ascii_uppercase if letter not in names]
    own = {name: name.strip() or letters.pop(0) for name in names}
    if not letters:
        raise InputError(
            "the receptor has a chain for every letter, so there is none for the ligand; keep fewer chains"
        )
    chains = np.array(receptor.chains)
    residues = {name: np.flatnonzero(chains == name) for name in names}
    contacts = []
    for residue in _touched(receptor, pos):
        name = receptor.chains[residue]
        contacts.append([own[name], int(np.searchsorted(residues[name], residue)) + 1])
    if not contacts:
        raise InputError(
            f"the first-ranked pose has no residue within {REACH:g} Angstrom, so there is no pocket to write"
        )
    sequences = receptor.sequence_by_chain()
    proteins = [{"protein": {"id": own[name], "sequence": sequences[name]}} for name in names]
    return {
        "version": 1,
        "sequences": [*proteins, {"ligand": {"id": letters[0], "smiles": smiles}}],
        "constraints": [{"pocket": {"binder": letters[0], "contacts": contacts, "max_distance": REACH}}],
    }


def _touched(receptor: Receptor, pos: np.ndarray) -> list[int]:
    """Residues with a heavy atom near the pose, in file order."""
    heavy = [index for index, element in enumerate(receptor.atom_elements) if element.upper() not in ("H", "D")]
    near = KDTree(pos).query(receptor.atom_pos[heavy], distance_upper_bound=REACH)[0] <= REACH
    return sorted(set(receptor.atom_residue[heavy][near].tolist()))
