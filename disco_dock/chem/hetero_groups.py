"""What a group that is not part of the protein is: water, metal, ion, cofactor, ligand or something else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from disco_dock.chem.residue_features import is_nucleotide

GroupKind = Literal["water", "metal", "ion", "cofactor", "ligand", "other"]

WATERS = frozenset({"HOH", "DOD", "WAT", "H2O", "TIP", "TIP3", "TP3", "SOL", "SPC", "OH2"})
METALS = frozenset(
    "LI BE NA MG AL K CA SC TI V CR MN FE CO NI CU ZN GA RB SR Y ZR MO RU RH PD AG CD IN SN CS BA LA CE PR ND SM "
    "EU GD TB DY HO ER YB LU W RE OS IR PT AU HG TL PB BI U".split()
)
IONS = frozenset(
    "F CL BR I IOD SO4 PO4 NO3 NO2 CO3 BCT SCN CYN AZI NH4 ACT FMT VO4 WO4 BEF ALF MGF AF3 OH O OXY".split()
)
COFACTORS = frozenset(
    "HEM HEC HEA HEB HAS HDD NAD NAI NAP NDP NDC FAD FDA FMN SAM SAH COA ACO CAA MLC ATP ADP AMP ANP ACP AGS GTP "
    "GDP GMP GNP GSP CTP CDP UTP UDP TTP PLP PMP TPP TDP H4B BH4 THB HBI B12 COB CNC BTN MGD MTE MOS SF4 FES F3S "
    "CLF CFM FCO PQQ F43 GSH LPA LIP CLA BCL CHL BPH RET TPQ U10 UQ8 UQ1 PQN THF FOL MHF C2F ADN A3P PAP UPG CUA "
    "CUB XCC".split()
)
ADDITIVES = frozenset(
    "GOL EDO PEG PGE PG4 1PE P6G PE4 7PE PG0 PG5 15P 12P 2PE 33O MPD MRD DMS TRS EPE MES BME DTT DTV IPA EOH MOH "
    "IMD CIT FLC TAR TLA MLI MLA OXL POL BU1 BU2 BU3 PDO PGO BCN TCE ACN DIO CCN URE GAI NHE CXS B3P BTB MPO CAC "
    "TFA ACE NME NH2 LDA LMT BOG BNG C8E OCT D10 D12 HEX UND TRD MYS PLM OLA OLC OLB STE CLR Y01 CPS SDS UNX UNL "
    "DUM".split()
)
SUGARS = frozenset("NAG NDG BMA MAN FUC FUL GAL GLC BGC XYS SIA NGA A2G GLA".split())

MIN_LIGAND_ATOMS = 6


def is_water(name: str) -> bool:
    """Whether a residue name is one of water."""
    return name.strip().upper() in WATERS


def group_kind(name: str, elements: Sequence[str]) -> GroupKind:
    """Kind of a non-protein group from its residue name and its heavy elements.

    A group is a "ligand" when it has at least six heavy atoms and is not a known cofactor, additive, sugar or
    nucleotide of a chain.

    Args:
        name: residue name as in the file.
        elements: element symbols of its atoms.
    """
    name = name.strip().upper()
    heavy = [element.upper() for element in elements if element.upper() not in ("H", "D")]
    if name in WATERS:
        return "water"
    if len(heavy) == 1 and heavy[0] in METALS:
        return "metal"
    if name in IONS or len(heavy) == 1:
        return "ion"
    if name in COFACTORS:
        return "cofactor"
    if name in ADDITIVES or name in SUGARS or is_nucleotide(name) or len(heavy) < MIN_LIGAND_ATOMS:
        return "other"
    return "ligand"
