"""Whether a group with a phosphate is a nucleotide, coenzyme or metabolite, or a drug that carries one."""

from __future__ import annotations

from rdkit import Chem

_NUCLEOSIDE = Chem.MolFromSmarts("[#8]1~[#6](~[#7;R,#6;R])~[#6]~[#6]~[#6]~1~[#6]")
_PYRIDOXAL = Chem.MolFromSmarts("[#7]1~[#6](~[#6])~[#6](~[#8])~[#6](~[#6])~[#6](~[#6]~[#8]~[#15])~[#6]~1")
_PHOSPHATE_OXYGENS = 3
_DRUG_RINGS = 3
_HALOGENS = frozenset({9, 17, 35, 53})


def is_natural_phosphate(mol: Chem.Mol) -> bool:
    """Whether a skeleton has a phosphate ester as cofactors and metabolites have it.

    Esters on phosphorus with nitrogen or carbon, triesters (ProTides, organophosphates), halogens, and
    phosphonooxymethyl ethers (fostamatinib, fosphenytoin) are drugs; so is a monophosphate with two ring systems, or
    three rings, that are no sugars, unless it is a nucleotide or has the core of pyridoxal phosphate.

    Args:
        mol: heavy atoms and single bonds, rings found.
    """
    esters = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() == 15 and _is_ester(atom)]
    if not esters or any(atom.GetAtomicNum() in _HALOGENS for atom in mol.GetAtoms()):
        return False
    if any(_is_drugs_phosphorus(atom) for atom in esters):
        return False
    if any(_is_diphosphate(atom) for atom in esters):
        return True
    if mol.HasSubstructMatch(_NUCLEOSIDE) or mol.HasSubstructMatch(_PYRIDOXAL):
        return True
    rings = _other_rings(mol)
    return len(rings) < _DRUG_RINGS and _systems(rings) < 2


def _is_ester(phosphorus: Chem.Atom) -> bool:
    """Whether a phosphorus has three oxygens at least and no carbon, one oxygen leading on: no phosphonate, no ion."""
    partners = list(phosphorus.GetNeighbors())
    oxygens = [atom for atom in partners if atom.GetAtomicNum() == 8]
    return (
        len(oxygens) >= _PHOSPHATE_OXYGENS
        and not any(atom.GetAtomicNum() == 6 for atom in partners)
        and any(atom.GetDegree() > 1 for atom in oxygens)
    )


def _is_drugs_phosphorus(phosphorus: Chem.Atom) -> bool:
    """Whether a phosphate is an amide or triester, or sits on the carbon between it and another oxygen or nitrogen."""
    esters = [atom for atom in phosphorus.GetNeighbors() if atom.GetAtomicNum() == 8 and atom.GetDegree() > 1]
    amide = any(
        atom.GetAtomicNum() == 7 and not any(other.GetAtomicNum() == 15 for other in _others(atom, phosphorus))
        for atom in phosphorus.GetNeighbors()
    )
    return amide or len(esters) > 2 or any(_is_oxymethyl(oxygen, phosphorus) for oxygen in esters)


def _is_oxymethyl(oxygen: Chem.Atom, phosphorus: Chem.Atom) -> bool:
    carbon = next(iter(_others(oxygen, phosphorus)))
    return (
        carbon.GetAtomicNum() == 6
        and carbon.GetDegree() == 2
        and any(atom.GetAtomicNum() in (7, 8) for atom in _others(carbon, oxygen))
    )


def _is_diphosphate(phosphorus: Chem.Atom) -> bool:
    return any(
        other.GetAtomicNum() == 15
        for bridge in phosphorus.GetNeighbors()
        if bridge.GetAtomicNum() in (7, 8)
        for other in _others(bridge, phosphorus)
    )


def _others(atom: Chem.Atom, known: Chem.Atom) -> list[Chem.Atom]:
    return [one for one in atom.GetNeighbors() if one.GetIdx() != known.GetIdx()]


def _other_rings(mol: Chem.Mol) -> list[set[int]]:
    """Atoms of the rings that are neither sugars nor inositols nor cyclic phosphates."""
    return [
        set(ring)
        for ring in mol.GetRingInfo().AtomRings()
        if not _is_sugar(mol, ring) and not any(mol.GetAtomWithIdx(index).GetAtomicNum() == 15 for index in ring)
    ]


def _systems(rings: list[set[int]]) -> int:
    """Number of sets once those that share atoms are joined."""
    systems: list[set[int]] = []
    for ring in rings:
        joined = ring.union(*(system for system in systems if system & ring))
        systems = [joined, *(system for system in systems if not system & ring)]
    return len(systems)


def _is_sugar(mol: Chem.Mol, ring: tuple[int, ...]) -> bool:
    """Whether a ring is of carbons and one oxygen at most, and two of its carbons at least bear an oxygen."""
    atoms = [mol.GetAtomWithIdx(index) for index in ring]
    numbers = [atom.GetAtomicNum() for atom in atoms]
    bearing = sum(
        any(other.GetAtomicNum() == 8 and other.GetIdx() not in ring for other in atom.GetNeighbors())
        for atom in atoms
        if atom.GetAtomicNum() == 6
    )
    return set(numbers) <= {6, 8} and numbers.count(8) <= 1 and bearing >= (2 if 8 in numbers else len(ring) - 1)
