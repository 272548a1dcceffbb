"""Ligand files as programs and people write them: read as meant, or refused with the likely cause."""

from __future__ import annotations

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.read_ligand import read_ligand, read_ligands
from disco_dock.chem.write_sdf import PoseRecord, sdf_text
from disco_dock.runtime.errors import InputError

SMILES = "Cc1ccc2c(c1)nc(CCO)n2C"


def block(smiles=SMILES, *, hydrogens=True):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=3)
    return Chem.MolToMolBlock(mol if hydrogens else Chem.RemoveAllHs(mol))


def edited(text, edit):
    """A MOL block with its atom lines changed by a function of the line and the atom's number."""
    lines = text.splitlines()
    count = int(lines[3][:3])
    return "\n".join(edit(line, row - 4) if 4 <= row < 4 + count else line for row, line in enumerate(lines)) + "\n"


@pytest.fixture
def read(tmp_path):
    def run(text, name="l.sdf"):
        (tmp_path / name).write_text(text)
        return read_ligand(tmp_path / name)

    return run


@pytest.mark.parametrize("hydrogens", [True, False])
def test_counts_of_hydrogens_are_no_queries(read, hydrogens):
    """X-TOOL writes hydrogens + 1, and the number of neighbours as the valence."""
    text = edited(block(hydrogens=hydrogens), lambda line, _: f"{line[:42]}  2  0  3")
    assert read(text).smiles == Chem.CanonSmiles(SMILES)


def test_ring_or_chain_of_a_bond_is_no_query(read):
    text = block().splitlines()
    first = 4 + int(text[3][:3])
    text[first] = f"{text[first][:9]}  0  0  1"
    assert read("\n".join(text) + "\n").smiles == Chem.CanonSmiles(SMILES)


@pytest.mark.parametrize("smiles", [SMILES, "OCC1OC(O)C(O)C(O)C1O", "CC(=O)NCCO"])
def test_valences_without_hydrogens(read, smiles):
    mol = Chem.MolFromMolBlock(block(smiles, hydrogens=False))
    Chem.Kekulize(mol, clearAromaticFlags=True)
    orders = [int(sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds())) for atom in mol.GetAtoms()]
    text = edited(block(smiles, hydrogens=False), lambda line, atom: f"{line[:48]}{orders[atom]:3d}{line[51:]}")
    found = read(text)
    assert Chem.MolToSmiles(found.mol, isomericSmiles=False) == Chem.CanonSmiles(smiles)
    assert "hydrogens are restored" in found.notes[0]


@pytest.mark.parametrize("smiles", [SMILES, "OCC1OC(O)C(O)C(O)C1O", "CC(=O)NCCO"])
@pytest.mark.parametrize("attribute", ["HCOUNT=1", "VAL"])
def test_counts_and_valences_of_v3000(read, smiles, attribute):
    mol = Chem.MolFromMolBlock(block(smiles, hydrogens=False))
    Chem.Kekulize(mol, clearAromaticFlags=True)
    lines = Chem.MolToV3KMolBlock(mol).splitlines()
    first = lines.index("M  V30 BEGIN ATOM") + 1
    for row, atom in enumerate(mol.GetAtoms(), start=first):
        orders = int(sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds()))
        lines[row] += f" VAL={orders}" if attribute == "VAL" else f" {attribute}"
    found = read("\n".join([*lines, ""]))
    assert Chem.MolToSmiles(found.mol, isomericSmiles=False) == Chem.CanonSmiles(smiles)
    assert any("hydrogens are restored" in note for note in found.notes) == (attribute == "VAL")


TEMPO = "CC1(C)CCCC(C)(C)N1[O]"


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("hydrogens", [True, False])
@pytest.mark.parametrize("column", ["bonds", "all", "oxygen", "none"])
def test_nitroxides_with_valences(read, column, hydrogens, declared):
    """TEMPO stays TEMPO where `M  RAD` or the column of a sound molecule says so, never a set of carbon radicals.

    A column that denies all hydrogens tells nothing of the oxygen's.
    """
    text = block(TEMPO, hydrogens=hydrogens)
    mol = Chem.MolFromMolBlock(text, removeHs=False)

    def valence(atom):
        one = mol.GetAtomWithIdx(atom)
        orders = int(sum(bond.GetBondTypeAsDouble() for bond in one.GetBonds()))
        return {
            "bonds": orders,
            "all": orders + one.GetTotalNumHs(),
            "oxygen": orders if one.GetSymbol() == "O" else 0,
            "none": 0,
        }[column]

    text = edited(text, lambda line, atom: f"{line[:48]}{valence(atom):3d}{line[51:]}")
    if not declared:
        text = "\n".join(line for line in text.splitlines() if not line.startswith("M  RAD")) + "\n"
    found = read(text)
    told = declared or column in ("all", "oxygen") or (column == "bonds" and hydrogens)
    assert found.smiles == (TEMPO if told else "CC1(C)CCCC(C)(C)N1O")
    assert any("hydrogens are restored at" in note for note in found.notes) == (column == "bonds" and not hydrogens)


