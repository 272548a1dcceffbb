"""The protonation states that a ligand has at a pH, each as a ligand of its own."""

from __future__ import annotations

from dataclasses import replace

from rdkit import Chem
from rdkit.Chem import rdBase

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.prepare_ligand import canonical_hydrogen_counts, stereo_notes
from disco_dock.chem.state_limits import check_ph
from disco_dock.runtime.errors import InputError

MAX_STATES = 16
"""Most protonation states of one ligand."""


def protonation_states(ligand: Ligand, ph: float) -> list[Ligand]:
    """The states of a ligand's acids and bases that are not rare at a pH, by tables of pKa values.

    Tautomers stay as they are. Of a group whose pKa is within a standard deviation of the pH both forms are given.

    Args:
        ligand: as read; its pose, atom order and stereo stay.
        ph: 0 to 14.

    Returns:
        One ligand under its own name; or several named NAME_prot1, NAME_prot2, ..., sorted by SMILES. The same ones for
        the same ligand and pH.

    Raises:
        ConfigError: the pH is out of range.
        InputError: dimorphite-dl is not installed, or cannot treat the molecule.

    Source: dimorphite-dl (Ropp et al., J. Cheminf. 2019).
    """
    check_ph(ph)
    found = _states(ligand, ph)
    kept = found[:MAX_STATES]
    return [_state(ligand, mol, ph, number, len(kept), len(found)) for number, mol in enumerate(kept, start=1)]


def _states(ligand: Ligand, ph: float) -> list[Chem.Mol]:
    """Molecules in the atom order of the ligand, one for each state."""
    try:
        from dimorphite_dl import protonate_smiles
    except ImportError as error:
        raise InputError("--protonate needs dimorphite-dl; pip install 'disco-dock[protonate]'") from error
    from loguru import logger

    logger.disable("dimorphite_dl")
    with rdBase.BlockLogs():
        try:
            texts = protonate_smiles(ligand.smiles, ph_min=ph, ph_max=ph, precision=1.0, max_variants=4 * MAX_STATES)
        except ValueError as error:
            raise InputError(
                f"{ligand.source}: {ligand.name}: its protonation is not known ({error}); leave out --protonate"
            ) from error
        distinct = {Chem.CanonSmiles(text): None for text in texts}
        mols = [_charged_as(ligand.mol, Chem.MolFromSmiles(text)) for text in sorted(distinct)]
    return [mol for mol in mols if mol is not None] or [ligand.mol]


def _charged_as(mol: Chem.Mol, state: Chem.Mol) -> Chem.Mol | None:
    """A molecule with charges and hydrogens of a state of it: the same atoms, pose and stereo; None where it is none.

    A state with other bonds is taken as it is, with the atoms in the order of the molecule and without its pose.
    """
    wanted = Chem.MolToSmiles(state)
    match = _neutral(state).GetSubstructMatch(_neutral(mol), useChirality=True)
    if len(match) == state.GetNumAtoms() == mol.GetNumAtoms():
        copy = Chem.RWMol(mol)
        for atom, partner in zip(copy.GetAtoms(), match, strict=True):
            other = state.GetAtomWithIdx(partner)
            if atom.GetFormalCharge() != other.GetFormalCharge() or atom.GetTotalNumHs() != other.GetTotalNumHs():
                atom.SetFormalCharge(other.GetFormalCharge())
                atom.SetNoImplicit(True)
                atom.SetNumExplicitHs(other.GetTotalNumHs())
        found = copy.GetMol()
        if Chem.SanitizeMol(found, catchErrors=True) == Chem.SanitizeFlags.SANITIZE_NONE:
            canonical_hydrogen_counts(found)
            if Chem.MolToSmiles(found) == wanted:
                return found
    match = _skeleton(state).GetSubstructMatch(_skeleton(mol))
    if len(match) != state.GetNumAtoms() or state.GetNumAtoms() != mol.GetNumAtoms():
        return None
    found = Chem.RenumberAtoms(state, list(match))
    canonical_hydrogen_counts(found)
    return found


def _neutral(mol: Chem.Mol) -> Chem.Mol:
    """Bonds, elements and stereo without charges."""
    copy = Chem.Mol(mol)
    for atom in copy.GetAtoms():
        atom.SetFormalCharge(0)
    return copy


def _skeleton(mol: Chem.Mol) -> Chem.Mol:
    """Elements and which atoms are bonded."""
    copy = Chem.RWMol(_neutral(mol))
    for atom in copy.GetAtoms():
        atom.SetIsAromatic(False)
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    for bond in copy.GetBonds():
        bond.SetIsAromatic(False)
        bond.SetBondType(Chem.BondType.SINGLE)
        bond.SetStereo(Chem.BondStereo.STEREONONE)
    return copy.GetMol()


def _state(ligand: Ligand, mol: Chem.Mol, ph: float, number: int, total: int, found: int) -> Ligand:
    """The ligand in one state."""
    smiles = Chem.MolToSmiles(mol)
    more = f" (of {found}; the others are left out)" if found > total else ""
    which = f"state {number} of {total}{more}" if total > 1 else "the only state"
    note = f"protonation at pH {ph:g}: {which} of {ligand.name}: {smiles}"
    open_before = set(stereo_notes(ligand.mol))
    kept = [text for text in ligand.notes if text not in open_before]
    return replace(
        ligand,
        name=f"{ligand.name}_prot{number}" if total > 1 else ligand.name,
        mol=mol,
        pos=ligand.pos if mol.GetNumConformers() else None,
        notes=(*kept, note, *stereo_notes(mol)),
        state_of=(ligand.state_of or ligand.name) if total > 1 else ligand.state_of,
    )
