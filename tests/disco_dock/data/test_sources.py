"""The three layouts of a folder of complexes, and the ligand among HETATM records."""

from __future__ import annotations

import gzip

import pytest
from rdkit import Chem

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.structures.structure_files import read_structure
from disco_dock.data.build import build
from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.prepare import prepare, read_source_ligand
from disco_dock.data.sources import SourceFolder
from disco_dock.runtime.errors import InputError
from tests.support.complexes import LIGANDS, write_complexes


@pytest.fixture(scope="module")
def complexes(tmp_path_factory):
    root = tmp_path_factory.mktemp("complexes")
    write_complexes(root)
    return root


def hetatm_lines(mol: Chem.Mol, code: str, number: int = 500) -> list[str]:
    """HETATM records of a molecule with one conformer; atoms are named by element and index."""
    lines = []
    for atom, (x, y, z) in zip(mol.GetAtoms(), mol.GetConformer().GetPositions(), strict=True):
        name = f"{atom.GetSymbol()}{atom.GetIdx() + 1}"
        lines.append(
            f"HETATM{atom.GetIdx() + 900:>5}  {name:<3} {code} B{number:>4}    {x:8.3f}{y:8.3f}{z:8.3f}"
            f"  1.00  0.00          {atom.GetSymbol():>2}"
        )
    return lines


def component_text(mol: Chem.Mol, code: str) -> str:
    """A file of the chemical component dictionary for a molecule, with one hydrogen to be dropped."""
    mol = Chem.Mol(mol)
    Chem.Kekulize(mol, clearAromaticFlags=True)
    names = [f"{atom.GetSymbol()}{atom.GetIdx() + 1}" for atom in mol.GetAtoms()]
    orders = {Chem.BondType.SINGLE: "SING", Chem.BondType.DOUBLE: "DOUB"}
    atoms = [
        f"{code} {name} {name[0]} {atom.GetFormalCharge()} N" for name, atom in zip(names, mol.GetAtoms(), strict=True)
    ]
    bonds = [
        f"{code} {names[bond.GetBeginAtomIdx()]} {names[bond.GetEndAtomIdx()]} {orders[bond.GetBondType()]}"
        for bond in mol.GetBonds()
    ]
    atom_keys = ("comp_id", "atom_id", "type_symbol", "charge", "pdbx_leaving_atom_flag")
    bond_keys = ("comp_id", "atom_id_1", "atom_id_2", "value_order")
    return "\n".join(
        [
            f"data_{code}",
            "loop_",
            *(f"_chem_comp_atom.{key}" for key in atom_keys),
            *atoms,
            f"{code} H1 H 0 N",
            "loop_",
            *(f"_chem_comp_bond.{key}" for key in bond_keys),
            *bonds,
            f"{code} {names[0]} H1 SING",
            "",
        ]
    )


@pytest.fixture
def plain(complexes, tmp_path):
    """A folder of plain PDB files with their ligands inside."""
    root = tmp_path / "plain"
    root.mkdir()
    for number in range(len(LIGANDS)):
        folder = complexes / f"made{number}"
        ligand = read_ligand(folder / "ligand.sdf").mol
        protein = [line for line in (folder / "protein.pdb").read_text().splitlines() if line.startswith("ATOM")]
        lines = [*protein, "TER", *hetatm_lines(ligand, f"LG{number}"), "END", ""]
        (root / f"made{number}.pdb").write_text("\n".join(lines))
    return root


def test_all_layouts_give_the_same_example(complexes, plain, tmp_path):
    rows = [f"made{number},,{smiles}" for number, smiles in enumerate(LIGANDS)]
    (plain / "ligands.csv").write_text("\n".join(["id,group,smiles", *rows, ""]))
    bind = tmp_path / "bind"
    for number in range(len(LIGANDS)):
        name = f"made{number}"
        (bind / name).mkdir(parents=True)
        (bind / name / f"{name}_protein_processed.pdb").write_bytes((complexes / name / "protein.pdb").read_bytes())
        (bind / name / f"{name}_ligand.sdf").write_bytes((complexes / name / "ligand.sdf").read_bytes())
    summaries = [build(root, tmp_path / f"shards-{root.name}") for root in (complexes, bind, plain)]
    assert all((summary.complexes, summary.failures) == (3, 0) for summary in summaries)
    first, *others = (ComplexDataset(tmp_path / f"shards-{root.name}") for root in (complexes, bind, plain))
    for other in others:
        assert other.ids == first.ids
        for number in range(3):
            assert other.facts[number]["smiles"] == first.facts[number]["smiles"]
            assert other.facts[number]["sequence_sha256"] == first.facts[number]["sequence_sha256"]
            gap = (other[number].pos_crystal - first[number].pos_crystal).abs().max()
            assert float(gap) < 0.02


