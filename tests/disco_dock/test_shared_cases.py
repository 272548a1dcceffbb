"""Each case of foreign files gives what its `expected.txt` says; skipped where the cases are not at hand."""

from __future__ import annotations

import csv
import json
from collections import Counter

import gemmi
import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from disco_dock.chem.conformers import embed
from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.read_ligand import read_ligand, read_ligands
from disco_dock.chem.ligands.reference_coordinates import reference_positions
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.stereo import atropisomer_axes, held_axes, stereo_kept
from disco_dock.docking.runs.outputs import only_run
from disco_dock.docking.vina_box_file import read_box
from disco_dock.runtime.errors import InputError
from tests.disco_dock.cli.conftest import Outcome, disco, peptide, peptide_text
from tests.support.shared_cases import case, cases_root

__all__ = ["Outcome", "disco", "peptide", "peptide_text"]

KNOWN = set(
    "atropisomer azide-allene-note blank-chain-dimer bondless-sdf cofactor-duplicate-atom-names cofactor_as_ligand "
    "conformer-wall-clock-limit dna-charmm-names hex_residue_numbers hless_valence_sdf hybrid36-residue-number "
    "hydrogens-read-as-X mmcif-optional-columns mol2-openbabel nim_double_slash parallel-same-folder pdb1-assembly "
    "pocket-ligand-formats receptor_pdbqt sd-tags-and-h-order second-ligand-cannot-be-kept smi_name_first "
    "trans_fused_stereo xtool_pdbbind_sdf".split()
)
FAST = ("--num-poses", 2, "--steps", 1)


def accounted(path):
    """The receptor of a file none of whose records is lost without a rule."""
    receptor = read_receptor(path)
    tally = receptor.tally
    assert tally["total"] == tally["kept"] + sum(tally["dropped"].values())
    return receptor


def test_every_case_is_tested():
    root = cases_root()
    if root is None:
        pytest.skip("no cases at hand (set DISCO_CASES_DIR)")
    assert {path.name for path in root.iterdir() if path.is_dir()} <= KNOWN


def test_atropisomer():
    signs = {}
    for name in ("M", "P"):
        ligand = read_ligand(case("atropisomer") / f"sotorasib_{name}.sdf")
        (axis,) = atropisomer_axes(ligand.mol)
        assert frozenset(axis[1:3]) in held_axes(ligand.mol)
        for seed in range(2):
            pos = embed(ligand.mol, seed=seed).pos
            assert stereo_kept(ligand.mol, pos)
            mirrored = pos * [1, 1, -1]
            assert not stereo_kept(ligand.mol, mirrored)
        signs[name] = np.sign(rdMolTransforms.GetDihedralDeg(ligand.mol.GetConformer(), *axis))
    assert signs["M"] != signs["P"]


def test_azide_allene_note():
    found = list(read_ligands(case("azide-allene-note") / "ligand.smi"))
    assert len(found) == 2 and not any(one.notes for one in found if isinstance(one, Ligand))


def test_blank_chain_dimer():
    path = case("blank-chain-dimer") / "protein.pdb"
    receptor = accounted(path)
    assert len(receptor.names) == path.read_text().count(" CA ")
    lengths = Counter(receptor.chains)
    assert (
        len(lengths) == 2
        and len(set(lengths.values())) == 1
        and any("chains have no letter" in n for n in receptor.notes)
    )


def test_bondless_sdf():
    with pytest.raises(InputError, match=r"has \d+ heavy atoms and no bonds") as caught:
        read_ligand(case("bondless-sdf") / "ligand.sdf")
    assert "--largest-fragment" not in str(caught.value)


def test_cofactor_duplicate_atom_names():
    (group,) = accounted(case("cofactor-duplicate-atom-names") / "protein.pdb").kept_groups
    assert len(group.elements) == 48 and group.kind == "cofactor"


def test_cofactor_as_ligand(tmp_path):
    hetero = (case("cofactor_as_ligand") / "1s63_het_only.pdb").read_text()
    protein = (case("second-ligand-cannot-be-kept") / "protein.pdb").read_text()
    atoms = [line for line in protein.splitlines() if line.startswith("ATOM")]
    (tmp_path / "p.pdb").write_text("\n".join([*atoms, hetero]))
    groups = {group.name: group.kept for group in read_receptor(tmp_path / "p.pdb").context}
    assert groups["FPP"] and groups["ZN"]
    for keep, drop, kept in ((("FPP",), (), True), ((), ("FPP",), False)):
        found = read_receptor(tmp_path / "p.pdb", groups=GroupChoice(keep=keep, drop=drop))
        assert {group.name: group.kept for group in found.context}["FPP"] is kept


def test_conformer_wall_clock_limit():
    """However long it takes by the clock on the wall; that the clock changes nothing is a test of `embed`."""
    mol = read_ligand(case("conformer-wall-clock-limit") / "ligand.smi").mol
    found = embed(mol, seed=0)
    assert found.rung == "random-coordinates" and stereo_kept(mol, found.pos)
    with pytest.raises(InputError) as caught:
        embed(mol, seed=0, time_limit=0.01)
    assert "raise" not in str(caught.value) and "limit" not in str(caught.value)


