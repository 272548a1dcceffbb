"""All atoms of a receptor that poses feel, with their names."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from disco_dock.chem.receptor import Receptor


class NamedAtoms(NamedTuple):
    """Atoms of residues, metals, ions, cofactors and other groups; co-crystallised ligands are left out.

    Attributes:
        pos: (atoms, 3) float64 in Angstrom.
        elements: (atoms,) symbols, such as "Cl".
        names: (residue, atom) of each; the residue is "" outside the protein.
        hydrogen: (atoms,) bool.
        group: (atoms,) int64 which of the receptor's kept groups, -1 for the protein.
    """

    pos: np.ndarray
    elements: np.ndarray
    names: list[tuple[str, str]]
    hydrogen: np.ndarray
    group: np.ndarray


def named_atoms(receptor: Receptor) -> NamedAtoms:
    """The atoms of a receptor that poses feel, in a fixed order."""
    groups = receptor.kept_groups
    pos = np.concatenate([receptor.atom_pos.reshape(-1, 3), *(group.pos.reshape(-1, 3) for group in groups)])
    elements = [*receptor.atom_elements, *(element for group in groups for element in group.elements)]
    elements = np.array([element.strip().capitalize() for element in elements], dtype=object)
    owners = [receptor.names[residue] for residue in receptor.atom_residue.tolist()]
    names = [*zip(owners, receptor.atom_names, strict=True), *(("", name) for g in groups for name in g.atom_names)]
    sizes = [len(receptor.atom_elements), *(len(group.elements) for group in groups)]
    group = np.repeat(np.arange(-1, len(groups)), sizes)
    return NamedAtoms(pos, elements, names, np.isin(elements, ("H", "D")), group)
