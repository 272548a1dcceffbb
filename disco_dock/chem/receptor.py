"""A receptor: residues with their atoms, and the groups around them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from disco_dock.chem.group_request import place_label
from disco_dock.chem.residue_features import one_letter
from disco_dock.runtime.errors import InputError

_RESIDUE = re.compile(
    r"(?P<chain>[^:]*):(?:(?P<name>[A-Za-z0-9]{1,4}?):?)??(?P<number>-?[0-9]+)(?P<insertion>[A-Za-z]?)"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class HeteroGroup:
    """A group of the file that is not part of the protein.

    Attributes:
        name: residue name, such as "HEM".
        chain: chain letter as in the file.
        number: residue number.
        insertion: insertion code or "".
        kind: what it is.
        kept: whether it is an obstacle: felt in search and scores, checked for clashes, written with the poses.
        why: the reason for that, in a few words.
        burial: share of its surface that the protein covers, or None where nobody asked.
        elements: element symbol of each atom.
        atom_names: name of each atom.
        pos: float64 (atoms, 3) in Angstrom.
    """

    name: str
    chain: str
    number: int
    insertion: str
    kind: Literal["water", "metal", "ion", "cofactor", "additive", "ligand", "other"]
    elements: tuple[str, ...]
    atom_names: tuple[str, ...]
    pos: np.ndarray
    kept: bool = True
    why: str = ""
    burial: float | None = None

    @property
    def label(self) -> str:
        """Chain, name and number: "A:HEM500", "A:GP6:910"."""
        return place_label(self.chain, self.name, self.number, self.insertion)

    def as_dict(self) -> dict[str, Any]:
        """What a table of groups shows, JSON-ready."""
        return {
            "id": self.label,
            "name": self.name,
            "chain": self.chain.strip(),
            "number": self.number,
            "insertion": self.insertion,
            "kind": self.kind,
            "heavy_atoms": len(self.elements),
            "kept": self.kept,
            "why": self.why,
            "buried": self.burial,
        }


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
        context: metals, ions, cofactors, ligands and other groups of the file, kept or not; waters only where kept.
        notes: what a user should know about the file, one sentence each.
        tally: what became of the file's atom records (`RecordTally.as_dict`).
        file_chains: name in the file of each chain that has another one here.
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
    tally: Mapping[str, Any] = field(default_factory=dict)
    file_chains: Mapping[str, str] = field(default_factory=dict)

    @property
    def kept_groups(self) -> list[HeteroGroup]:
        """The groups that poses must not overlap."""
        return [group for group in self.context if group.kept]

    def label(self, index: int) -> str:
        """Name of a residue: "A:ASP189", with the insertion code appended and "_" for a blank chain."""
        return place_label(self.chains[index], self.names[index], self.numbers[index], self.insertions[index])

    def find(self, spec: str) -> int:
        """Index of the residue that a user names as "A:189", "A:189B" or "A:ASP189".

        Raises:
            InputError: the text cannot be read, or there is no such residue.
        """
        match = _RESIDUE.fullmatch(spec.strip())
        if match is None:
            raise InputError(f"residue {spec!r}: cannot be read; write chain:number, such as A:189 or A:ASP189")
        chain = match["chain"].strip().replace("_", "")
        place = (int(match["number"]), match["insertion"].upper())
        found = [
            index
            for index, (number, insertion) in enumerate(zip(self.numbers, self.insertions, strict=True))
            if (number, insertion.upper()) == place
        ]
        own = [index for index in found if self.chains[index].strip() == chain]
        own = own or [index for index in found if self.file_chains.get(self.chains[index]) == chain]
        if len(own) > 1:
            there = " or ".join(self.label(index) for index in own[:4])
            raise InputError(f"{self.source}: residue {spec} is there {len(own)} times; name {there}")
        if own:
            name = (match["name"] or "").upper()
            if name and name not in (self.names[own[0]], self.file_names[own[0]]):
                raise InputError(
                    f"{self.source}: residue {spec} is {self.file_names[own[0]]} in this file; check the numbering"
                )
            return own[0]
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