@pytest.mark.parametrize("smiles", ["[CH2]C[CH]C[CH2]", "[C]1[C][C][C][C][C]1", "[CH2][CH]([CH2])[CH2]"])
def test_many_radicals_are_missing_hydrogens(smiles):
    with pytest.raises(InputError, match=r"atom 1 \(C\), .*would be a radical: hydrogens or charges are missing"):
        read_ligand(smiles)


def test_radicals_that_are_meant_stay_and_others_are_refused(read):
    assert read_ligand("CC1(C)CCCC(C)(C)N1[O]").mol.GetNumAtoms() == 11
    for smiles in ("CC[O]", "CC[N]CC", "CC[S]", "C[P]C"):
        with pytest.raises(InputError, match=r"would be a radical: hydrogens or charges are missing"):
            read_ligand(smiles)


def test_a_bond_block_that_is_empty(read):
    lines = block().splitlines()
    atoms = int(lines[3][:3])
    lines[3] = f"{lines[3][:3]}  0{lines[3][6:]}"
    text = "\n".join([*lines[: 4 + atoms], "M  END", ""])
    with pytest.raises(InputError, match="heavy atoms and no bonds"):
        read(text)


PAIRS = [
    ("CCO", "ethanol"),
    ("c1ccccc1N", "aniline"),
    ("CC(=O)Nc1ccc(O)cc1", "ZINC13550868"),
    ("C[C@H](N)C(=O)O", "ala"),
]
LAYOUTS = {
    "name first": "{name} {smiles}",
    "tabs, name first": "{name}\t{smiles}",
    "commas": "{smiles},{name}",
    "commas, name first": "{name},{smiles}",
    "semicolons": "{smiles};{name}",
    "third column": "{name}\t17.5\t{smiles}",
    "quoted": '"{smiles}","{name}"',
}


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_smiles_files(tmp_path, layout, header):
    form = LAYOUTS[layout]
    lines = [form.format(smiles=smiles, name=name) for smiles, name in PAIRS]
    if header:
        lines.insert(0, form.format(smiles="SMILES", name="ID"))
    (tmp_path / "l.smi").write_text("\n".join(lines))
    found = list(read_ligands(tmp_path / "l.smi"))
    assert [isinstance(one, Ligand) and (one.smiles, one.name) for one in found] == [
        (Chem.CanonSmiles(smiles), name) for smiles, name in PAIRS
    ]
    assert all("columns were recognised" in one.notes[0] for one in found if isinstance(one, Ligand))


HEADERS = ["molecule,id", "Ligand,Compound", "drug,IC50", "Smiles_string,no", "COMPOUND,CODE", "SMILES (canonical),x_1"]


@pytest.mark.parametrize("names", ["second", "first", "none"])
@pytest.mark.parametrize("mark", [",", "\t", ";", " "])
@pytest.mark.parametrize("header", HEADERS)
def test_headers_of_any_words(tmp_path, header, mark, names):
    titles = (header.replace(" ", "_") if mark == " " else header).split(",")
    rows = [list(pair) for pair in PAIRS]
    rows.insert(0, titles)
    rows = {"second": rows, "first": [row[::-1] for row in rows], "none": [row[:1] for row in rows]}[names]
    (tmp_path / "l.smi").write_text("# a comment\n\n" + "\n".join(mark.join(row) for row in rows))
    found = list(read_ligands(tmp_path / "l.smi"))
    assert [isinstance(one, Ligand) and one.smiles for one in found] == [Chem.CanonSmiles(one) for one, _ in PAIRS]
    assert sum("taken for the titles" in note for one in found if isinstance(one, Ligand) for note in one.notes) <= 1


@pytest.mark.parametrize("first", ["C1CC broken", "CC(C a", "c1ccccc a", "CCX5( a", "molecule 17.5", "N=C=O)O=,id"])
def test_a_damaged_first_line_is_no_header(tmp_path, first):
    (tmp_path / "l.smi").write_text(first + "\nCCO a\nCCN b\nCCC c\n")
    found = list(read_ligands(tmp_path / "l.smi"))
    assert [isinstance(one, Ligand) for one in found] == [False, True, True, True]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["l.smi", "l.sdf", "l.mol2"])
def test_line_ends_of_any_system(tmp_path, name, end):
    from tests.disco_dock.chem.ligands.test_mol2 import mol2_text

    text = {
        "l.smi": "CCO a\nCCN b\n",
        "l.sdf": "$$$$\n".join([block("CCO"), block("CCN"), ""]),
        "l.mol2": mol2_text("CCO") + mol2_text("CCN"),
    }[name]
    (tmp_path / name).write_bytes(text.replace("\n", end).encode())
    found = list(read_ligands(tmp_path / name))
    assert [isinstance(one, Ligand) and one.smiles for one in found] == ["CCO", "CCN"]


