"""From the text of one molecule to a `Ligand`: parse, check, perceive stereo, strip hydrogens."""

from __future__ import annotations

import numpy as np
from rdkit import Chem
from rdkit.Chem import AllChem, rdBase

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands import ligand_checks
from disco_dock.chem.ligands.ligand_files import Record
from disco_dock.chem.ligands.mol2 import Mol2Molecule, check_rings
from disco_dock.chem.structures.record_repair import one_location, without_query_columns
from disco_dock.runtime.errors import InputError

MAX_SMILES_LENGTH = 10_000
"""Longer strings cannot be a ligand of acceptable size; refused before RDKit sees them."""

MAX_TEXT_ATOMS = 5_000
"""Molecules with more atoms than this, hydrogens and all fragments included, are refused before sanitisation."""

_FORMAT_NAMES = {"sdf": "MOL block", "mol2": "MOL2 record", "smi": "SMILES", "pdb": "PDB file"}


def prepare(record: Record, *, source: str, name: str, template_smiles: str | None, largest_fragment: bool) -> Ligand:
    """The ligand described by one record.

    Args:
        record: text of one molecule.
        source: file name or "SMILES", kept in the result.
        name: title, already made unique by the caller.
        template_smiles: bond orders for a PDB record; not used for other formats, which carry their own.
        largest_fragment: keep the largest of several fragments in place of refusing.

    Returns:
        Ligand without explicit hydrogens, stereo taken from the 3-D coordinates where there are any.

    Raises:
        InputError: one sentence without the file's name, which the caller adds.
    """
    with rdBase.BlockLogs():
        notes: list[str] = []
        if record.note:
            notes.append(record.note)
        record = record._replace(text=_readable(record, notes))
        raw = _parse(record, sanitize=False)
        ligand_checks.check_bonds(raw, record.kind)
        part = _chosen_part(raw, largest_fragment, notes)
        if record.kind == "pdb":
            mol = _with_bond_orders(raw, part, template_smiles, notes)
        else:
            numbers = dict(enumerate(part))
            ligand_checks.check_skeleton(_submol(raw, part), numbers)
            try:
                parsed = _parse(record, sanitize=True)
            except InputError:
                raise InputError(ligand_checks.chemistry_problem(raw)) from None
            if record.kind == "mol2":
                check_rings(parsed)
            mol = _submol(parsed, part)
        ligand_checks.check_aromatic_bonds(mol)
        order = _order_of_atoms(mol)
        try:
            mol, pos = _finish(mol, notes)
        except (RuntimeError, ValueError) as error:  # RDKit's own checks, on molecules that passed sanitisation
            raise InputError(ligand_checks.chemistry_problem(raw)) from error
    return Ligand(
        source=source, name=name, mol=mol, pos=pos, notes=tuple(notes), index_in_file=record.number, order=order
    )


def _order_of_atoms(mol: Chem.Mol) -> tuple[int, ...]:
    """The atoms of a molecule with hydrogens, see `Ligand.order`; empty without, or with hydrogens that bridge."""
    heavy = {
        atom.GetIdx(): place for place, atom in enumerate(one for one in mol.GetAtoms() if one.GetAtomicNum() != 1)
    }
    if len(heavy) == mol.GetNumAtoms():
        return ()
    order = []
    for atom in mol.GetAtoms():
        partners = [other.GetIdx() for other in atom.GetNeighbors()]
        if atom.GetIdx() in heavy:
            order.append(heavy[atom.GetIdx()])
        elif len(partners) == 1 and partners[0] in heavy:
            order.append(-1 - heavy[partners[0]])
        else:
            return ()
    return tuple(order)


def _readable(record: Record, notes: list[str]) -> str:
    """The text of a record without columns that programs fill in ways of their own."""
    if record.kind == "pdb":
        return one_location(record.text, notes)
    return without_query_columns(record.text, notes) if record.kind == "sdf" else record.text


