"""MOL2 in the dialects of several programs: the molecule, or the atom in question."""

from __future__ import annotations

import re

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from disco_dock.chem.ligands.ligand_files import Record
from disco_dock.chem.ligands.prepare_ligand import prepare
from disco_dock.runtime.errors import InputError

MOLECULES = {
    "imidazole": "Cc1c[nH]cn1",
    "indole": "c1ccc2[nH]ccc2c1",
    "adenine": "Nc1ncnc2[nH]cnc12",
    "uracil": "O=c1cc[nH]c(=O)[nH]1",
    "ammonium": "[NH3+]CCc1ccccc1",
    "acetate": "CC(=O)[O-]",
    "nitro": "O=[N+]([O-])c1ccc(O)cc1",
    "noxide_py": "Cc1cccc[n+]1[O-]",
    "phosphate_di": "COP(=O)([O-])[O-]",
    "sulfonate": "Cc1ccc(S(=O)(=O)[O-])cc1",
    "guanidine": "CCCNC(=N)N",
    "guanidinium": "CCCNC(N)=[NH2+]",
    "quat": "C[N+](C)(C)CCO",
    "amidinium": "CC(N)=[NH2+]",
    "pyridinium": "C[n+]1ccccc1",
    "imidazolium": "Cc1c[nH]c[nH+]1",
    "tetrazolate": "Cc1nn[n-]n1",
    "azide": "[N-]=[N+]=NCc1ccccc1",
    "isocyanide": "[C-]#[N+]c1ccccc1",
    "sulfonamide": "Cc1ccc(S(N)(=O)=O)cc1",
    "sulfoxide": "CS(C)=O",
    "phosphinate": "CP(C)(=O)[O-]",
    "thiophene": "c1ccsc1",
    "pyrylium": "c1cc[o+]cc1",
    "purine_dione": "Cn1c(=O)c2[nH]cnc2n(C)c1=O",
    "boronate": "C[B-](O)(O)O",
    "chloride": "Clc1ccccc1Br",
    "stereo": "C[C@H](N)C(=O)O",
}


def mol2_text(smiles, *, aromatic="rings", charges=True, hydrogens=True, types="sybyl", partial=False):
    """A molecule as MOL2.

    Args:
        smiles: the molecule.
        aromatic: where bonds of type `ar` stand: in aromatic "rings", also in "groups" (carboxylates, phosphates,
            guanidinium), or "none" (single and double bonds).
        charges: whether charged atoms are listed, as Open Babel does.
        hydrogens: whether hydrogens are written.
        types: "sybyl" or "gaff".
        partial: whether partial charges add up to the charge.
    """
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
    if not hydrogens:
        mol = Chem.RemoveAllHs(mol)
    plain = Chem.Mol(mol)
    Chem.Kekulize(plain, clearAromaticFlags=True)
    delocalised = set()
    if aromatic == "groups":
        for pattern in (
            "[#6](~[OX1])~[OX1]",
            "[P,S](~[OX1])~[OX1]",
            "[CX3](~[NX3])(~[NX3])~[NX3]",
            "[NX3](~[OX1])~[OX1]",
        ):
            for match in plain.GetSubstructMatches(Chem.MolFromSmarts(pattern)):
                pairs = [plain.GetBondBetweenAtoms(match[0], end) for end in match[1:]]
                delocalised |= {bond.GetIdx() for bond in pairs}
    lines = ["@<TRIPOS>MOLECULE", "name", f"{mol.GetNumAtoms()} {mol.GetNumBonds()}", "SMALL", "USER_CHARGES", ""]
    lines.append("@<TRIPOS>ATOM")
    for atom, (x, y, z) in zip(mol.GetAtoms(), mol.GetConformer().GetPositions(), strict=True):
        kind = atom.GetSymbol() + (".ar" if atom.GetIsAromatic() and aromatic != "none" else "")
        if types == "gaff":
            kind = {"Cl": "cl", "Br": "br"}.get(atom.GetSymbol(), atom.GetSymbol().lower() + "a")
        value = atom.GetFormalCharge() if partial else 0.0
        lines.append(f"{atom.GetIdx() + 1:7d} {atom.GetSymbol()} {x:.4f} {y:.4f} {z:.4f} {kind} 1 UNL1 {value:.4f}")
    charged = [atom for atom in mol.GetAtoms() if atom.GetFormalCharge()]
    if charges and charged:
        lines.append("@<TRIPOS>UNITY_ATOM_ATTR")
        lines += [text for atom in charged for text in (f"{atom.GetIdx() + 1} 1", f"charge {atom.GetFormalCharge()}")]
    lines.append("@<TRIPOS>BOND")
    for bond, other in zip(mol.GetBonds(), plain.GetBonds(), strict=True):
        ar = (bond.GetIsAromatic() and aromatic != "none") or bond.GetIdx() in delocalised
        order = "ar" if ar else f"{int(other.GetBondTypeAsDouble())}"
        lines.append(f"{bond.GetIdx() + 1:6d} {bond.GetBeginAtomIdx() + 1} {bond.GetEndAtomIdx() + 1} {order}")
    return "\n".join([*lines, ""])


