"""A ligand as read from a file or SMILES string, and the record of one that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from rdkit import Chem


@dataclass(frozen=True, kw_only=True, eq=False)
class Ligand:
    """One connected, sanitised molecule of L heavy atoms.

    Attributes:
        source: file or "SMILES", for messages.
        name: title in the file, or a name made from the file's.
        mol: no explicit hydrogens, stereo assigned, atom order of the input; conformer 0 is the input pose if it had
            one, otherwise there is none.
        pos: float64 [L, 3] input pose in Angstrom, or None.
        notes: what a user should know about how the input was understood, one sentence each.
        index_in_file: 0-based position among the molecules of `source`.
        tags: SD data items of the record.
        order: of the atoms in the file, hydrogens included: a heavy atom's index, or -1 less that of the heavy atom
            which a hydrogen is bonded to; empty where the file has no hydrogens.
        state_of: name of the molecule of which it is one state of several, see `ligand_states`; else empty.
    """

    source: str
    name: str
    mol: Chem.Mol
    pos: np.ndarray | None
    notes: tuple[str, ...]
    index_in_file: int
    tags: Mapping[str, str] = field(default_factory=dict)
    order: tuple[int, ...] = ()
    state_of: str = ""

    @property
    def num_atoms(self) -> int:
        """Number of heavy atoms L."""
        return self.mol.GetNumAtoms()

    @property
    def smiles(self) -> str:
        """Canonical isomeric SMILES."""
        return Chem.MolToSmiles(self.mol)


@dataclass(frozen=True, kw_only=True)
class LigandFailure:
    """One molecule of a file that cannot be docked, and why.

    Attributes:
        source: file or "SMILES".
        index: 0-based position among the molecules of `source`.
        name: its title, possibly made from the file's.
        message: one sentence for the user.
    """

    source: str
    index: int
    name: str
    message: str