def _parse(record: Record, *, sanitize: bool) -> Chem.Mol:
    """The molecule of a record with its explicit hydrogens.

    Raises:
        InputError: when RDKit cannot read it.
    """
    text = record.text
    mol: Chem.Mol | None = None
    if record.kind == "smi" and len(text) > MAX_SMILES_LENGTH:
        raise InputError(f"the SMILES has {len(text)} characters, more than {MAX_SMILES_LENGTH}; give a smaller ligand")
    try:
        if record.kind == "sdf":
            mol = Chem.MolFromMolBlock(text, sanitize=sanitize, removeHs=False)
        elif record.kind == "mol2":
            mol = Mol2Molecule(text).molecule()
            if sanitize:
                Chem.SanitizeMol(mol)
        elif record.kind == "pdb":
            mol = Chem.MolFromPDBBlock(text, sanitize=sanitize, removeHs=False)
        elif _is_plain(text.partition(" ")[0]):
            options = Chem.SmilesParserParams()
            options.sanitize = sanitize
            options.removeHs = False
            options.parseName = False
            mol = Chem.MolFromSmiles(text, options)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"not a readable {_FORMAT_NAMES[record.kind]}; export the molecule again") from error
    if mol is None:
        shown = f" ({text[:60]!r})" if record.kind == "smi" else ""
        remedy = "check it for typing errors" if record.kind == "smi" else "export the molecule again"
        raise InputError(f"not a readable {_FORMAT_NAMES[record.kind]}{shown}; {remedy}")
    if mol.GetNumAtoms() > MAX_TEXT_ATOMS:
        raise InputError(f"the molecule has {mol.GetNumAtoms()} atoms, far too many for a ligand; is it the receptor?")
    ligand_checks.check_elements(mol)
    return mol


def _is_plain(smiles: str) -> bool:
    """Whether a SMILES has only printable ASCII; RDKit would drop other characters at its ends without a word."""
    return smiles.isascii() and smiles.isprintable()


def _chosen_part(raw: Chem.Mol, largest: bool, notes: list[str]) -> list[int]:
    """Indices of the atoms to keep, in input order.

    Raises:
        InputError: for no atoms, or several fragments when `largest` is false.
    """
    parts = ligand_checks.fragments(raw)
    if not parts:
        raise InputError("the molecule has no atoms; give a molecule with at least 2 heavy atoms")
    if len(parts) == 1:
        return parts[0]
    listed = ligand_checks.describe_fragments(raw)
    if not largest:
        raise InputError(
            f"{len(parts)} fragments ({listed}), expected 1; keep the largest with --largest-fragment, or remove the "
            "others"
        )
    notes.append(f"only the largest of {len(parts)} fragments is docked ({listed})")
    return sorted(ligand_checks.largest_fragment(raw))


def _submol(mol: Chem.Mol, keep: list[int]) -> Chem.Mol:
    """The molecule with only the atoms `keep`, in unchanged order."""
    if len(keep) == mol.GetNumAtoms():
        return mol
    return ligand_checks.part_of(mol, set(keep))


def _with_bond_orders(raw: Chem.Mol, part: list[int], template_smiles: str | None, notes: list[str]) -> Chem.Mol:
    """A PDB molecule, hydrogens dropped, with the bond orders and charges of a SMILES.

    Raises:
        InputError: without a SMILES, or when it does not describe the same skeleton.
    """
    if template_smiles is None:
        raise InputError("a PDB file holds no bond orders; give them with --smiles, or give the ligand as SDF")
    heavy = [index for index in part if raw.GetAtomWithIdx(index).GetAtomicNum() != 1]
    skeleton = Chem.RWMol(_submol(raw, heavy))
    for bond in skeleton.GetBonds():
        bond.SetBondType(Chem.BondType.SINGLE)
    ligand_checks.check_skeleton(skeleton, dict(enumerate(heavy)))
    try:
        record = Record("smi", 0, "", template_smiles)
        template = prepare(record, source="SMILES", name="", template_smiles=None, largest_fragment=False).mol
    except InputError as error:
        raise InputError(f"--smiles: {error}") from error
    if template.GetNumAtoms() != skeleton.GetNumAtoms():
        raise InputError(
            f"the PDB file has {skeleton.GetNumAtoms()} heavy atoms and --smiles {template.GetNumAtoms()}; give the "
            "SMILES of exactly this molecule, and a complete PDB file"
        )
    try:
        mol = AllChem.AssignBondOrdersFromTemplate(template, skeleton.GetMol())
    except (RuntimeError, ValueError) as error:
        message = "--smiles does not fit the atoms and bonds of the PDB file; check that it is this molecule"
        raise InputError(message) from error
    Chem.AssignStereochemistryFrom3D(mol, replaceExistingTags=True)
    if not mol.HasSubstructMatch(template, useChirality=True):
        notes.append("the stereochemistry of the PDB coordinates differs from --smiles; the coordinates are used")
    return mol


