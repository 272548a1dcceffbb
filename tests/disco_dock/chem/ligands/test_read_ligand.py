"""Reading ligands: every format, every refusal, and what the notes say."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDepictor, rdDistGeom

from disco_dock.chem.ligand import Ligand, LigandFailure
from disco_dock.chem.ligands.read_ligand import read_ligand, read_ligands
from disco_dock.runtime.errors import InputError


def embedded(smiles: str, *, hydrogens: bool = True, seed: int = 7) -> Chem.Mol:
    """An RDKit molecule with one 3-D conformer."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=seed) == 0
    return mol if hydrogens else Chem.RemoveHs(mol)


def sdf_of(*smiles: str, name: str = "", **options: bool) -> str:
    """SDF text of embedded molecules."""
    blocks = []
    for text in smiles:
        mol = embedded(text, **options)
        mol.SetProp("_Name", name)
        blocks.append(Chem.MolToMolBlock(mol) + "$$$$\n")
    return "".join(blocks)


def mol2_of(mol: Chem.Mol, name: str) -> str:
    """MOL2 text of a molecule with all hydrogens and no aromatic bonds; hybridisation is left to the reader."""
    lines = ["@<TRIPOS>MOLECULE", name, f"{mol.GetNumAtoms()} {mol.GetNumBonds()} 0 0 0", "SMALL", "NO_CHARGES", ""]
    lines.append("@<TRIPOS>ATOM")
    for atom, (x, y, z) in zip(mol.GetAtoms(), mol.GetConformer().GetPositions(), strict=True):
        kind = atom.GetSymbol() if atom.GetAtomicNum() == 1 else f"{atom.GetSymbol()}.3"
        lines.append(f"{atom.GetIdx() + 1} {atom.GetSymbol()}{atom.GetIdx()} {x:.4f} {y:.4f} {z:.4f} {kind} 1 LIG 0.0")
    lines.append("@<TRIPOS>BOND")
    for bond in mol.GetBonds():
        ends = f"{bond.GetBeginAtomIdx() + 1} {bond.GetEndAtomIdx() + 1}"
        lines.append(f"{bond.GetIdx() + 1} {ends} {int(bond.GetBondTypeAsDouble())}")
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def refusal(spec: str | Path, **options) -> str:
    """The message with which a single ligand is refused."""
    with pytest.raises(InputError) as caught:
        read_ligand(spec, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- formats


@pytest.mark.parametrize("suffix", [".sdf", ".mol", ".sd", ".SDF", ".unknown"])
def test_reads_sdf_by_suffix_or_content(tmp_path, suffix):
    ligand = read_ligand(write(tmp_path / f"drug{suffix}", sdf_of("CC(=O)Oc1ccccc1C(=O)O")))
    assert ligand.smiles == "CC(=O)Oc1ccccc1C(=O)O"
    assert ligand.num_atoms == 13
    assert ligand.name == "drug"
    assert ligand.pos is not None and ligand.pos.shape == (13, 3) and ligand.pos.dtype == np.float64
    np.testing.assert_array_equal(ligand.pos, ligand.mol.GetConformer().GetPositions())


def test_reads_gzip_even_without_the_suffix(tmp_path):
    data = gzip.compress(sdf_of("CCO", name="spirit").encode())
    for name in ("a.sdf.gz", "b.sdf"):
        (tmp_path / name).write_bytes(data)
        assert read_ligand(tmp_path / name).name == "spirit"


def test_reads_v3000(tmp_path):
    block = Chem.MolToV3KMolBlock(embedded("C[C@H](N)C(=O)O"))
    assert read_ligand(write(tmp_path / "a.mol", block)).smiles == "C[C@H](N)C(=O)O"


def test_reads_several_mol2_molecules(tmp_path):
    mol = embedded("CCO")
    text = "# comment\n" + mol2_of(mol, "one") + "\n" + mol2_of(mol, "*****")
    found = list(read_ligands(write(tmp_path / "two.mol2", text)))
    assert [(ligand.name, ligand.smiles) for ligand in found if isinstance(ligand, Ligand)] == [
        ("one", "CCO"),
        ("two_2", "CCO"),
    ]
    assert isinstance(found[0], Ligand) and found[0].pos is not None
    np.testing.assert_allclose(found[0].pos, mol.GetConformer().GetPositions()[:3], atol=1e-3)


def test_mol2_without_hydrogens_is_refused_because_its_charges_would_be_invented(tmp_path):
    path = write(tmp_path / "bare.mol2", mol2_of(embedded("CCO", hydrogens=False), "bare"))
    assert "atom 1 (C) lacks hydrogens" in refusal(path)


def test_reads_smiles_list_with_names_comments_header_and_blank_lines(tmp_path):
    text = "smiles name\n# a comment\n\nCCO ethanol\nc1ccccc1\tbenzene ring\nCC(C)C\nC[C@H](F)Cl |&1:1| racemic one\n"
    found = list(read_ligands(write(tmp_path / "set.smi", text)))
    assert [ligand.name for ligand in found] == ["ethanol", "benzene ring", "set_3", "racemic one"]
    assert [ligand.index_in_file for ligand in found if isinstance(ligand, Ligand)] == [0, 1, 2, 3]
    assert isinstance(found[3], Ligand)
    assert found[3].notes == ("relative or mixed stereochemistry is docked as drawn",)


def test_reads_pdb_with_bond_orders_from_smiles(tmp_path):
    mol = embedded("C[C@H](N)C(=O)[O-]")
    path = write(tmp_path / "ala.pdb", Chem.MolToPDBBlock(mol))
    ligand = read_ligand(path, template_smiles="C[C@H](N)C(=O)[O-]")
    assert ligand.smiles == "C[C@H](N)C(=O)[O-]"
    assert ligand.notes == ()
    assert ligand.pos is not None
    np.testing.assert_allclose(ligand.pos, mol.GetConformer().GetPositions()[:6], atol=1e-3)


def test_pdb_stereo_comes_from_the_coordinates(tmp_path):
    path = write(tmp_path / "ala.pdb", Chem.MolToPDBBlock(embedded("C[C@H](N)C(=O)O")))
    ligand = read_ligand(path, template_smiles="C[C@@H](N)C(=O)O")
    assert ligand.smiles == "C[C@H](N)C(=O)O"
    assert "differs from --smiles" in ligand.notes[0]


def test_pdb_refusals(tmp_path):
    path = write(tmp_path / "ala.pdb", Chem.MolToPDBBlock(embedded("CC(N)C(=O)O")))
    assert "give them with --smiles" in refusal(path)
    assert "6 heavy atoms and --smiles 3" in refusal(path, template_smiles="CCO")
    assert "does not fit" in refusal(path, template_smiles="CCCCCC")
    assert "--smiles: not a readable SMILES" in refusal(path, template_smiles="C(")
    assert "leave it out" in refusal("CCO", template_smiles="CCO")
    assert "leave it out" in refusal(write(tmp_path / "a.sdf", sdf_of("CCO")), template_smiles="CCO")


# --- what a string is


@pytest.mark.parametrize(
    "spec", ["absent.sdf", "dir/absent.mol2", "x.SMI", "absent.sdf.gz", "a.cif", "/no/such/thing", "./y"]
)
def test_names_that_look_like_paths_are_reported_as_missing(spec):
    assert "file not found" in refusal(spec)


@pytest.mark.parametrize("spec", ["C/C=C/C", "F\\C=C/F", "[NH3+]CC(=O)[O-]", "C" * 190])
def test_smiles_with_path_characters_are_smiles(spec):
    assert read_ligand(spec).smiles == Chem.CanonSmiles(spec)


@pytest.mark.parametrize("spec", ["", "  ", "hello", "C(", "#", "C\nC", "x\0y"])
def test_other_text_is_refused(spec):
    assert "SMILES" in refusal(spec)


def test_files_that_hold_nothing_or_cannot_be_read(tmp_path):
    assert "no molecules found" in refusal(write(tmp_path / "a.sdf", ""))
    assert "no molecules found" in refusal(write(tmp_path / "a.smi", "# only this\n"))
    assert "convert the file to SDF" in refusal(write(tmp_path / "a.cif", "data_x"))
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "bad.sdf.gz").write_bytes(b"\x1f\x8b\x08broken")
    assert "cannot be read" in refusal(tmp_path / "bad.sdf.gz")


