"""A ligand among the HETATM groups of a structure file, with bond orders from a SMILES or a chemical component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdBase

from disco_dock.chem.group_request import names_place, place_label
from disco_dock.chem.hetero_groups import group_kind
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.ligand_files import Record
from disco_dock.chem.ligands.prepare_ligand import prepare
from disco_dock.chem.structures.components import Component
from disco_dock.chem.structures.structure_files import Group, StructureFile, as_structure
from disco_dock.runtime.errors import InputError


def read_hetatm_ligand(
    source: Path | StructureFile,
    *,
    group: str = "",
    smiles: str = "",
    components: Mapping[str, Component] | None = None,
) -> Ligand:
    """The ligand in a PDB or mmCIF file of a complex.

    Args:
        source: structure file, or what `read_structure` gave.
        group: residue name of the ligand ("STI"), or chain, name and number ("A:STI201", "A:GP6:910"); several groups
            that are one molecule are joined by "+". Empty: the only kind of ligand in the file. The first of equal
            copies is taken.
        smiles: template for the bond orders; its stereo gives way to the coordinates'.
        components: templates by residue name, used without a SMILES.

    Raises:
        InputError: no such group, several candidates, or no template that fits.
    """
    structure = as_structure(source)
    path, chosen = structure.path, _chosen(structure, group)
    label = "+".join(_label(one) for one in chosen)
    if smiles:
        record, template = Record("pdb", 0, label, _pdb_block(chosen)), smiles
    else:
        if len(chosen) > 1:
            raise InputError(f"{path}: {label} is made of several groups; give its SMILES")
        component = (components or {}).get(chosen[0].name)
        if component is None:
            raise InputError(
                f"{path}: no template for {label}; give its SMILES, or the file {chosen[0].name}.cif of the chemical "
                "component dictionary"
            )
        record, template = Record("sdf", 0, label, _mol_block(path, chosen[0], component)), None
    try:
        return prepare(record, source=str(path), name=label, template_smiles=template, largest_fragment=False)
    except InputError as error:
        raise InputError(f"{path}: {label}: {str(error).replace('--smiles', 'the SMILES')}") from error


def hetatm_code(source: Path | StructureFile, group: str = "") -> str:
    """Residue name of the ligand in a structure file; arguments and errors as in `read_hetatm_ligand`."""
    return _chosen(as_structure(source), group)[0].name


def hetatm_pdb(source: Path | StructureFile, group: str = "") -> str:
    """The ligand's heavy atoms as HETATM records without bonds; arguments and errors as in `read_hetatm_ligand`."""
    return _pdb_block(_chosen(as_structure(source), group))


def _chosen(structure: StructureFile, group: str) -> list[Group]:
    return _named(structure, group) if group else [_only(structure.path, structure.groups)]


def groups_named(structure: StructureFile, name: str) -> list[Group]:
    """The groups that a name or place means, in file order."""
    wanted = name.strip().upper()
    return [
        one
        for one in structure.groups
        if wanted == one.name
        or names_place(
            wanted,
            (one.chain, structure.originals.get(one.chain, one.chain)),
            *(one.name, one.number, one.insertion),
        )
    ]


def _label(group: Group) -> str:
    return place_label(group.chain, group.name, group.number, group.insertion)


def _named(structure: StructureFile, wanted: str) -> list[Group]:
    """The groups of a name, or of names joined by "+"."""
    found = []
    for name in wanted.split("+"):
        matches = groups_named(structure, name)
        if not matches:
            raise InputError(
                f"{structure.path}: has no group {name.strip().upper()}; name a residue such as STI, or A:STI201"
            )
        found.append(matches[0])
    return found


def _only(path: Path, groups: Sequence[Group]) -> Group:
    """The first group of the only kind of ligand in the file."""
    ligands = [one for one in groups if one.hetero and group_kind(one.name, one.elements) == "ligand"]
    names = sorted({one.name for one in ligands})
    if not names:
        raise InputError(f"{path}: no HETATM group looks like a ligand; name the one to take")
    if len(names) > 1:
        raise InputError(f"{path}: several ligands ({', '.join(names)}); name the one to take")
    return ligands[0]


def _heavy(group: Group) -> list[int]:
    return [index for index, element in enumerate(group.elements) if element not in ("H", "D")]


def _pdb_block(groups: Sequence[Group]) -> str:
    """HETATM records of the heavy atoms; bonds are left to proximity."""
    lines = []
    for group in groups:
        for index in _heavy(group):
            element, (x, y, z) = group.elements[index].upper(), group.pos[index]
            name = f"{element:>2}{len(lines) + 1 if len(lines) < 99 else '':<2}"
            place = f"{x:8.3f}{y:8.3f}{z:8.3f}"
            lines.append(f"HETATM{len(lines) + 1:>5} {name} LIG A   1    {place}  1.00  0.00          {element:>2}")
    return "\n".join([*lines, "END", ""])


def _mol_block(path: Path, group: Group, component: Component) -> str:
    """The group's heavy atoms with the component's bonds and charges as a MOL block."""
    place = {group.atom_names[index]: index for index in _heavy(group)}
    strange = sorted(set(place) - set(component.names))
    lacking = [
        name
        for name, leaving in zip(component.names, component.leaving, strict=True)
        if name not in place and not leaving
    ]
    if strange or lacking:
        what = f"has no {', '.join(lacking[:4])}" if lacking else f"has {', '.join(strange[:4])} too many"
        raise InputError(
            f"{path}: {_label(group)} {what} compared with the component; give its SMILES, or leave it out"
        )
    with rdBase.BlockLogs():
        try:
            return _component_block(group, component, place)
        except (OverflowError, RuntimeError, ValueError) as error:  # RDKit's, for unknown elements and impossible bonds
            raise InputError(
                f"{path}: the elements and bonds of component {component.code} make no molecule; give the SMILES of "
                f"{_label(group)}, or download the component again"
            ) from error


def _component_block(group: Group, component: Component, place: Mapping[str, int]) -> str:
    """A MOL block of the component's atoms that have a `place` among the group's."""
    mol, index_of = Chem.RWMol(), {}
    for name, element, charge in zip(component.names, component.elements, component.charges, strict=True):
        if name in place:
            atom = Chem.Atom(element)
            atom.SetFormalCharge(charge)
            index_of[name] = mol.AddAtom(atom)
    for first, second, order in component.bonds:
        if first in index_of and second in index_of:
            mol.AddBond(index_of[first], index_of[second], order)
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.Set3D(True)
    conformer.SetPositions(np.ascontiguousarray(group.pos[[place[name] for name in index_of]]))
    mol.AddConformer(conformer)
    return Chem.MolToMolBlock(mol, kekulize=False)