def _finish(mol: Chem.Mol, notes: list[str]) -> tuple[Chem.Mol, np.ndarray | None]:
    """The molecule with stereo assigned and hydrogens removed, and its 3-D pose.

    Raises:
        InputError: for coordinates that make no sense.
    """
    in_space = _is_3d(mol)
    if in_space:
        ligand_checks.check_coordinates(mol, mol.GetConformer().GetPositions())
        Chem.AssignStereochemistryFrom3D(mol, replaceExistingTags=True)
    else:
        mol.RemoveAllConformers()
    if any(atom.GetAtomicNum() == 1 and atom.GetIsotope() for atom in mol.GetAtoms()):
        notes.append("deuterium and tritium are treated as hydrogen")
    if mol.GetStereoGroups():
        notes.append("relative or mixed stereochemistry is docked as drawn")
    mol = Chem.RemoveAllHs(mol)
    _drop_annotations(mol)
    Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
    canonical_hydrogen_counts(mol)
    notes.extend(stereo_notes(mol))
    ligand_checks.check_radicals(mol, notes)
    for conformer in list(mol.GetConformers())[1:]:
        mol.RemoveConformer(conformer.GetId())
    pos = np.array(mol.GetConformer().GetPositions(), dtype=np.float64) if in_space else None
    return mol, pos


def _drop_annotations(mol: Chem.Mol) -> None:
    """Remove what drawing programs attach to atoms and groups: it would change the SMILES or reappear in the output."""
    Chem.ClearMolSubstanceGroups(mol)
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
        for name in ("molFileValue", "molFileAlias"):
            atom.ClearProp(name)


def _is_3d(mol: Chem.Mol) -> bool:
    """Whether the molecule has coordinates outside a plane of constant z."""
    if mol.GetNumConformers() == 0 or not mol.GetConformer().Is3D():
        return False
    heights = mol.GetConformer().GetPositions()[:, 2]
    return not bool(np.all(heights == heights[0]))


def canonical_hydrogen_counts(mol: Chem.Mol) -> None:
    """Rewrite how hydrogens are recorded, so that features do not depend on how the molecule was written.

    RDKit counts a hydrogen as explicit or implicit by its history: brackets in a SMILES, hydrogens in the file or not.
    Here it is explicit on stereocentres, on aromatic atoms other than carbon, and where the default valence would give
    another number; otherwise implicit. Total counts never change.

    Args:
        mol: sanitised molecule without explicit hydrogens, changed in place.
    """
    for atom in mol.GetAtoms():
        total = atom.GetTotalNumHs()
        tagged = atom.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED
        atom.SetNoImplicit(False)
        atom.SetNumExplicitHs(0)
        atom.UpdatePropertyCache(strict=False)
        if tagged or atom.GetTotalNumHs() != total:
            atom.SetNumExplicitHs(total)
            atom.SetNoImplicit(tagged or not atom.GetIsAromatic())
            atom.UpdatePropertyCache(strict=False)


def _is_cumulated(bond: Chem.Bond) -> bool:
    """Whether an end of a double bond is linear, as in azides, allenes and ketenes: there is no E or Z."""
    return any(
        sum(other.GetBondTypeAsDouble() >= 2 for other in atom.GetBonds()) > 1
        for atom in (bond.GetBeginAtom(), bond.GetEndAtom())
    )


def stereo_notes(mol: Chem.Mol) -> list[str]:
    """Sentences that name stereocentres and double bonds without a given configuration."""
    centres, bonds = [], []
    for element in Chem.FindPotentialStereo(mol):
        if element.specified != Chem.StereoSpecified.Unspecified:
            continue
        if element.type == Chem.StereoType.Atom_Tetrahedral:
            centres.append(f"{element.centeredOn + 1} ({mol.GetAtomWithIdx(element.centeredOn).GetSymbol()})")
        elif element.type == Chem.StereoType.Bond_Double:
            bond = mol.GetBondWithIdx(element.centeredOn)
            if _is_cumulated(bond):
                continue
            bonds.append(f"{bond.GetBeginAtomIdx() + 1}-{bond.GetEndAtomIdx() + 1}")
    remark = "one configuration is docked, chosen by the seed"
    notes = []
    if centres:
        notes.append(f"unspecified stereocentre at atom {', '.join(centres)}: {remark}")
    if bonds:
        notes.append(f"unspecified double bond at atoms {', '.join(bonds)}: {remark}")
    return notes
