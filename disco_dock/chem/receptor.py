"""A receptor: residues with their atoms, and the groups around them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from disco_dock.chem.residue_features import one_letter
from disco_dock.runtime.errors import InputError

_RESIDUE = re.compile(r"(?P<chain>[^:]*):(?P<name>[A-Za-z][A-Za-z0-9]{2})?(?P<number>-?\d+)(?P<insertion>[A-Za-z]?)")


@dataclass(frozen=True, kw_only=True, eq=False)
class HeteroGroup:
    """A group of the file that is not part of the protein.

    Attributes:
        name: residue name, such as "HEM".
        chain: chain letter as in the file.
        number: residue number.
        insertion: insertion code or "".
        kind: what it is.
        elements: element symbol of each atom.
        atom_names: name of each atom.
        pos: float64 (atoms, 3) in Angstrom.
    """

    name: str
    chain: str
    number: int
    insertion: str
    kind: Literal["metal", "ion", "cofactor", "ligand", "other"]
    elements: tuple[str, ...]
    atom_names: tuple[str, ...]
    pos: np.ndarray

    @property
    def label(self) -> str:
        """Chain, name and number: "A:HEM500"."""
        return _label(self.chain, self.name, self.number, self.insertion)


@dataclass(frozen=True, kw_only=True, eq=False)
class Receptor:
    """The protein residues of a structure file, in file order.

    Attributes:
        source: path of the file, for messages.
        name: file name without suffixes.
        chains: chain of each residue.
        numbers: number of each residue.
        insertions: insertion code of each residue, or "".
        names: residue name of each residue, modified residues under the name of their parent (MSE: MET).
        file_names: residue name of each residue as in the file.
        restype: int64 (residues,) index into `residue_features.RESIDUE_TYPES`.
        ca_pos: float64 (residues, 3) C-alpha positions in Angstrom.
        atom_pos: float64 (atoms, 3) positions in Angstrom of all atoms of these residues.
        atom_names: name of each atom.
        atom_elements: element symbol of each atom.
        atom_residue: int64 (atoms,) residue of each atom.
        context: metals, ions, cofactors, ligands and other groups of the file; waters are dropped.
        notes: what a user should know about the file, one sentence each.
    """

    source: str
    name: str
    chains: tuple[str, ...]
    numbers: tuple[int, ...]
    insertions: tuple[str, ...]
    names: tuple[str, ...]
    file_names: tuple[str, ...]
    restype: np.ndarray
    ca_pos: np.ndarray
    atom_pos: np.ndarray
    atom_names: tuple[str, ...]
    atom_elements: tuple[str, ...]
    atom_residue: np.ndarray
    context: tuple[HeteroGroup, ...]
    notes: tuple[str, ...]

    def label(self, index: int) -> str:
        """Name of a residue: "A:ASP189", with the insertion code appended and "_" for a blank chain."""
        return _label(self.chains[index], self.names[index], self.numbers[index], self.insertions[index])

    def find(self, spec: str) -> int:
        """Index of the residue that a user names as "A:189", "A:189B" or "A:ASP189".

        Raises:
            InputError: the text cannot be read, or there is no such residue.
        """
        match = _RESIDUE.fullmatch(spec.strip())
        if match is None:
            raise InputError(f"residue {spec!r}: cannot be read; write chain:number, such as A:189 or A:ASP189")
        chain = match["chain"].strip().replace("_", "")
        wanted = (chain, int(match["number"]), match["insertion"].upper())
        for index, (own, number, insertion) in enumerate(zip(self.chains, self.numbers, self.insertions, strict=True)):
            if (own.strip(), number, insertion.upper()) == wanted:
                name = (match["name"] or "").upper()
                if name and name not in (self.names[index], self.file_names[index]):
                    raise InputError(
                        f"{self.source}: residue {spec} is {self.file_names[index]} in this file; check the numbering"
                    )
                return index
        numbers = [number for own, number in zip(self.chains, self.numbers, strict=True) if own.strip() == chain]
        if numbers:
            there = f"chain {chain or '_'} has residues {min(numbers)} to {max(numbers)}"
        else:
            there = "it has the chains " + ", ".join(dict.fromkeys(own.strip() or "_" for own in self.chains))
        raise InputError(f"{self.source}: has no residue {spec}; {there}, name one of them")

    def sequence_by_chain(self) -> dict[str, str]:
        """One-letter sequence of each chain, X for residues that are not known."""
        sequences: dict[str, list[str]] = {}
        for chain, name in zip(self.chains, self.names, strict=True):
            sequences.setdefault(chain, []).append(one_letter(name))
        return {chain: "".join(letters) for chain, letters in sequences.items()}


def _label(chain: str, name: str, number: int, insertion: str) -> str:
    return f"{chain.strip() or '_'}:{name}{number}{insertion}"