def read(text):
    return prepare(
        Record("mol2", 0, "name", text), source="x.mol2", name="x", template_smiles=None, largest_fragment=False
    )


def canonical(smiles):
    """A SMILES after a round trip, and its first mesomeric form."""
    mol = Chem.MolFromSmiles(smiles)
    forms = Chem.ResonanceMolSupplier(mol, Chem.KEKULE_ALL | Chem.ALLOW_CHARGE_SEPARATION, 64)
    return {Chem.MolToSmiles(mol), *(Chem.MolToSmiles(form) for form in forms if form is not None)}


@pytest.mark.parametrize("name", MOLECULES)
@pytest.mark.parametrize("aromatic", ["rings", "groups", "none"])
def test_charges_that_are_given(name, aromatic):
    found = read(mol2_text(MOLECULES[name], aromatic=aromatic)).smiles
    assert found in canonical(MOLECULES[name])
    assert Chem.MolFromSmiles(found).GetNumAtoms() and not any(
        atom.GetNumRadicalElectrons() for atom in Chem.MolFromSmiles(found).GetAtoms()
    )


@pytest.mark.parametrize("name", sorted(MOLECULES.keys() - {"tetrazolate"}))
@pytest.mark.parametrize("types", ["sybyl", "gaff"])
def test_charges_that_follow_from_hydrogens(name, types):
    assert read(mol2_text(MOLECULES[name], charges=False, types=types)).smiles in canonical(MOLECULES[name])


@pytest.mark.parametrize(
    "smiles", ["CC[O-]", "[S-]c1ccccc1", "CC(=O)[N-]C", "[O-]c1ccccc1", "Cc1nn[n-]n1", "O=C1[N-]C(=O)c2ccccc21"]
)
def test_anions_need_a_charge(smiles):
    """A hydrogen may be missing as well, unless the partial charges say otherwise."""
    with pytest.raises(InputError, match=r"atom \d+ \([NOS]\) lacks hydrogens or a charge"):
        read(mol2_text(smiles, charges=False))
    assert read(mol2_text(smiles, charges=False, partial=True)).smiles == Chem.CanonSmiles(smiles)
    assert read(mol2_text(smiles)).smiles == Chem.CanonSmiles(smiles)


@pytest.mark.parametrize("name", ["indole", "uracil", "guanidine", "quat", "stereo", "sulfonamide"])
def test_missing_hydrogens_are_named(name):
    with pytest.raises(InputError, match=r"atom \d+ \(\w+\) (lacks hydrogens|has \d bonds)"):
        read(mol2_text(MOLECULES[name], hydrogens=False))


CHARGED = [
    "O=C([O-])c1ccccc1C(=O)O",
    "O=C1[N-]C(=O)c2ccccc12",
    "O=C([O-])c1cccc[n+]1[O-]",
    "c1c[nH]c[nH+]1",
    "c1nnn[n-]1",
    "O=C([O-])c1nnc[nH]1",
    "[O-]c1nc[nH]c2ncnc1-2",
]