def test_mol2_is_the_fallback(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "x_protein_processed.pdb").write_text("ATOM")
    (folder / "x_ligand.sdf").write_text("broken")
    mol = "@<TRIPOS>MOLECULE\nx\n 3 2 0 0 0\nSMALL\nNO_CHARGES\n\n@<TRIPOS>ATOM\n"
    atoms = ("C1 0.0 0.0 0.0 C.3", "C2 1.5 0.0 0.0 C.3", "O1 2.0 1.3 0.2 O.3")
    hydrogens = [(f"H{k}", k) for k in range(1, 7)]
    text = mol.replace("3 2", f"{3 + len(hydrogens)} {2 + len(hydrogens)}")
    text += "".join(f"{k} {atom} 1 LIG 0.0\n" for k, atom in enumerate(atoms, 1))
    spots = ("-0.5 0.9 0.3", "-0.5 -0.9 0.3", "-0.4 0.0 -1.0", "1.9 -0.5 0.9", "1.9 -0.5 -0.9", "2.9 1.3 0.2")
    text += "".join(f"{k + 3} {name} {spots[k - 1]} H 1 LIG 0.0\n" for name, k in hydrogens)
    text += "@<TRIPOS>BOND\n1 1 2 1\n2 2 3 1\n"
    text += "".join(f"{k + 2} {owner} {k + 3} 1\n" for k, owner in enumerate((1, 1, 1, 2, 2, 3), 1))
    (folder / "x_ligand.mol2").write_text(text)
    ligand = read_source_ligand(SourceFolder(tmp_path).find("x"))
    assert ligand.smiles == "CCO" and ligand.source.endswith(".mol2")


def test_component_gives_bond_orders(complexes, plain):
    with pytest.raises(InputError, match=r"no template for B:LG0:500.*LG0\.cif"):
        read_source_ligand(SourceFolder(plain).find("made0"))
    (plain / "components").mkdir()
    mol = read_ligand(complexes / "made0" / "ligand.sdf").mol
    (plain / "components" / "LG0.cif").write_text(component_text(mol, "LG0"))
    folder = SourceFolder(plain)
    assert folder.names() == ["made0", "made1", "made2"]  # the folder of components is no complex
    assert read_source_ligand(folder.find("made0")).smiles == Chem.CanonSmiles(LIGANDS[0])
    text = (plain / "made0.pdb").read_text().splitlines()
    (plain / "made0.pdb").write_text("\n".join(line for line in text if " C1  LG0" not in line))
    with pytest.raises(InputError, match="has no C1 compared with the component"):
        read_source_ligand(folder.find("made0"))


def test_gzipped_structure_and_named_group(plain):
    other = (plain / "made1.pdb").read_text().splitlines()
    lines = (plain / "made0.pdb").read_text().splitlines()
    extra = [line.replace("B 500", "C 501") for line in other if line.startswith("HETATM")]
    with gzip.open(plain / "two.pdb.gz", "wt") as file:
        file.write("\n".join([*lines[:-1], *extra, "END", ""]))
    with pytest.raises(InputError, match=r"several ligands \(LG0, LG1\)"):
        read_source_ligand(SourceFolder(plain).find("two"))
    for group in ("LG1", "C:LG1501"):
        (plain / "ligands.csv").write_text(f"id,group,smiles\ntwo,{group},{LIGANDS[1]}\n")
        source = SourceFolder(plain).find("two")
        assert read_source_ligand(source).smiles == Chem.CanonSmiles(LIGANDS[1])
        assert prepare(source)[0].graph.num_residues == 10
    (plain / "ligands.csv").write_text(f"id,group,smiles\ntwo,ABC,{LIGANDS[1]}\n")
    with pytest.raises(InputError, match="no group ABC"):
        read_source_ligand(SourceFolder(plain).find("two"))


def test_wrong_template_is_a_failure_with_its_reason(plain):
    (plain / "ligands.csv").write_text("id,group,smiles\nmade0,,CCCCC\n")
    with pytest.raises(InputError, match=r"made0\.pdb.*the SMILES"):
        read_source_ligand(SourceFolder(plain).find("made0"))


def test_unknown_columns_and_absent_folder(plain, tmp_path):
    (plain / "ligands.csv").write_text("id,smile\nmade0,C\n")
    with pytest.raises(InputError, match="name them id, group, smiles"):
        SourceFolder(plain)
    with pytest.raises(InputError, match="no such folder"):
        SourceFolder(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no complexes found"):
        SourceFolder(tmp_path / "empty").names()


@pytest.mark.parametrize(("atoms", "count"), [(("CA",), 12), (("CA", "CB"), 12)])
def test_traces_are_read_as_residues(tmp_path, atoms, count):
    """A receptor of C-alpha atoms, or of C-alpha and C-beta, has one residue for each, unknown ones too."""
    lines = []
    for number in range(count):
        name = "UNK" if number == 4 else "ALA"
        for atom in atoms:
            x = 3.8 * number + (0.8 if atom == "CB" else 0.0)
            lines.append(f"ATOM  {len(lines) + 1:>5}  {atom:<3} {name} A{number + 1:>4}    {x:8.3f}   0.000   0.000")
    (tmp_path / "protein.pdb").write_text(
        "\n".join([f"{line}  1.00  0.00           C" for line in lines] + ["END", ""])
    )
    from disco_dock.chem.read_receptor import read_receptor

    receptor = read_receptor(tmp_path / "protein.pdb")
    assert len(receptor.restype) == count
    assert len(read_structure(tmp_path / "protein.pdb").groups) == count
