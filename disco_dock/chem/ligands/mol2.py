"""MOL2 records to molecules: charges and bond orders from atoms, bonds, hydrogens and what charges the file gives.

The format has no formal charges, and each program writes delocalised groups in its own way: Corina and Sybyl by types
(`O.co2`, `C.cat`), Open Babel with charges in `@<TRIPOS>UNITY_ATOM_ATTR`, others with bond type `ar` for whatever is
delocalised. Here `ar` says only that a bond is single or double. Since hydrogens are complete, valences tell the rest:
double bonds are placed so that the fewest charges remain (a matching of largest weight), and what stays open is an
error that names the atom. So is a ring nitrogen that would be an ion only because a hydrogen may be missing, unless
charges in the file say so.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from rdkit import Chem
from rdkit.Geometry import Point3D

from disco_dock.chem.structures.atom_elements import is_symbol
from disco_dock.runtime.errors import InputError

_ORDERS = {"1": 1, "2": 2, "3": 3, "am": 1}
_AROMATIC, _UNCONNECTED = "ar", "nc"
_NEVER = 1_000_000
_WAS_AROMATIC = "_mol2_ar"
_VALENCES: dict[tuple[str, int], tuple[int, ...]] = {
    **{("C", 0): (4,), ("C", 1): (3,), ("C", -1): (3,)},
    **{("N", 0): (3,), ("N", 1): (4,), ("N", -1): (2,)},
    **{("O", 0): (2,), ("O", 1): (3,), ("O", -1): (1,)},
    **{(symbol, 0): (2, 4, 6) for symbol in ("S", "Se", "Te")},
    **{(symbol, 1): (3, 5) for symbol in ("S", "Se", "Te")},
    **{(symbol, -1): (1,) for symbol in ("S", "Se", "Te")},
    **{(symbol, 0): (3, 5) for symbol in ("P", "As")},
    **{(symbol, 1): (4,) for symbol in ("P", "As")},
    **{(symbol, -1): (2, 6) for symbol in ("P", "As")},
    **{("B", 0): (3,), ("B", -1): (4,), ("Si", 0): (4,), ("Ge", 0): (4,)},
    **{(symbol, 0): (1,) for symbol in ("H", "F")},
    **{("Cl", 0): (1, 3, 5, 7), ("Br", 0): (1, 3, 5), ("I", 0): (1, 3, 5, 7)},
    **{(symbol, 1): (2,) for symbol in ("Cl", "Br", "I")},
    **{(symbol, -1): (0,) for symbol in ("F", "Cl", "Br", "I")},
}
"""Sums of bond orders that an element of a charge may have."""


@dataclass
class _Atom:
    """An atom of a record; `sigma` is the sum of its bond orders with each `ar` bond as one."""

    number: str
    kind: str
    symbol: str
    pos: tuple[float, float, float]
    partial: float
    charge: int | None = None
    sigma: int = 0
    partners: list[int] = field(default_factory=list)
    aromatic: int = 0


class Mol2Molecule:
    """The atoms and bonds of one MOL2 record.

    Args:
        text: the record, from `@<TRIPOS>MOLECULE` on.

    Raises:
        InputError: a line cannot be read.
    """

    def __init__(self, text: str) -> None:
        self.atoms: list[_Atom] = []
        self.bonds: list[tuple[int, int, str]] = []
        self._place: dict[str, int] = {}
        self._left_out: set[str] = set()
        self._charged = False
        for section, lines in _sections(text):
            if section == "ATOM":
                for line in lines:
                    self._atom(line)
            elif section == "UNITY_ATOM_ATTR":
                self._attributes(lines)
            elif section == "BOND":
                for line in lines:
                    self._bond(line)
        if not self.atoms:
            raise InputError("not a readable MOL2 record; export the molecule again")
        self._delocalise()

    def molecule(self) -> Chem.Mol:
        """The molecule with its hydrogens, unsanitised, with one conformer.

        Raises:
            InputError: charges or bond orders do not follow from the record; the atom is named.
        """
        bonds, orders = self._orders()
        charges = [self._charge(index, orders[index]) for index in range(len(self.atoms))]
        mol = Chem.RWMol()
        for atom, charge in zip(self.atoms, charges, strict=True):
            one = Chem.Atom(atom.symbol if atom.symbol != "*" else 0)
            one.SetFormalCharge(charge)
            one.SetNoImplicit(True)
            mol.AddAtom(one)
        kinds = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
        for (first, second, kind), order in zip(self.bonds, bonds, strict=True):
            mol.AddBond(first, second, kinds[order])
            if kind == _AROMATIC:
                mol.GetBondBetweenAtoms(first, second).SetBoolProp(_WAS_AROMATIC, True)
        self._separate_nitro(mol)
        self._check_pairs(mol)
        conformer = Chem.Conformer(mol.GetNumAtoms())
        conformer.Set3D(True)
        for index, atom in enumerate(self.atoms):
            conformer.SetAtomPosition(index, Point3D(*atom.pos))
        mol.AddConformer(conformer, assignId=True)
        return mol.GetMol()

    def _orders(self) -> tuple[list[int], Counter[int]]:
        """Order of each bond, and their sum at each atom."""
        double, bonds, atoms = self._double_bonds(), list[int](), Counter[int]()
        for index, (first, second, kind) in enumerate(self.bonds):
            bonds.append(_ORDERS.get(kind, 1) + (index in double))
            atoms[first] += bonds[-1]
            atoms[second] += bonds[-1]
        return bonds, atoms

    def _delocalise(self) -> None:
        """Take double bonds to several `O.co2` of one atom, as PRODRG writes carboxylates, for `ar`."""
        ends: dict[int, list[int]] = {}
        for index, (first, second, kind) in enumerate(self.bonds):
            for atom, other in ((first, second), (second, first)):
                if kind == "2" and self.atoms[other].kind == "o.co2":
                    ends.setdefault(atom, []).append(index)
        for indices in ends.values():
            for index in indices if len(indices) > 1 else ():
                first, second, _ = self.bonds[index]
                self.bonds[index] = (first, second, _AROMATIC)
                for atom in (self.atoms[first], self.atoms[second]):
                    atom.sigma, atom.aromatic = atom.sigma - 1, atom.aromatic + 1

    def _atom(self, line: str) -> None:
        words = line.split()
        try:
            number, _, x, y, z, kind = words[:6]
            pos = (float(x), float(y), float(z))
            partial = float(words[8]) if len(words) > 8 else 0.0
        except ValueError as error:
            raise InputError(
                f"not a readable MOL2 record (atom line {line.strip()[:60]!r}); export it again"
            ) from error
        if number in self._place or number in self._left_out:
            raise InputError(f"atom {number} is there twice in the MOL2 record; export it again")
        symbol = _symbol(kind)
        if symbol is None:
            self._left_out.add(number)
            return
        self._place[number] = len(self.atoms)
        self.atoms.append(_Atom(number, kind.lower(), symbol, pos, partial if math.isfinite(partial) else 0.0))

    def _attributes(self, lines: list[str]) -> None:
        """Formal charges: `atom count`, then so many lines `name value`."""
        left, current = 0, None
        for line in lines:
            words = line.split()
            if left == 0:
                current, left = self._place.get(words[0]), _count(words[1]) if len(words) > 1 else 0
                continue
            left -= 1
            if words[0].lower() == "charge" and current is not None and len(words) > 1:
                value = words[1].lstrip("+")
                if not value.lstrip("-").isdecimal():
                    raise InputError(f"{self._label(current)} has the charge {words[1][:20]!r}; write a whole number")
                self.atoms[current].charge, self._charged = int(value), True

    def _bond(self, line: str) -> None:
        words = line.split()
        if len(words) < 4:
            raise InputError(f"not a readable MOL2 record (bond line {line.strip()[:60]!r}); export it again")
        if self._left_out & {words[1], words[2]}:
            return
        if words[1] not in self._place or words[2] not in self._place or words[1] == words[2]:
            raise InputError(f"bond {words[0]} of the MOL2 record does not join two of its atoms; export it again")
        first, second, kind = self._place[words[1]], self._place[words[2]], words[3].lower()
        if kind == _UNCONNECTED:
            return
        if kind not in _ORDERS and kind != _AROMATIC:
            ends = f"{self._label(first)} and {self._label(second)}"
            raise InputError(f"the bond between {ends} has type {kind!r}, expected 1, 2, 3, am or ar; redraw it")
        if second in self.atoms[first].partners:
            raise InputError(
                f"{self._label(first)} and {self._label(second)} have two bonds; export the molecule again"
            )
        self.bonds.append((first, second, kind))
        for one, other in ((first, second), (second, first)):
            self.atoms[one].sigma += _ORDERS.get(kind, 1)
            self.atoms[one].aromatic += kind == _AROMATIC
            self.atoms[one].partners.append(other)

    def _double_bonds(self, *, cations: bool = True) -> set[int]:
        """Indices of the `ar` bonds that are double: the fewest charges, and none beside those that are given.

        Args:
            cations: whether a nitrogen with three bonds may take a double bond, and so become a cation.
        """
        free = [index for index, bond in enumerate(self.bonds) if bond[2] == _AROMATIC]
        if not free:
            return set()
        import networkx

        graph = networkx.Graph()
        of_pair: dict[frozenset[tuple[int, int]], int] = {}
        for index in free:
            first, second, _ = self.bonds[index]
            gains = [self._gains(atom, cations=cations) for atom in (first, second)]
            for i, gain in enumerate(gains[0]):
                for j, other in enumerate(gains[1]):
                    if gain + other > -_NEVER // 2:
                        graph.add_edge((first, i), (second, j), weight=gain + other)
                        of_pair[frozenset(((first, i), (second, j)))] = index
        return {of_pair[frozenset(pair)] for pair in networkx.max_weight_matching(graph)}

    def _gains(self, index: int, *, cations: bool) -> list[int]:
        """What each double bond of an atom is worth: how much less its charge, or lack of bonds, costs with it.

        Carbon and nitrogen take one: where two would be needed, hydrogens are missing.
        """
        atom = self.atoms[index]
        symbol, sigma, charge = atom.symbol, atom.sigma, atom.charge
        if symbol == "C" and charge is None:
            return [10_000 if self._charged else 5_000] if sigma == len(atom.partners) == 3 else [-_NEVER]
        if charge is not None or self._charged:
            given = charge or 0
            allowed = _VALENCES.get((symbol, given), ())
            wanted = [valence - sigma for valence in allowed if valence >= sigma]
            if charge is not None or symbol not in ("N", "O") or (wanted and wanted[0] <= 1):
                count = min(wanted[-1 if symbol in ("S", "P") and sigma > 3 else 0], atom.aromatic) if wanted else 0
                if symbol in ("C", "N") and count and wanted[0] > 1:
                    return [-_NEVER]
                return [10_000 if charge is not None else 9_000] * count if count else [-_NEVER]
        terminal = sum(self.atoms[other].symbol == "O" and self.atoms[other].sigma == 1 for other in atom.partners)
        heavy = sum(self.atoms[other].symbol != "H" for other in atom.partners)
        if symbol == "N":
            if sigma == 3 and not cations and not terminal:
                return [-_NEVER]
            nitro = terminal >= 2
            return {2: [300], 3: [1_000 if nitro else -200 - heavy]}.get(sigma, [-_NEVER])
        if symbol == "O":
            return {1: [100], 2: [-400]}.get(sigma, [-_NEVER])
        if symbol in ("S", "Se"):
            return {1: [100], 2: [-400], 3: [300], 4: [300, 300]}.get(sigma, [-_NEVER])
        if symbol in ("P", "As"):
            return {4: [300], 3: [-400]}.get(sigma, [-_NEVER])
        return [-_NEVER]

    def _charge(self, index: int, orders: int) -> int:
        """Formal charge of an atom with a sum of bond orders.

        Raises:
            InputError: no charge goes with them, or hydrogens may be missing.
        """
        atom = self.atoms[index]
        symbol = atom.symbol
        if (symbol, 0) not in _VALENCES:
            return atom.charge or 0
        if atom.charge is not None:
            if orders not in _VALENCES.get((symbol, atom.charge), ()) and not _is_pentavalent(symbol, orders):
                raise InputError(
                    f"{self._label(index)} has {orders} bonds with formal charge {atom.charge:+d}, which is not a "
                    "valid valence; give its hydrogens and charges, or the ligand as SDF"
                )
            return atom.charge
        for charge in (0, 1, -1):
            if orders in _VALENCES.get((symbol, charge), ()) and self._is_sure(index, charge):
                return charge
        if _is_pentavalent(symbol, orders):
            return 0
        if orders > max(_VALENCES[symbol, 0]) and orders not in _VALENCES.get((symbol, 1), ()):
            raise InputError(
                f"{self._label(index)} has {orders} bonds, which is not a valid valence; correct its bonds, or give "
                "the ligand as SDF"
            )
        raise InputError(_lacking(self._label(index)))

    def _is_sure(self, index: int, charge: int) -> bool:
        """Whether a charge that the file does not give follows from the bonds: no hydrogen can be missing instead."""
        atom = self.atoms[index]
        if charge == 0:
            return True
        partners = [self.atoms[other] for other in atom.partners]
        if charge > 0:
            oxide = any(other.symbol == "O" and other.sigma == 1 for other in partners)
            if atom.symbol == "N" and atom.aromatic and not oxide and not self._needs_cations(index):
                return self._total() is not None and self._total() == self._total_of_sure()
            return atom.symbol in ("N", "O", "S", "Se", "P", "As", "Cl", "Br", "I")
        if atom.symbol == "C":  # of an isocyanide
            return len(partners) == 1 and partners[0].symbol == "N" and len(partners[0].partners) == 2
        if atom.symbol in ("F", "Cl", "Br", "I", "B"):
            return True
        if self._total() is not None and self._total() == self._total_of_sure():
            return True
        if atom.symbol in ("O", "S", "Se"):
            return any(self._is_acid(other) for other in atom.partners)
        # the end of an azide or diazo group; any other nitrogen may lack its hydrogen, in a ring too
        return atom.symbol == "N" and len(partners) == 1 and partners[0].symbol == "N" and partners[0].sigma >= 4

    def _needs_cations(self, index: int) -> bool:
        """Whether carbons of a ring system would lack a double bond if no nitrogen with three bonds had one.

        Where they would not, the cation may as well be a neutral ring with a nitrogen that lacks its hydrogen.
        """
        import networkx

        delocalised = networkx.Graph(bond[:2] for bond in self.bonds if bond[2] == _AROMATIC)
        system = {
            atom for atom in networkx.node_connected_component(delocalised, index) if self.atoms[atom].symbol == "C"
        }
        ends = [
            {end for bond in self._double_bonds(cations=cations) for end in self.bonds[bond][:2]}
            for cations in (True, False)
        ]
        return len(system & ends[1]) < len(system & ends[0])

    def _is_acid(self, index: int) -> bool:
        """Whether an atom carries a terminal oxygen or sulfur beside another, as in carboxylates and phosphates."""
        atom = self.atoms[index]
        ends = [self.atoms[other] for other in atom.partners]
        terminal = sum(one.symbol in ("O", "S") and len(one.partners) == 1 for one in ends)
        return terminal >= 2 or (atom.symbol in ("N", "S", "P", "Se", "As") and terminal >= 1)

    def _total(self) -> int | None:
        """Charge of the molecule by its partial charges, or None where they tell nothing."""
        values = np.array([atom.partial for atom in self.atoms])
        if not np.abs(values).max(initial=0.0) > 1e-6:
            return None
        total = float(values.sum())
        return round(total) if abs(total - round(total)) < 0.05 else None

    def _total_of_sure(self) -> int:
        """Charge of the molecule when every charge is what the bonds say."""
        total = 0
        _, orders = self._orders()
        for index, atom in enumerate(self.atoms):
            fits = (charge for charge in (0, 1, -1) if orders[index] in _VALENCES.get((atom.symbol, charge), ()))
            total += atom.charge if atom.charge is not None else next(fits, 0)
        return total

    def _separate_nitro(self, mol: Chem.RWMol) -> None:
        """Write a nitrogen with five bonds as one with a charge: N(=O)=O becomes [N+](=O)[O-]."""
        for atom in mol.GetAtoms():
            orders = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds())
            if not _is_pentavalent(atom.GetSymbol(), int(orders)) or atom.GetFormalCharge():
                continue
            for bond in atom.GetBonds():
                other = bond.GetOtherAtom(atom)
                if (
                    bond.GetBondType() == Chem.BondType.DOUBLE
                    and other.GetSymbol() in ("O", "N")
                    and other.GetDegree() == 1
                ):
                    bond.SetBondType(Chem.BondType.SINGLE)
                    atom.SetFormalCharge(1)
                    other.SetFormalCharge(-1)
                    break
            else:
                raise InputError(
                    f"{self._label(atom.GetIdx())} has 5 bonds, which is not a valid valence; correct them"
                )

    def _check_pairs(self, mol: Chem.RWMol) -> None:
        """Raise InputError for a positive atom beside a negative one where a double bond is meant."""
        for bond in mol.GetBonds():
            first, second = bond.GetBeginAtom(), bond.GetEndAtom()
            if first.GetFormalCharge() * second.GetFormalCharge() >= 0:
                continue
            negative = first if first.GetFormalCharge() < 0 else second
            terminal = negative.GetDegree() == 1 or negative.GetSymbol() == "B"
            given = all(self.atoms[atom.GetIdx()].charge is not None for atom in (first, second))
            if not terminal and not given:
                raise InputError(
                    f"{self._label(first.GetIdx())} and {self._label(second.GetIdx())} would carry opposite charges "
                    "side by side; give their bond orders and hydrogens, or the ligand as SDF"
                )

    def _label(self, index: int) -> str:
        return f"atom {index + 1} ({self.atoms[index].symbol})"


def check_rings(mol: Chem.Mol) -> None:
    """Raise InputError for a ring of `ar` bonds alone that is not aromatic because its nitrogens lack hydrogens.

    Two hydrogens that are missing leave the bonds of a quinone, without charges.

    Args:
        mol: what `Mol2Molecule.molecule` gave, sanitised.
    """
    rings = mol.GetRingInfo()
    for atoms, bonds in zip(rings.AtomRings(), rings.BondRings(), strict=True):
        ring = [mol.GetBondWithIdx(bond) for bond in bonds]
        if not all(bond.HasProp(_WAS_AROMATIC) for bond in ring) or all(bond.GetIsAromatic() for bond in ring):
            continue
        for atom in map(mol.GetAtomWithIdx, atoms):
            if atom.GetSymbol() == "N" and atom.GetDegree() == 2:
                raise InputError(_lacking(f"atom {atom.GetIdx() + 1} (N)"))


def _lacking(label: str) -> str:
    return (
        f"{label} lacks hydrogens or a charge, without which a MOL2 file does not tell what the molecule is; add all "
        "hydrogens, or give the ligand as SDF"
    )


def _is_pentavalent(symbol: str, orders: int) -> bool:
    return symbol == "N" and orders == 5


def _sections(text: str) -> list[tuple[str, list[str]]]:
    """Lines of each section, without blank lines and comments; lines that end in a backslash go on."""
    sections: list[tuple[str, list[str]]] = []
    pending = ""
    for raw in text.splitlines():
        if raw.startswith("@<TRIPOS>"):
            sections.append((raw[len("@<TRIPOS>") :].strip(), []))
            pending = ""
            continue
        line = pending + raw
        if line.rstrip().endswith("\\"):
            pending = line.rstrip()[:-1] + " "
            continue
        pending = ""
        if sections and line.strip() and not line.lstrip().startswith("#"):
            sections[-1][1].append(line)
    return sections


def _count(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _symbol(kind: str) -> str | None:
    """Element of an atom type of Sybyl ("N.pl3") or GAFF ("c3"), "*" for a placeholder, None for a lone pair."""
    base = kind.partition(".")[0]
    if base.upper() == "LP":
        return None
    if base[:1].islower():  # GAFF: ca is an aromatic carbon, na a nitrogen
        return base[:2].capitalize() if base[:2] in ("cl", "br") else base[0].upper() if is_symbol(base[0]) else "*"
    letters = base.rstrip("0123456789+-")
    return letters.capitalize() if is_symbol(letters) and letters.upper() != "DU" else "*"
