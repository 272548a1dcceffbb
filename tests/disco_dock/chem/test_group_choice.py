"""Which groups of a structure file are obstacles, by what they are and by what the user says."""

from __future__ import annotations

import numpy as np
import pytest

from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.hetero_groups import cofactor_likeness, group_kind
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.runtime.errors import ConfigError, InputError
from tests.support.structures import chain, hetero, pdb_text

PROTEIN = chain(["GLY", "ALA", "SER", "VAL", "TRP", "ASP"])


def molecule(name, number, smiles, place=(0.0, 12.0, 0.0), letter="A", names=None):
    """A group in the shape that RDKit gives a molecule."""
    from rdkit import Chem
    from rdkit.Chem import AllChem

    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=7)
    mol = Chem.RemoveHs(mol)
    atoms = [(names or f"{atom.GetSymbol()}{atom.GetIdx()}", atom.GetSymbol()) for atom in mol.GetAtoms()]
    pos = mol.GetConformer().GetPositions()
    return [
        one._replace(pos=tuple(point - pos.mean(0) + place))
        for one, point in zip(hetero(name, letter, number, atoms), pos, strict=True)
    ]


@pytest.fixture
def read(tmp_path):
    def run(atoms, **options):
        keep, drop = options.pop("keep", ()), options.pop("drop", ())
        (tmp_path / "p.pdb").write_text(pdb_text(atoms))
        return read_receptor(tmp_path / "p.pdb", groups=GroupChoice(keep=keep, drop=drop), **options)

    return run


INHIBITOR = "Cc1ccc(NC(=O)c2ccc(Cl)cc2)cc1"
NADP = "NC(=O)c1ccc[n+](c1)C1OC(COP(=O)(O)OP(=O)(O)OCC2OC(n3cnc4c(N)ncnc43)C(OP(=O)(O)O)C2O)C(O)C1O"
FPP = "CC(C)=CCCC(C)=CCCC(C)=CCOP(=O)(O)OP(=O)(O)O"
FOLATE = "Nc1nc2ncc(CNc3ccc(C(=O)NC(CCC(=O)O)C(=O)O)cc3)nc2c(=O)[nH]1"
METHOTREXATE = "CN(Cc1cnc2nc(N)nc(N)c2n1)c1ccc(C(=O)NC(CCC(=O)O)C(=O)O)cc1"
FLAVIN = "Cc1cc2nc3c(=O)[nH]c(=O)nc-3n(CC(O)C(O)C(O)CO)c2cc1C"
PLP = "Cc1ncc(COP(=O)(O)O)c(C=O)c1O"
BISPHOSPHONATE = "OC(Cc1cccnc1)(P(=O)(O)O)P(=O)(O)O"


@pytest.mark.parametrize("name", ["XXX", "LIG", "UNL", "INH", "NAP"])
@pytest.mark.parametrize(
    ("smiles", "kept"),
    [
        *((one, True) for one in (NADP, FPP, FOLATE, FLAVIN, PLP)),
        *((one, False) for one in (INHIBITOR, METHOTREXATE, BISPHOSPHONATE)),
    ],
)
def test_cofactors_under_any_name(read, name, smiles, kept):
    if name == "NAP":  # a name that tells by itself
        assert read(PROTEIN + molecule(name, 500, smiles)).context[0].kept
        return
    group = read(PROTEIN + molecule(name, 500, smiles)).context[0]
    assert group.kept is kept and group.kind == ("cofactor" if kept else "ligand")
    assert group.why and 0 <= group.burial <= 1


@pytest.mark.parametrize(
    ("name", "elements", "kind"),
    [
        *((name, ["O"], "water") for name in ("TIP", "TIP3", "SPC", "XXX", "WTR")),
        ("XXX", ["O", "H", "H"], "water"),
        ("OH", ["O"], "ion"),
        ("GOL", ["C", "C", "C", "O", "O", "O"], "additive"),
        ("DMS", ["C", "S", "C", "O"], "additive"),
        ("EDO", ["C", "C", "O", "O"], "additive"),
        ("HEC", ["Fe", *["C"] * 34], "cofactor"),
        ("XYZ", ["Fe", *["C"] * 34], "cofactor"),
        ("SF9", ["Fe", "S", "Fe", "S"], "cofactor"),
        *((name, ["P", "C", "O"], "other") for name in ("ADE", "GUA", "CYT", "THY", "URA", "DA5", "DA3", "RA", "RU5")),
        *((name, ["C"] * 24, "cofactor") for name in ("FPP", "GCP", "RBF")),
    ],
)
def test_kinds(name, elements, kind):
    assert group_kind(name, elements) == kind