def test_a_single_ligand_is_expected_and_the_number_found_is_told(tmp_path):
    path = write(tmp_path / "two.sdf", sdf_of("CCO", "CCC"))
    assert "2 molecules, expected 1" in refusal(path)


# --- several molecules


def test_a_bad_molecule_does_not_stop_the_others(tmp_path):
    broken = "bad\n  x\n\nnot a counts line\nM  END\n$$$$\n"
    path = write(tmp_path / "three.sdf", sdf_of("CCO", name="a") + broken + sdf_of("CCC", name="c"))
    first, second, third = read_ligands(path)
    assert isinstance(first, Ligand) and isinstance(third, Ligand)
    assert (first.name, third.name, third.index_in_file) == ("a", "c", 2)
    assert isinstance(second, LigandFailure)
    assert (second.index, second.name) == (1, "bad")
    assert "three.sdf, molecule 2 (bad): not a readable MOL block" in second.message


def test_a_truncated_archive_yields_what_came_before_and_then_a_failure(tmp_path):
    rng = np.random.default_rng(0)
    data = gzip.compress((sdf_of("CCO") * 40 + rng.bytes(200_000).hex()).encode())
    (tmp_path / "cut.sdf.gz").write_bytes(data[: len(data) // 2])
    found = list(read_ligands(tmp_path / "cut.sdf.gz"))
    assert len(found) == 41
    assert all(isinstance(item, Ligand) for item in found[:40])
    assert isinstance(found[40], LigandFailure) and "cannot be read" in found[40].message


# --- refusals, each with the atom


@pytest.mark.parametrize(
    ("smiles", "parts"),
    [
        ("CC(=O)[O-].[Na+]", ["2 fragments (C2H3O2-, Na+)", "--largest-fragment"]),
        ("CC.CC.CC.CC.CC.CC", ["6 fragments", "and 2 more"]),
        ("CC[Fe]", ["atom 3 (Fe) is a metal"]),
        ("O", ["single heavy atom (O)"]),
        ("[H][H]", ["no heavy atoms"]),
        ("C*C", ["atom 2 (*) is a placeholder"]),
        ("C~C", ["bond between atom 1 (C) and atom 2 (C)"]),
        ("CC->N", ["dative"]),
        ("C:C", ["in no ring"]),
        ("CN(C)(C)C", ["atom 2 (N) has 4 bonds with formal charge +0", "correct its bonds or charge"]),
        ("c1cccc1", ["no alternating single and double bonds", "atom 5 (C)"]),
        ("C" * 201, ["201 heavy atoms, more than 200"]),
        ("C" * 20_000, ["20000 characters"]),
    ],
)
def test_refusals_say_what_and_what_to_do(smiles, parts):
    message = refusal(smiles)
    for part in parts:
        assert part in message
    assert ";" in message  # "what; remedy"


def test_query_atoms_of_a_mol_block_are_refused(tmp_path):
    block = Chem.MolToMolBlock(embedded("CCO", hydrogens=False)).replace(" O   0", " A   0")
    assert "atom 3 (*) is a placeholder or query atom" in refusal(write(tmp_path / "q.mol", block))


def test_ring_marks_on_bonds_and_notes_of_drawing_programs_are_no_obstacle(tmp_path):
    block = Chem.MolToMolBlock(embedded("CCO", hydrogens=False))
    marked = block.replace("  1  2  1  0", "  1  2  1  0  0  2")  # "this bond is in a chain": a query in other programs
    marked = marked.replace("M  END", "V    1 [#6]\nA    2\nEt\nM  STY  1   1 DAT\nM  SAL   1  1   1\nM  END")
    ligand = read_ligand(write(tmp_path / "marked.mol", marked))
    assert ligand.smiles == "CCO"
    assert not Chem.GetMolSubstanceGroups(ligand.mol)
    assert read_ligand("[CH3:1][CH2:2]O").smiles == "CCO"
    drawn = block.replace("  1  2  1  0", "  1  2  5  0")  # single or double
    assert "bond between atom 1 (C) and atom 2 (C)" in refusal(write(tmp_path / "query.mol", drawn))


def test_coordinates_that_make_no_sense_are_refused(tmp_path):
    lines = Chem.MolToMolBlock(embedded("CCO", hydrogens=False)).split("\n")
    coincide = "\n".join([*lines[:5], lines[4], *lines[6:]])
    assert "atom 1 (C) and atom 2 (C) lie at the same point" in refusal(write(tmp_path / "same.mol", coincide))
    mol = embedded("CCO")
    mol.GetConformer().SetAtomPosition(1, (float("nan"), 0.0, 1.0))
    assert "atom 2 (C) has the coordinates (nan, 0, 1)" in refusal(write(tmp_path / "nan.mol2", mol2_of(mol, "x")))


# --- what is kept, dropped and noted


def test_the_largest_fragment_is_kept_in_input_order(tmp_path):
    salt = embedded("[Na+].OC(=O)CN.Cl")
    path = write(tmp_path / "salt.sdf", Chem.MolToMolBlock(salt))
    ligand = read_ligand(path, largest_fragment=True)
    assert [atom.GetSymbol() for atom in ligand.mol.GetAtoms()] == ["O", "C", "O", "C", "N"]
    assert ligand.pos is not None
    np.testing.assert_allclose(ligand.pos, salt.GetConformer().GetPositions()[1:6], atol=1e-3)
    assert ligand.notes[0].startswith("only the largest of 3 fragments is docked")


def test_atom_numbers_of_refusals_are_those_of_the_file(tmp_path):
    assert "atom 4 (Fe)" in refusal("[Na+].CC[Fe]CC", largest_fragment=True)


def test_heavy_atoms_keep_their_order_and_coordinates_when_hydrogens_come_first(tmp_path):
    mol = embedded("C[C@H](N)C(=O)O")
    order = [*range(6, mol.GetNumAtoms()), 5, 3, 1, 0, 2, 4]
    path = write(tmp_path / "mixed.sdf", Chem.MolToMolBlock(Chem.RenumberAtoms(mol, order)))
    ligand = read_ligand(path)
    assert [atom.GetSymbol() for atom in ligand.mol.GetAtoms()] == ["O", "C", "C", "C", "N", "O"]
    assert ligand.pos is not None
    np.testing.assert_allclose(ligand.pos, mol.GetConformer().GetPositions()[[5, 3, 1, 0, 2, 4]], atol=1e-3)
    assert ligand.smiles == "C[C@H](N)C(=O)O"


@pytest.mark.parametrize("smiles", ["C[C@H](N)C(=O)O", "C/C=C\\C", "C[S@](=O)c1ccccc1", "O[C@@H]1CC[C@H](C)CC1"])
@pytest.mark.parametrize("hydrogens", [True, False])
def test_stereo_is_perceived_from_3d(tmp_path, smiles, hydrogens):
    lines = sdf_of(smiles, hydrogens=hydrogens).split("\n")
    bare = "\n".join(line[:9] + "  0" + line[12:] if len(line.split()) == 4 else line for line in lines)
    ligand = read_ligand(write(tmp_path / "a.sdf", bare))
    assert ligand.smiles == Chem.CanonSmiles(smiles)
    assert ligand.notes == ()


def test_stereo_of_a_drawing_comes_from_its_wedges(tmp_path):
    mol = Chem.MolFromSmiles("C[C@H](N)C(=O)O")
    rdDepictor.Compute2DCoords(mol)
    ligand = read_ligand(write(tmp_path / "flat.mol", Chem.MolToMolBlock(mol)))
    assert ligand.smiles == "C[C@H](N)C(=O)O"
    assert ligand.pos is None
    assert ligand.mol.GetNumConformers() == 0


def test_unspecified_stereo_is_noted():
    notes = " ".join(read_ligand("CC(F)C=CC").notes)
    assert "unspecified stereocentre at atom 2 (C)" in notes
    assert "unspecified double bond at atoms 4-5" in notes
    assert read_ligand("C[C@H](F)/C=C/C").notes == ()


def test_radicals_and_deuterium_are_noted():
    assert "unpaired electrons at atom 2 (C)" in read_ligand("C[CH]C").notes[0]
    deuterated = read_ligand("[2H]C([2H])([2H])CO")
    assert deuterated.num_atoms == 3
    assert "deuterium" in deuterated.notes[0]


@pytest.mark.parametrize("smiles", ["C1CCCCCCCCCCCCC1", "c1ccccc1", "CC", "CC(C)(C)C", "N#N", "C" * 120])
def test_rings_rigid_and_large_ligands_are_read(smiles):
    assert read_ligand(smiles).smiles == Chem.CanonSmiles(smiles)


def test_nothing_reaches_standard_error(capfd, tmp_path):
    for spec in ("CN(C)(C)C", "c1cccc1", "C("):
        refusal(spec)
    list(read_ligands(write(tmp_path / "a.sdf", "x\n\n\n  9 9 9\nM  END\n$$$$\n")))
    list(read_ligands(write(tmp_path / "b.mol2", "@<TRIPOS>MOLECULE\nx\n 1 1\n@<TRIPOS>ATOM\n1 C\n")))
    assert capfd.readouterr().err == ""