def test_utf16_lists_are_refused(tmp_path):
    (tmp_path / "l.smi").write_bytes("CCO a\n".encode("utf-16"))
    with pytest.raises(InputError, match="is UTF-16 text; save it as UTF-8"):
        list(read_ligands(tmp_path / "l.smi"))


def test_nameless_lists_have_one_column(tmp_path):
    (tmp_path / "l.smi").write_text("CCO\nCCN\n")
    assert not any(one.notes for one in read_ligands(tmp_path / "l.smi") if isinstance(one, Ligand))


def test_the_usual_layout_is_not_guessed_away(tmp_path):
    (tmp_path / "l.smi").write_text("CCO CCN\nCCC C\nnonsense x\nCCCl CC\n")
    found = list(read_ligands(tmp_path / "l.smi"))
    assert [isinstance(one, Ligand) for one in found] == [True, True, False, True]
    assert [one.name for one in found] == ["CCN", "C", "x", "CC"] and not found[0].notes


@pytest.mark.parametrize("smiles", ["[N-]=[N+]=NCc1ccccc1", "CC=C=CC", "O=C=CC", "CN=C=O", "CC=[N+]=[N-]", "CC=C=C=CC"])
def test_no_note_on_bonds_without_e_and_z(smiles):
    assert not read_ligand(smiles).notes


def test_bonds_with_e_and_z_are_noted():
    assert "unspecified double bond at atoms 2-3" in read_ligand("CC=CC").notes[0]


@pytest.mark.parametrize("letters", ["B", "AB"])
def test_ligand_of_one_alternate_location(tmp_path, letters):
    mol = Chem.MolFromMolBlock(block("CCOC(C)C", hydrogens=False))
    lines = []
    for letter, shift, share in zip(letters, (0.0, 0.4), (0.6, 0.4), strict=False):
        for number, (atom, (x, y, z)) in enumerate(zip(mol.GetAtoms(), mol.GetConformer().GetPositions(), strict=True)):
            name = f" {atom.GetSymbol()}{number + 1:<2}"
            lines.append(
                f"HETATM{len(lines) + 1:5d} {name}{letter}LIG A   1    {x + shift:8.3f}{y:8.3f}{z:8.3f}{share:6.2f}"
                f"  0.00          {atom.GetSymbol():>2}"
            )
    (tmp_path / "l.pdb").write_text("\n".join([*lines, "END", ""]))
    found = read_ligand(tmp_path / "l.pdb", template_smiles="CCOC(C)C")
    assert found.mol.GetNumAtoms() == 6
    assert found.pos[0] == pytest.approx(mol.GetConformer().GetPositions()[0], abs=1e-3)


def interleaved(seed):
    """A molecule whose hydrogens stand between its other atoms."""
    import random

    mol = Chem.AddHs(Chem.MolFromSmiles("C[C@H](O)CN"))
    AllChem.EmbedMolecule(mol, randomSeed=3)
    order = list(range(mol.GetNumAtoms()))
    random.Random(seed).shuffle(order)
    return Chem.RenumberAtoms(mol, order)


@pytest.mark.parametrize("seed", range(4))
def test_tags_and_order_of_atoms_come_back(read, seed):
    mol = interleaved(seed)
    text = Chem.MolToMolBlock(mol) + ">  <ID>\nZINC1\n\n>  <pIC50>  (1)\n7.1\n\n$$$$\n"
    ligand = read(text)
    assert dict(ligand.tags) == {"ID": "ZINC1", "pIC50": "7.1"}
    again = Chem.MolFromMolBlock(sdf_text(ligand, [PoseRecord(pos=ligand.pos, tags={})]), removeHs=False)
    assert [atom.GetSymbol() for atom in again.GetAtoms()] == [atom.GetSymbol() for atom in mol.GetAtoms()]
    bonds = [
        {(min(ends), max(ends)) for bond in one.GetBonds() for ends in [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())]}
        for one in (again, mol)
    ]
    assert bonds[0] == bonds[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acetic acid\tCC(=O)O\nethanol\tCCO\n", [("acetic acid", "CC(=O)O"), ("ethanol", "CCO")]),
        ("CCO,ethanol\nC1CC,broken\nCCN,amine\nCCC,gas\n", [("ethanol", "CCO"), ("amine", "CCN"), ("gas", "CCC")]),
    ],
)
def test_lists_with_names_of_two_words_and_with_a_broken_line(tmp_path, text, expected):
    (tmp_path / "l.smi").write_text(text)
    found = [one for one in read_ligands(tmp_path / "l.smi") if isinstance(one, Ligand)]
    assert [(one.name, one.smiles) for one in found] == expected


def test_two_columns_of_smiles_are_not_chosen_from_in_silence(tmp_path):
    (tmp_path / "l.smi").write_text("CCN\tCCCCCO\nCCCP\tCCN\n")
    found = list(read_ligands(tmp_path / "l.smi"))
    assert all(any("both columns can be read as SMILES" in note for note in one.notes) for one in found)


def test_several_ligands_in_one_cell_are_refused():
    with pytest.raises(InputError):
        list(read_ligands("CCN|CCO"))