def test_dna_charmm_names():
    path = case("dna-charmm-names") / "protein.pdb"
    receptor = accounted(path)
    records = [line for line in path.read_text().splitlines() if line.startswith(("ATOM", "HETATM"))]
    bases = [line for line in records if line[17:20] in ("ADE", "GUA", "CYT", "THY", "URA")]
    heavy = sum(line[76:78].strip() != "H" for line in bases)
    assert sum(len(group.elements) for group in receptor.kept_groups) == heavy > 0


def test_hex_residue_numbers():
    receptor = accounted(case("hex_residue_numbers") / "solvated.pdb")
    assert receptor.names and not receptor.kept_groups and receptor.tally["dropped"]["water"]


def test_hless_valence_sdf():
    ligand = read_ligand(case("hless_valence_sdf") / "7s69_glycan.sdf")
    assert not any(atom.GetNumRadicalElectrons() for atom in ligand.mol.GetAtoms())
    assert "hydrogens are restored" in ligand.notes[0]


def test_hybrid36_residue_number():
    receptor = accounted(case("hybrid36-residue-number") / "protein.pdb")
    assert receptor.names and receptor.tally["dropped"]["water"]


def test_hydrogens_read_as_x():
    receptor = accounted(case("hydrogens-read-as-X") / "protein.pdb")
    assert "X" not in receptor.atom_elements and "H" in receptor.atom_elements


@pytest.mark.parametrize("name", ["nobiso.cif", "noocc.cif"])
def test_mmcif_optional_columns(name):
    path = case("mmcif-optional-columns") / name
    receptor = accounted(path)
    other = gemmi.make_structure_from_block(gemmi.cif.read(str(path)).sole_block())
    assert len(receptor.atom_names) + sum(len(g.elements) for g in receptor.context) == other[0].count_atom_sites()


SMILES = {
    "acetate": "CC(=O)[O-]",
    "guanidinium": "CCCNC(N)=[NH2+]",
    "imidazole": "Cc1c[nH]cn1",
    "phosphate_di": "COP(=O)([O-])[O-]",
}


@pytest.mark.parametrize("name", SMILES)
def test_mol2_openbabel(name):
    assert read_ligand(case("mol2-openbabel") / f"{name}.mol2").smiles == Chem.CanonSmiles(SMILES[name])


def test_mol2_openbabel_of_all_molecules_that_are_named():
    """Those without a file of their own, written by Open Babel here."""
    openbabel = pytest.importorskip("openbabel").openbabel
    text = (case("mol2-openbabel") / "expected.txt").read_text().split("these SMILES:")[1]
    for pair in text.strip().split(";"):
        name, smiles = pair.split()
        conversion, mol = openbabel.OBConversion(), openbabel.OBMol()
        conversion.SetInAndOutFormats("mol", "mol2")
        drawn = Chem.AddHs(Chem.MolFromSmiles(smiles))
        Chem.rdDistGeom.EmbedMolecule(drawn, randomSeed=1)
        assert conversion.ReadString(mol, Chem.MolToMolBlock(drawn))
        assert read_mol2(conversion.WriteString(mol)) == Chem.CanonSmiles(smiles), name


def read_mol2(text):
    from disco_dock.chem.ligands.ligand_files import Record
    from disco_dock.chem.ligands.prepare_ligand import prepare

    record = Record("mol2", 0, "x", text)
    return prepare(record, source="x", name="x", template_smiles=None, largest_fragment=False).smiles


def test_nim_double_slash(tmp_path):
    testclient = pytest.importorskip("fastapi.testclient")
    from disco_dock.server.app import create_app
    from tests.disco_dock.server.serving import quick_engine, settings

    assert "//v1/health/ready" in (case("nim_double_slash") / "expected.txt").read_text()
    client = testclient.TestClient(create_app(settings(tmp_path), quick_engine), base_url="http://127.0.0.1:8000")
    for host in ("127.0.0.1:8000", "0.0.0.0:8000"):
        address = "http://127.0.0.1:8000//v1/health/"
        assert client.get(address + "live", headers={"host": host}).text == "true"
        answer = client.get(address + "ready", headers={"host": host})  # its networks are not loaded here
        assert answer.status_code == 503 and "being loaded" in answer.text


def test_parallel_same_folder(disco, peptide, tmp_path):
    case("parallel-same-folder")
    (tmp_path / "out").mkdir()
    with only_run(tmp_path / "out"):
        second = disco("predict", "--protein", peptide, "--ligand", "CCN", "-o", "out", *FAST)
    assert second.status == 1 and "another run writes into it" in second.err
    assert disco("predict", "--protein", peptide, "--ligand", "CCO", "-o", "out", *FAST).status == 0
    later = disco("predict", "--protein", peptide, "--ligand", "CCN", "-o", "out", *FAST)
    assert later.status == 1 and "--overwrite" in later.err


def test_pdb1_assembly():
    path = case("pdb1-assembly") / "protein.pdb1"
    receptor = accounted(path)
    assert len(receptor.names) == path.read_text().count(" CA ") and len(set(receptor.chains)) == 2
    assert any("all are used" in note for note in receptor.notes)


