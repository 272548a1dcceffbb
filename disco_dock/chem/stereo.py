"""Whether the stereochemistry of a molecule and of its 3-D poses agree.

A torsion turns rigid parts, so it cannot invert a centre, but it can turn an acyclic double bond; embedding and
coordinates from files can do both. These checks read the configuration off the coordinates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rdkit import Chem

_MIN_VOLUME = 0.02
"""Smallest triple product of unit bond vectors of a centre that is not flat (0.77 for a perfect tetrahedron)."""

_MIN_COSINE = 0.1
"""Smallest |cos| of the dihedral of a double bond that is not half-way turned."""

_MIN_SINE, _CLEAR_SINE = 0.1, 0.3
"""Smallest |sin| of the dihedral of an atropisomer's axis in a pose, and in an input that is one."""

_AXIS_STEREO = {Chem.BondStereo.STEREOATROPCW: 1, Chem.BondStereo.STEREOATROPCCW: -1}
"""Sign of the dihedral of the neighbours of lowest index beside an atropisomer's axis, as RDKit numbers them."""

_CROWDED = 3
"""Substituted atoms beside an axis from which on it does not turn at room temperature."""

_SP2 = Chem.HybridizationType.SP2
_TAGS = {Chem.ChiralType.CHI_TETRAHEDRAL_CW: -1, Chem.ChiralType.CHI_TETRAHEDRAL_CCW: 1}
_BOND_STEREO = {
    Chem.BondStereo.STEREOZ: 1,
    Chem.BondStereo.STEREOCIS: 1,
    Chem.BondStereo.STEREOE: -1,
    Chem.BondStereo.STEREOTRANS: -1,
}


class StereoSignature(NamedTuple):
    """Specified stereo elements, comparable between molecules with the same order of atoms.

    Attributes:
        centres: (atom, "R", "S", or "?" where the rules give no label), ordered by atom.
        bonds: (lower atom, higher atom, "E" or "Z"), ordered by atoms; CIS/TRANS where the rules give no label.
    """

    centres: tuple[tuple[int, str], ...]
    bonds: tuple[tuple[int, int, str], ...]


class _Elements(NamedTuple):
    """Stereo elements as index arrays with the sign each has in 3-D.

    Attributes:
        centres: int64 [C, 4], a centre and three neighbours; centre_signs [C], of their triple product.
        bonds: int64 [D, 4], the dihedral of a double bond; bond_signs [D], of its cosine.
        axes: int64 [A, 4], the dihedral of an atropisomer's axis; axis_signs [A], of its sine in the input.
    """

    centres: np.ndarray
    centre_signs: np.ndarray
    bonds: np.ndarray
    bond_signs: np.ndarray
    axes: np.ndarray
    axis_signs: np.ndarray


def stereo_signature(mol: Chem.Mol) -> StereoSignature:
    """CIP labels of the specified tetrahedral centres and double bonds of a molecule.

    Args:
        mol: sanitised, stereo assigned.

    Returns:
        StereoSignature; atoms by index in `mol`.
    """
    copy = Chem.Mol(mol)
    Chem.AssignStereochemistry(copy, cleanIt=True, force=True)
    centres = tuple(
        (atom.GetIdx(), atom.GetProp("_CIPCode") if atom.HasProp("_CIPCode") else "?")
        for atom in copy.GetAtoms()
        if atom.GetChiralTag() in _TAGS
    )
    bonds = []
    for bond in copy.GetBonds():
        if bond.GetStereo() in _BOND_STEREO:
            low, high = sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
            bonds.append((low, high, bond.GetStereo().name.removeprefix("STEREO")))
    return StereoSignature(centres, tuple(sorted(bonds)))


def signature_from_pose(mol: Chem.Mol, pos: np.ndarray) -> StereoSignature:
    """CIP labels that RDKit perceives from one pose, whatever stereo `mol` states.

    Args:
        mol: molecule of L atoms without explicit hydrogens.
        pos: float [L, 3] in Angstrom.
    """
    copy = Chem.Mol(mol)
    copy.RemoveAllConformers()
    conformer = Chem.Conformer(copy.GetNumAtoms())
    conformer.Set3D(True)
    conformer.SetPositions(np.ascontiguousarray(pos, dtype=np.float64))
    copy.AddConformer(conformer)
    Chem.AssignStereochemistryFrom3D(copy, replaceExistingTags=True)
    return stereo_signature(copy)