@pytest.mark.parametrize("smiles", CHARGED)
@pytest.mark.parametrize("charges", [True, False])
def test_rings_do_not_make_up_for_missing_hydrogens(smiles, charges):
    """No cumulated double bonds, and no carbanions."""
    with pytest.raises(InputError, match=r"atom \d+ \([CNO]\) lacks hydrogens or a charge"):
        read(mol2_text(smiles, charges=charges, hydrogens=False))
    assert read(mol2_text(smiles)).smiles in canonical(smiles)


@pytest.mark.parametrize("smiles", CHARGED)
def test_what_open_babel_writes_without_hydrogens_is_refused(smiles):
    openbabel = pytest.importorskip("openbabel").openbabel
    conversion, mol = openbabel.OBConversion(), openbabel.OBMol()
    conversion.SetInAndOutFormats("mol", "mol2")
    assert conversion.ReadString(mol, Chem.MolToMolBlock(Chem.MolFromSmiles(smiles)))
    mol.DeleteHydrogens()
    with pytest.raises(InputError, match=r"atom \d+ \(C\) lacks hydrogens or a charge"):
        read(conversion.WriteString(mol))


def without_polar_hydrogens(text, left_out):
    """A record without some of its hydrogens on N and O, counted from 0."""
    head, atoms, rest = re.split(r"(?<=@<TRIPOS>ATOM\n)|(?=@<TRIPOS>(?:BOND|UNITY))", text, maxsplit=2)
    attributes, bonds = re.split(r"(?<=@<TRIPOS>BOND\n)", rest)
    kinds = {words[0]: words[1] for words in map(str.split, atoms.splitlines())}
    pairs = [line.split()[1:3] for line in bonds.splitlines()]
    polar = [b for a, b in pairs if kinds[b] == "H" and kinds[a] in ("N", "O")]
    gone = {polar[place] for place in left_out}
    atoms = [line for line in atoms.splitlines() if line.split()[0] not in gone]
    bonds = [line for line in bonds.splitlines() if not gone & set(line.split()[1:3])]
    return "\n".join([head + "\n".join(atoms), attributes + "\n".join(bonds), ""])


@pytest.mark.parametrize("aromatic", ["rings", "none"])
@pytest.mark.parametrize(
    ("smiles", "left_out"),
    [
        ("Cc1c[nH]cn1", [0]),
        ("c1ccc2[nH]ccc2c1", [0]),
        ("O=c1cc[nH]c(=O)[nH]1", [0]),
        ("O=c1cc[nH]c(=O)[nH]1", [0, 1]),
        ("O=c1cccc[nH]1", [0]),
        ("c1ccc2c(c1)[nH]c1ccccc12", [0]),
        ("Cc1nn[nH]n1", [0]),
        ("c1cc[nH]n1", [0]),
        ("Nc1ncnc2[nH]cnc12", [2]),
        ("O=c1[nH]cnc2[nH]cnc12", [0]),
        ("O=c1[nH]cnc2[nH]cnc12", [1]),
        ("[O-]C(=O)Cc1c[nH]cn1", [0]),
    ],
)
def test_a_ring_that_lacks_a_polar_hydrogen_is_no_ion(smiles, left_out, aromatic):
    text = mol2_text(smiles, aromatic=aromatic)
    assert read(text).smiles in canonical(smiles)
    with pytest.raises(InputError, match=r"atom \d+ \(N\) lacks hydrogens or a charge"):
        read(without_polar_hydrogens(text, left_out))


@pytest.mark.parametrize("aromatic", ["rings", "groups", "none"])
@pytest.mark.parametrize(
    ("smiles", "left_out"),
    [
        ("O=c1[nH]cnc2[nH]cnc12", [0, 1]),
        ("O=c1[nH]cnc2nc[nH]c12", [0, 1]),
        ("Nc1nc2[nH]cnc2c(=O)[nH]1", [2, 3]),
        ("O=c1[nH]c(=O)c2[nH]cnc2[nH]1", [1, 2]),
        ("S=c1[nH]cnc2nc[nH]c12", [0, 1]),
        ("O=c1[nH]c2ccccc2[nH]1", [0, 1]),
        ("O=c1[nH][nH]c(=O)c2ccccc12", [0, 1]),
    ],
)
def test_a_ring_that_lacks_two_hydrogens_is_no_quinone(smiles, left_out, aromatic):
    text = mol2_text(smiles, aromatic=aromatic)
    assert read(text).smiles in canonical(smiles)
    with pytest.raises(InputError, match=r"atom \d+ \(N\) lacks hydrogens or a charge"):
        read(without_polar_hydrogens(text, left_out))