NATURAL = {
    "AMP": "Nc1ncnc2c1ncn2C1OC(COP(=O)(O)O)C(O)C1O",
    "cAMP": "Nc1ncnc2c1ncn2C1OC2COP(=O)(O)OC2C1O",
    "dTMP": "Cc1cn(C2CC(O)C(COP(=O)(O)O)O2)c(=O)[nH]c1=O",
    "AMPPNP": "Nc1ncnc2c1ncn2C1OC(COP(=O)(O)OP(=O)(O)NP(=O)(O)O)C(O)C1O",
    "glucose-6-phosphate": "OC1OC(COP(=O)(O)O)C(O)C(O)C1O",
    "inositol trisphosphate": "OC1C(O)C(OP(=O)(O)O)C(OP(=O)(O)O)C(O)C1OP(=O)(O)O",
    "phosphoenolpyruvate": "C=C(OP(=O)(O)O)C(=O)O",
    "phosphopantetheine": "CC(C)(COP(=O)(O)O)C(O)C(=O)NCCC(=O)NCCS",
    "PLP with tryptophan": "Cc1ncc(COP(=O)(O)O)c(CNC(Cc2c[nH]c3ccccc23)C(=O)O)c1O",
    "thiamine diphosphate": "Cc1ncc(C[n+]2csc(CCOP(=O)(O)OP(=O)(O)O)c2C)c(N)n1",
    "FMN": "Cc1cc2nc3c(=O)[nH]c(=O)nc-3n(CC(O)C(O)C(O)COP(=O)(O)O)c2cc1C",
    "indole glycerol phosphate": "O=P(O)(O)OCC(O)C(O)c1c[nH]c2ccccc12",
    "phosphatidylcholine": "CCCC(=O)OCC(COP(=O)(O)OCC[N+](C)(C)C)OC(=O)CCC",
}
DRUGS = {
    "sofosbuvir": "CC(C)OC(=O)C(C)NP(=O)(OCC1OC(n2ccc(=O)[nH]c2=O)C(C)(F)C1O)Oc1ccccc1",
    "remdesivir": "CCC(CC)COC(=O)C(C)NP(=O)(OCC1OC(C#N)(c2ccc3c(N)ncnn23)C(O)C1O)Oc1ccccc1",
    "fostamatinib": "COc1cc(Nc2nccc(Nc3ccc4c(n3)N(COP(=O)(O)O)C(=O)C(C)(C)O4)n2)cc(OC)c1OC",
    "fosphenytoin": "O=C1NC(c2ccccc2)(c2ccccc2)C(=O)N1COP(=O)(O)O",
    "fospropofol": "CC(C)c1cccc(C(C)C)c1OCOP(=O)(O)O",
    "combretastatin phosphate": "COc1ccc(C=Cc2cc(OC)c(OC)c(OC)c2)cc1OP(=O)(O)O",
    "paraoxon": "CCOP(=O)(OCC)Oc1ccc([N+](=O)[O-])cc1",
    "triphenyl phosphate": "O=P(Oc1ccccc1)(Oc1ccccc1)Oc1ccccc1",
    "fludarabine phosphate": "Nc1nc(F)nc2c1ncn2C1OC(COP(=O)(O)O)C(O)C1O",
    "prednisolone phosphate": "CC12CC(O)C3C(CCC4=CC(=O)C=CC43C)C1CCC2(O)C(=O)COP(=O)(O)O",
    "cyclophosphamide": "ClCCN(CCCl)P1(=O)NCCCO1",
}


@pytest.mark.parametrize(
    ("smiles", "kind"),
    [
        *(pytest.param(one, "cofactor", id=name) for name, one in NATURAL.items()),
        *(pytest.param(one, "ligand", id=name) for name, one in DRUGS.items()),
    ],
)
def test_phosphates_of_metabolites_and_of_drugs(smiles, kind):
    atoms = molecule("LIG", 1, smiles)
    assert group_kind("LIG", [one.element for one in atoms], np.array([one.pos for one in atoms])) == kind


def test_free_phosphate_is_no_ester():
    pos = np.array([[0, 0, 0], [1.5, 0, 0], [-1.5, 0, 0], [0, 1.5, 0], [0, -1.5, 0], [9, 9, 9]], dtype=float)
    assert cofactor_likeness(["P", "O", "O", "O", "O", "C"], pos) == ""


GROUPS = (
    PROTEIN
    + hetero("ZN", "A", 301, [("ZN", "ZN")], (3.0, 15.0, 0.0))
    + hetero("GOL", "A", 302, [(f"C{k}", "C") for k in range(6)], (0.0, 25.0, 0.0))
    + hetero("LIG", "A", 401, [(f"C{k}", "C") for k in range(8)], (0.0, 35.0, 0.0))
    + hetero("LIG", "B", 402, [(f"C{k}", "C") for k in range(8)], (0.0, 45.0, 0.0))
    + hetero("GP6", "A", 910, [(f"C{k}", "C") for k in range(8)], (0.0, 55.0, 0.0))
    + hetero("HOH", "A", 501, [("O", "O")], (9.0, 9.0, 9.0))
)