def stereo_kept(mol: Chem.Mol, pos: np.ndarray) -> bool:
    """Whether a pose has every specified centre, double bond and atropisomer's axis in its configuration.

    Args:
        mol: molecule of L atoms without explicit hydrogens, stereo assigned.
        pos: float [L, 3] in Angstrom.

    Returns:
        True when all agree (also when there are none); a flat centre or a half-turned double bond does not agree.
    """
    return bool(stereo_kept_each(mol, pos[None])[0])


def stereo_kept_each(mol: Chem.Mol, pos: np.ndarray) -> np.ndarray:
    """`stereo_kept` of many poses at once.

    Args:
        mol: molecule of L atoms without explicit hydrogens, stereo assigned.
        pos: float [P, L, 3] in Angstrom.

    Returns:
        bool [P].
    """
    elements = _elements(mol)
    kept = np.asarray(np.isfinite(pos).all(axis=(1, 2)))
    with np.errstate(invalid="ignore"):
        if len(elements.centres):
            signed = _volumes(pos, elements.centres) * elements.centre_signs
            kept = kept & (signed > _MIN_VOLUME).all(axis=1)
        if len(elements.bonds):
            signed = _dihedral_cosines(pos, elements.bonds) * elements.bond_signs
            kept = kept & (signed > _MIN_COSINE).all(axis=1)
        if len(elements.axes):
            signed = _dihedral_sines(pos, elements.axes) * elements.axis_signs
            kept = kept & (signed > _MIN_SINE).all(axis=1)
    return kept


def atropisomer_axes(mol: Chem.Mol) -> list[tuple[int, int, int, int]]:
    """Dihedrals (atom, axis, axis, atom) of bonds between two flat rings that their neighbours keep from turning.

    Three of the four atoms beside the axis bear something else than hydrogen, or are ring fusions, and the two sides of
    each ring differ.

    Args:
        mol: molecule without explicit hydrogens.
    """
    ranks = list(Chem.CanonicalRankAtoms(mol, breakTies=False))
    axes = []
    for bond in mol.GetBonds():
        begin, end = bond.GetBeginAtom(), bond.GetEndAtom()
        flat = all(atom.IsInRing() and atom.GetHybridization() == _SP2 for atom in (begin, end))
        if bond.IsInRing() or bond.GetBondType() != Chem.BondType.SINGLE or not flat:
            continue
        ends = (begin.GetIdx(), end.GetIdx())
        sides = [[one for one in atom.GetNeighbors() if one.GetIdx() not in ends] for atom in (begin, end)]
        if any(len(side) != 2 or ranks[side[0].GetIdx()] == ranks[side[1].GetIdx()] for side in sides):
            continue
        if sum(_is_crowded(one) for side in sides for one in side) >= _CROWDED:
            first, last = (max(side, key=lambda one: ranks[one.GetIdx()]) for side in sides)
            axes.append((first.GetIdx(), begin.GetIdx(), end.GetIdx(), last.GetIdx()))
    return axes


def held_axes(mol: Chem.Mol) -> frozenset[frozenset[int]]:
    """Atom pairs of the atropisomers' axes whose configuration the input gives, by its pose or by a wedge.

    Args:
        mol: molecule without explicit hydrogens.
    """
    return frozenset(frozenset(axis) for axis in _axes_of_input(mol)[0][:, 1:3].tolist())


def without_pose(mol: Chem.Mol) -> Chem.Mol:
    """A copy without conformers that still states the configuration of the atropisomers' axes of its pose."""
    axes, signs = _axes_of_input(mol)
    copy = Chem.Mol(mol)
    copy.RemoveAllConformers()
    kinds = {sign: kind for kind, sign in _AXIS_STEREO.items()}
    for (first, begin, end, last), sign in zip(axes.tolist(), signs.tolist(), strict=True):
        bond = copy.GetBondBetweenAtoms(begin, end)
        lowest = _lowest_dihedral(bond)
        other_side = (first not in lowest) != (last not in lowest)
        bond.SetStereo(kinds[-sign if other_side else sign])
    return copy