def test_an_imidazolium_that_lacks_both_hydrogens_is_refused():
    with pytest.raises(InputError, match=r"atom 5 \(N\) has 2 bonds with formal charge \+1"):
        read(without_polar_hydrogens(mol2_text("c1c[nH]c[nH+]1"), [0, 1]))


def test_cations_of_rings_that_need_no_cation_need_a_charge():
    """A triazolium has the bonds of a neutral ring whose middle nitrogen lacks its hydrogen."""
    smiles = "Cn1cc[n+](C)n1"
    with pytest.raises(InputError, match=r"atom \d+ \(N\) lacks hydrogens or a charge"):
        read(mol2_text(smiles, charges=False))
    assert read(mol2_text(smiles, charges=False, partial=True)).smiles in canonical(smiles)
    assert read(mol2_text(smiles)).smiles in canonical(smiles)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (" Cl 1", " Du 1", "placeholder"),
        ("1 2 1\n", "1 2 un\n", "has type 'un'"),
        ("1 2 1\n", "1 99 1\n", "does not join two"),
        ("1 2 1\n", "1 2 1\n  99 2 1 1\n", "two bonds"),
        ("1 2 1\n", "1 2 3\n", "not a valid valence"),
        ("@<TRIPOS>ATOM\n", "@<TRIPOS>ATOM\n 1 C x y z C.3\n", "not a readable MOL2"),
    ],
)
def test_what_is_wrong_is_said(old, new, message):
    text = mol2_text("ClCCCCO")
    assert old in text
    with pytest.raises(InputError, match=message):
        read(text.replace(old, new, 1))


@pytest.mark.parametrize("smiles", ["CC(=O)[O-]", "[O-]C(=O)CCC(=O)[O-]", "COP(=O)([O-])[O-]", "CS(=O)(=O)[O-]"])
def test_double_bonds_to_both_oxygens_of_an_anion(smiles):
    """As PRODRG writes them."""
    text = mol2_text(smiles, aromatic="groups", charges=False)
    head, bonds = text.split("@<TRIPOS>BOND\n")
    oxygens = {line.split()[0] for line in head.splitlines() if len(line.split()) > 5 and line.split()[5] == "O"}
    ends = [word for line in bonds.splitlines() for word in line.split()[1:3]]
    oxygens = {one for one in oxygens if ends.count(one) == 1}
    head = "\n".join(
        line.replace(" O 1 UNL", " O.co2 1 UNL") if line.split() and line.split()[0] in oxygens else line
        for line in head.splitlines()
    )
    bonds = "\n".join(
        " ".join([*line.split()[:3], "2"]) if oxygens & set(line.split()[1:3]) else line for line in bonds.splitlines()
    )
    assert read(f"{head}\n@<TRIPOS>BOND\n{bonds}\n").smiles == Chem.CanonSmiles(smiles)


def test_lone_pairs_and_unconnected_bonds_are_left_out():
    text = mol2_text("CCO").replace(
        "@<TRIPOS>BOND\n", " 98 LP1 0 0 9 LP 1 UNL1 0\n@<TRIPOS>BOND\n 98 98 3 1\n 99 1 3 nc\n"
    )
    head, tail = text.split("@<TRIPOS>BOND")
    assert read(f"{head}@<TRIPOS>BOND{tail}").smiles == "CCO"


def test_lines_may_go_on():
    text = mol2_text("CCO")
    lines = text.splitlines()
    place = lines.index("@<TRIPOS>ATOM") + 1
    first, second = lines[place].rsplit(" ", 4)[0], " ".join(lines[place].rsplit(" ", 4)[1:])
    lines[place : place + 1] = [f"{first} \\", second, "# a comment"]
    assert read("\n".join(lines)).smiles == "CCO"
