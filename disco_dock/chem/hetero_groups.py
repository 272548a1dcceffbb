"""What a group that is not part of the protein is, by its name and, where that tells nothing, by its atoms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from rdkit import Chem

from disco_dock.chem.phosphate_esters import is_natural_phosphate
from disco_dock.chem.residue_features import is_nucleotide

GroupKind = Literal["water", "metal", "ion", "cofactor", "additive", "ligand", "other"]

WATERS = frozenset(
    "HOH DOD WAT H2O OH2 W TIP TIP2 TIP3 TIP4 TIP5 TIPS TP3 TP3M TP4 TP5 T3P T4P T4E T5P SOL SPC SPCE SPCF SPE OPC "
    "OPC3 HHO HO4 WTR SWM4 SWM6 O2H MTO".split()
)
METALS = frozenset(
    "LI BE NA MG AL K CA SC TI V CR MN FE CO NI CU ZN GA RB SR Y ZR MO RU RH PD AG CD IN SN CS BA LA CE PR ND SM "
    "EU GD TB DY HO ER YB LU W RE OS IR PT AU HG TL PB BI U".split()
)
IONS = frozenset("F CL BR I IOD CLA SO4 PO4 NO3 NO2 CO3 BCT SCN CYN VO4 WO4 BEF ALF MGF AF3 OH O OXY NH4".split())
COFACTORS = frozenset(
    "HEM HEC HEA HEB HAS HDD NAD NAI NAP NDP NDC FAD FDA FMN SAM SAH COA ACO CAA MLC ATP ADP AMP ANP ACP AGS GTP "
    "GDP GMP GNP GSP CTP CDP UTP UDP TTP PLP PMP TPP TDP H4B BH4 THB HBI B12 COB CNC BTN MGD MTE MOS SF4 FES F3S "
    "CLF CFM FCO PQQ F43 GSH LPA LIP CLA BCL CHL BPH RET TPQ U10 UQ8 UQ1 PQN THF FOL MHF C2F ADN A3P PAP UPG CUA "
    "CUB XCC FPP GPP GGP IPE DMA HDE HEO SRM F42 F39 NMN CTP ITP XTP DTP APC M7G GCP RBF TPZ TZD PNS".split()
)
ADDITIVES = frozenset(
    "GOL EDO PEG PGE PG4 1PE P6G PE4 PE3 PE5 PE8 7PE PG0 PG5 PG6 15P 12P 2PE 33O XPE MPD MRD DMS DMSO TRS EPE MES BME "
    "DTT DTV IPA EOH MOH IMD CIT FLC TAR TLA MLI MLA MLT OXL POL BU1 BU2 BU3 PDO PGO PGR BCN TCE ACN ACY ACT FMT AZI "
    "DIO CCN URE GAI NHE CXS B3P BTB MPO CAC TFA DMF NMP SIN SUC TBU LDA LMT BOG BNG SOG B7G C8E OCT D10 D12 HEX UND "
    "TRD C14 HTG MYS PLM OLA OLC OLB STE CLR Y01 CPS SDS UNX DUM GLYC ETHA".split()
)
"""Buffers, cryoprotectants, detergents and lipids."""

CAPS = frozenset({"ACE", "NME", "NH2", "NMA", "FOR"})
SUGARS = frozenset("NAG NDG BMA MAN FUC FUL GAL GLC BGC XYS SIA NGA A2G GLA".split())

MIN_LIGAND_ATOMS = 6
_FORMULAS = {
    "C14N6O5S": "an S-adenosyl cofactor",
    "C15N6O5S": "an S-adenosyl cofactor",
    "C9N5O3": "a pterin",
    "C19N7O6": "a folate",
    "C20N7O6": "a folate",
    "C20N7O7": "a folate",
    "C10N2O3S": "biotin",
    "C10N3O6S": "glutathione",
    "C17N4O6": "a flavin",
    "C34N4O4": "a porphyrin",
}
"""Heavy atoms of cofactors without phosphate or metal: SAM, SAH, H4B, folates, biotin, GSH, riboflavin, porphyrins."""

_PTERIN = "[#7]~[#6]1~[#7]~[#6](~[#8])~[#6]2~[#7]~[#6]~[#6]~[#7]~[#6]~2~[#7]~1"
_FLAVIN = "[#6]1~[#6]~[#6]~[#6]2~[#7]~[#6]3~[#6](~[#8])~[#7]~[#6](~[#8])~[#7]~[#6]~3~[#7]~[#6]~2~[#6]~1"
_PYRROLE = "[#7]1~[#6]~[#6]~[#6]~[#6]~1"
BONDED = {"P": 1.9, "S": 2.0, "CL": 2.0, "BR": 2.1, "I": 2.4}
LONGEST_BOND = 1.72  # Angstrom between two of C, N, O, F


def is_water(name: str) -> bool:
    """Whether a residue name is one of water."""
    return name.strip().upper() in WATERS


def group_kind(name: str, elements: Sequence[str], pos: np.ndarray | None = None) -> GroupKind:
    """Kind of a non-protein group from its residue name, its heavy elements and, for an unknown name, its bonds.

    One oxygen is water. A "ligand" has at least six heavy atoms and is no known cofactor, additive, sugar or
    nucleotide, and nothing that looks like a cofactor.

    Args:
        name: residue name as in the file.
        elements: element symbols of its atoms.
        pos: (atoms, 3) in Angstrom; without positions only names and formulas count.
    """
    name = name.strip().upper()
    symbols = [element.upper() for element in elements]
    heavy = [symbol for symbol in symbols if symbol not in ("H", "D")]
    if name in WATERS or (heavy == ["O"] and name not in IONS):
        return "water"
    if len(heavy) == 1 and heavy[0] in METALS:
        return "metal"
    if name in IONS or len(heavy) == 1:
        return "ion"
    if name in COFACTORS:
        return "cofactor"
    if name in ADDITIVES:
        return "additive"
    if name in SUGARS or name in CAPS or is_nucleotide(name) or is_nucleotide_by_atoms(name, heavy):
        return "other"
    if cofactor_likeness(elements, pos):
        return "cofactor"
    return "other" if len(heavy) < MIN_LIGAND_ATOMS else "ligand"


def is_nucleotide_by_atoms(name: str, heavy: Sequence[str]) -> bool:
    """Whether a group with the name of an amino acid of some tables, CYT, has the atoms of cytosine."""
    return name in ("CYT", "CYTN") and "P" in heavy


def cofactor_likeness(elements: Sequence[str], pos: np.ndarray | None) -> str:
    """What a group resembles that proteins keep for their work ("a phosphate ester"), or "" for a drug-like group.

    Args:
        elements: symbols of its atoms.
        pos: (atoms, 3) in Angstrom, or None.
    """
    symbols = np.array([element.upper() for element in elements])
    heavy = np.flatnonzero(~np.isin(symbols, ("H", "D")))
    counts = Counter(symbols[heavy].tolist())
    if sum(counts[metal] for metal in counts if metal in METALS) and len(heavy) > 1:
        return "a complex of a metal"
    found = _FORMULAS.get(
        "".join(f"{symbol}{counts[symbol] if counts[symbol] > 1 else ''}" for symbol in sorted(counts))
    )
    if found is not None or pos is None or len(heavy) < MIN_LIGAND_ATOMS:
        return found or ""
    mol = bonded_skeleton(symbols[heavy].tolist(), np.asarray(pos)[heavy])
    if is_natural_phosphate(mol):
        return "a phosphate ester"
    if _has(mol, _FLAVIN):
        return "a flavin"
    if _has(mol, _PTERIN):
        return "a pterin"
    if len(mol.GetSubstructMatches(Chem.MolFromSmarts(_PYRROLE))) >= 4 and len(heavy) >= 24:
        return "a porphyrin"
    return ""


def bonded_skeleton(symbols: Sequence[str], pos: np.ndarray) -> Chem.Mol:
    """Atoms with the bonds that distances tell."""
    mol = Chem.RWMol()
    for symbol in symbols:
        atom = Chem.Atom(_number(symbol))
        atom.SetNoImplicit(True)
        mol.AddAtom(atom)
    reach = np.array([BONDED.get(symbol, LONGEST_BOND) for symbol in symbols])
    limit = np.maximum(reach[:, None], reach[None])
    distance = np.linalg.norm(pos[:, None] - pos[None], axis=-1)
    for first, second in zip(*np.nonzero(np.triu((distance > 0.5) & (distance < limit), 1)), strict=True):
        mol.AddBond(int(first), int(second), Chem.BondType.SINGLE)
    found = mol.GetMol()
    Chem.FastFindRings(found)
    return found


def _number(symbol: str) -> int:
    try:
        return Chem.GetPeriodicTable().GetAtomicNumber(symbol.capitalize())
    except RuntimeError:
        return 0


def _has(mol: Chem.Mol, pattern: str) -> bool:
    return mol.HasSubstructMatch(Chem.MolFromSmarts(pattern))