def _elements(mol: Chem.Mol) -> _Elements:
    """Specified stereo elements of a molecule."""
    centres, centre_signs, bonds, bond_signs = [], [], [], []
    for atom in mol.GetAtoms():
        sign = _TAGS.get(atom.GetChiralTag())
        # RDKit's tag orders the neighbours by the atom's bonds; a hydrogen that is not drawn comes last.
        neighbours = [bond.GetOtherAtomIdx(atom.GetIdx()) for bond in atom.GetBonds()]
        if sign is not None and len(neighbours) >= 3:
            centres.append((atom.GetIdx(), *neighbours[:3]))
            centre_signs.append(sign)
    for bond in mol.GetBonds():
        sign = _BOND_STEREO.get(bond.GetStereo())
        references = list(bond.GetStereoAtoms())
        if sign is not None and len(references) == 2:
            bonds.append((references[0], bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), references[1]))
            bond_signs.append(sign)
    axes, axis_signs = _axes_of_input(mol)
    return _Elements(
        np.array(centres, dtype=np.int64).reshape(-1, 4),
        np.array(centre_signs),
        np.array(bonds, dtype=np.int64).reshape(-1, 4),
        np.array(bond_signs),
        axes,
        axis_signs,
    )


def _is_crowded(atom: Chem.Atom) -> bool:
    """Whether an atom beside an axis bears more than hydrogen or fluorine."""
    return atom.GetDegree() > 2 and not any(other.GetAtomicNum() == 9 for other in atom.GetNeighbors())


def _axes_of_input(mol: Chem.Mol) -> tuple[np.ndarray, np.ndarray]:
    """Axes [A, 4] of atropisomers and the signs of their dihedrals.

    Of a molecule with a pose, those well out of plane in it; of another, those that wedges of the input tell.
    """
    if not mol.GetNumConformers():
        tagged = [bond for bond in mol.GetBonds() if bond.GetStereo() in _AXIS_STEREO]
        axes = np.array([_lowest_dihedral(bond) for bond in tagged], dtype=np.int64).reshape(-1, 4)
        return axes, np.array([float(_AXIS_STEREO[bond.GetStereo()]) for bond in tagged])
    found = np.array(atropisomer_axes(mol), dtype=np.int64).reshape(-1, 4)
    if not len(found):
        return found, np.zeros(0)
    sines = _dihedral_sines(np.array(mol.GetConformer().GetPositions())[None], found)[0]
    clear = np.abs(sines) > _CLEAR_SINE
    return found[clear], np.sign(sines[clear])


def _lowest_dihedral(bond: Chem.Bond) -> tuple[int, int, int, int]:
    """The dihedral (atom, begin, end, atom) of a bond with the neighbour of lowest index at each end."""
    begin, end = bond.GetBeginAtom(), bond.GetEndAtom()
    ends = (begin.GetIdx(), end.GetIdx())
    first, last = (
        min(one.GetIdx() for one in atom.GetNeighbors() if one.GetIdx() not in ends) for atom in (begin, end)
    )
    return first, *ends, last


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    return vectors / np.maximum(length, 1e-9)


def _volumes(pos: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Triple products [P, C] of the unit vectors from each centre to its first three neighbours."""
    first, second, third = (_unit(pos[:, centres[:, k]] - pos[:, centres[:, 0]]) for k in (1, 2, 3))
    return np.einsum("pci,pci->pc", first, np.cross(second, third))


def _dihedral_sines(pos: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Sines [P, A] of the dihedral angles of the atoms `quads` [A, 4]."""
    first, middle, last = (pos[:, quads[:, k + 1]] - pos[:, quads[:, k]] for k in range(3))
    one, other = _unit(np.cross(first, middle)), _unit(np.cross(middle, last))
    return np.einsum("pai,pai->pa", np.cross(one, other), _unit(middle))


def _dihedral_cosines(pos: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Cosines [P, D] of the dihedral angles of the atoms `quads` [D, 4]."""
    first, middle, last = (pos[:, quads[:, k + 1]] - pos[:, quads[:, k]] for k in range(3))
    return np.einsum("pdi,pdi->pd", _unit(np.cross(first, middle)), _unit(np.cross(middle, last)))