@pytest.mark.parametrize(
    ("keep", "drop", "kept"),
    [
        ((), (), {"A:ZN301"}),
        (("LIG",), (), {"A:ZN301", "A:LIG401", "B:LIG402"}),
        (("A:LIG401",), (), {"A:ZN301", "A:LIG401"}),
        (("a:lig:401",), (), {"A:ZN301", "A:LIG401"}),
        (("A:401",), (), {"A:ZN301", "A:LIG401"}),
        (("A:GP6:910",), (), {"A:ZN301", "A:GP6:910"}),
        (("A:GP6910",), (), {"A:ZN301", "A:GP6:910"}),
        (("all",), (), {"A:ZN301", "A:GOL302", "A:LIG401", "B:LIG402", "A:GP6:910"}),
        ((), ("none",), {"A:ZN301", "A:GOL302", "A:LIG401", "B:LIG402", "A:GP6:910"}),
        (("none",), (), set()),
        ((), ("all",), set()),
        ((), ("ZN",), set()),
        (("all",), ("LIG",), {"A:ZN301", "A:GOL302", "A:GP6:910"}),
        (("A:LIG401",), ("LIG", "ZN"), {"A:LIG401"}),
        (("HOH",), (), {"A:ZN301", "A:HOH501"}),
        (("A:HOH501",), ("all",), {"A:HOH501"}),
    ],
)
def test_keep_and_drop(read, keep, drop, kept):
    receptor = read(GROUPS, keep=keep, drop=drop)
    assert {group.label for group in receptor.kept_groups} == kept
    shown = {one["id"]: one["kept"] for one in (group.as_dict() for group in receptor.context)}
    assert {name for name, yes in shown.items() if yes} == kept
    assert receptor.tally["total"] == receptor.tally["kept"] + sum(receptor.tally["dropped"].values())


def test_a_place_without_a_group_is_refused_and_a_name_is_said(read):
    with pytest.raises(InputError, match=r"--keep A:LIG999: has no such group; there are A:ZN301"):
        read(GROUPS, keep=("A:LIG999",))
    assert any("--drop SO4 names no group" in note for note in read(GROUPS, drop=("SO4",)).notes)
    with pytest.raises(ConfigError, match="both name LIG"):
        GroupChoice(keep=("LIG",), drop=("lig",))
    with pytest.raises(InputError, match="both name A:LIG401"):
        read(GROUPS, keep=("A:401",), drop=("A:LIG401",))


def test_what_is_left_out_is_named_with_the_option_that_keeps_it(read):
    notes = read(GROUPS).notes
    assert any(
        "A:LIG401" in note and "--keep A:LIG401" in note and "--pocket-ligand A:LIG401" in note for note in notes
    )
    assert any("A:GOL302" in note and "--keep A:GOL302" in note for note in notes)


def test_the_group_that_the_pocket_is_given_by_gives_way(read):
    atoms = PROTEIN + molecule("NAP", 500, NADP) + molecule("FAD", 501, FLAVIN, (0.0, 30.0, 0.0))
    whole = read(atoms)
    assert [group.kept for group in whole.context] == [True, True]
    docked = read(atoms, replaced=whole.context[0].pos + 0.3)
    assert [group.kept for group in docked.context] == [False, True]
    assert read(atoms, replaced=whole.context[0].pos, keep=("NAP",)).context[0].kept


def test_small_groups_stay_where_they_are_buried(read):
    shell = np.random.default_rng(0).normal(size=(300, 3))
    shell = 4.0 * shell / np.linalg.norm(shell, axis=1, keepdims=True) + [0.0, 40.0, 0.0]
    walls = [
        one._replace(name="CA", residue="GLY", number=100 + k, pos=tuple(point), hetero=False)
        for k, (one, point) in enumerate(zip(hetero("X", "B", 1, [("C", "C")] * 300), shell, strict=True))
    ]
    inside = hetero("QQQ", "A", 901, [("C1", "C"), ("C2", "C"), ("O1", "O")], (0.0, 40.0, 0.0))
    outside = hetero("QQQ", "A", 902, [("C1", "C"), ("C2", "C"), ("O1", "O")], (0.0, 90.0, 0.0))
    found = {group.label: group for group in read(PROTEIN + walls + inside + outside).context}
    assert found["A:QQQ901"].kept and not found["A:QQQ902"].kept
    assert found["A:QQQ901"].burial > 0.9 and found["A:QQQ902"].burial == 0


def test_sugars_stay_where_they_are_bound(read):
    bound = hetero(
        "NAG", "A", 601, [(f"C{k}", "C") for k in range(11)], (PROTEIN[-1].pos[0], PROTEIN[-1].pos[1] + 1.4, 0.6 * 5)
    )
    free = hetero("NAG", "A", 602, [(f"C{k}", "C") for k in range(11)], (0.0, 80.0, 0.0))
    found = {group.label: group.kept for group in read(PROTEIN + bound + free).context}
    assert found == {"A:NAG601": True, "A:NAG602": False}