@pytest.mark.parametrize("name", ["ref.mol2", "ref.pdb", "ref.pdbqt", "ref.xyz", "ref_multi.sdf"])
def test_pocket_ligand_formats(name):
    folder = case("pocket-ligand-formats")
    center = reference_positions(folder / name).mean(0)
    np.testing.assert_allclose(center, reference_positions(folder / "ref.pdb").mean(0), atol=1e-3)
    assert np.linalg.norm(read_box(folder / "box_auto.txt").center - center) < 4


def test_receptor_pdbqt():
    path = case("receptor_pdbqt") / "1iep_head.pdbqt"
    receptor = accounted(path)
    kinds = [line[77:79].strip() for line in path.read_text().splitlines() if line.startswith(("ATOM", "HETATM"))]
    assert "A" in kinds and set(receptor.atom_elements) <= {"C", "N", "O", "S", "H"}
    assert Counter(receptor.atom_elements)["C"] == sum(kind in ("C", "A") for kind in kinds)


def test_sd_tags_and_h_order(disco, peptide, tmp_path):
    path = case("sd-tags-and-h-order") / "ligand.sdf"
    done = disco("predict", "--protein", peptide, "--ligand", path, "-o", "out", *FAST)
    assert done.status == 0, done.err
    pose = next(iter(Chem.SDMolSupplier(str(tmp_path / "out" / "poses.sdf"), removeHs=False)))
    given = Chem.MolFromMolFile(str(path), removeHs=False)
    assert (pose.GetProp("ID"), pose.GetProp("pIC50")) == ("ZINC1", "7.1")
    assert [atom.GetSymbol() for atom in pose.GetAtoms()] == [atom.GetSymbol() for atom in given.GetAtoms()]
    partners = [[[n.GetIdx() for n in atom.GetNeighbors()] for atom in mol.GetAtoms()] for mol in (pose, given)]
    assert [sorted(one) for one in partners[0]] == [sorted(one) for one in partners[1]]


@pytest.mark.parametrize("name", ["XXX", "LIG", "UNL", "INH"])
@pytest.mark.parametrize("spec", ["{}", "A:{}500", "A:{}:500", "A:500", "all"])
def test_second_ligand_cannot_be_kept(tmp_path, name, spec):
    text = (case("second-ligand-cannot-be-kept") / "protein.pdb").read_text().replace("XXX A 500", f"{name} A 500")
    (tmp_path / "p.pdb").write_text(text)
    choice = GroupChoice(keep=(spec.format(name),))
    (group,) = read_receptor(tmp_path / "p.pdb", groups=choice).kept_groups
    assert len(group.elements) == 48 and group.why == "asked for"


def test_smi_name_first():
    path = case("smi_name_first") / "cdk2.smi"
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    found = [one for one in read_ligands(path) if isinstance(one, Ligand)]
    assert [[one.name, one.smiles] for one in found] == [[name, Chem.CanonSmiles(smiles)] for name, smiles in lines]
    assert all("columns were recognised" in one.notes[0] for one in found)


def test_trans_fused_stereo():
    mol = read_ligand(case("trans_fused_stereo") / "nirm.smi").mol
    for seed in range(2):
        pos = embed(mol, seed=seed).pos
        small = next(ring for ring in mol.GetRingInfo().AtomRings() if len(ring) == 3)
        large = next(r for r in mol.GetRingInfo().AtomRings() if len(r) == 5 and len(set(r) & set(small)) == 2)
        normal = np.cross(pos[small[1]] - pos[small[0]], pos[small[2]] - pos[small[0]])
        beside = [
            other.GetIdx()
            for atom in set(small) & set(large)
            for other in mol.GetAtomWithIdx(atom).GetNeighbors()
            if other.GetIdx() in large and other.GetIdx() not in small
        ]
        assert len({np.sign((pos[one] - pos[small[0]]) @ normal) for one in beside}) == 1


def test_xtool_pdbbind_sdf():
    found = read_ligand(case("xtool_pdbbind_sdf") / "3ws9_ligand.sdf")
    assert found.smiles == Chem.CanonSmiles("Cc1ccc2c(c1)nc(n2-c1ccccc1)CCc1ncc2cccnn12")


def test_the_tally_of_records_is_in_the_record(disco, tmp_path):
    """Cases end to end: the numbers of `run.json` add up, and the table of groups is there."""
    path = case("cofactor-duplicate-atom-names") / "protein.pdb"
    done = disco("predict", "--protein", path, "--ligand", "CCO", "-o", "out", *FAST)
    assert done.status == 0, done.err
    record = json.loads((tmp_path / "out" / "run.json").read_text())["receptor"]
    lines = [line for line in path.read_text().splitlines() if line.startswith(("ATOM", "HETATM"))]
    assert record["records"]["total"] == len(lines)
    assert [group["id"] for group in record["groups"]] == ["A:NDP500"] and record["groups"][0]["kept"]
    with (tmp_path / "out" / "results.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2
