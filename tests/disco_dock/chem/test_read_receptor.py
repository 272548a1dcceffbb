"""Receptors from PDB and mmCIF files as users really have them."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disco_dock.chem.hetero_groups import group_kind
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.residue_features import (
    HEAVY_ATOMS,
    RESIDUE_TYPES,
    STANDARD,
    one_letter,
    parent_residue,
    residue_type_index,
)
from disco_dock.runtime.errors import InputError
from tests.support.golden import golden_path, load_golden
from tests.support.structures import Atom, chain, cif_text, hetero, pdb_text, residue

LIGAND = hetero("LIG", "A", 401, [(f"C{k}", "C") for k in range(8)])
ZINC = hetero("ZN", "A", 301, [("ZN", "ZN")], (3.0, 25.0, 0.0))
HAEM = hetero("HEM", "A", 302, [("FE", "FE"), *((f"C{k}", "C") for k in range(12))], (0.0, 40.0, 0.0))
WATER = hetero("HOH", "A", 501, [("O", "O")], (9.0, 9.0, 9.0))
PROTEIN = chain(["GLY", "ALA", "SER", "VAL"])


@pytest.fixture
def read(tmp_path):
    def run(atoms, name="p.pdb", **options):
        path = tmp_path / name
        text = cif_text(atoms) if "cif" in name else pdb_text(atoms)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return read_receptor(path, **options)

    return run


def note(receptor, *parts):
    """The one note that holds all parts."""
    found = [text for text in receptor.notes if all(part in text for part in parts)]
    assert len(found) == 1, (parts, receptor.notes)
    return found[0]


@pytest.mark.parametrize(
    "name", ["p.pdb", "p.ent", "p.cif", "p.mmcif", "p.pdb.gz", "p.cif.gz", "noformat", "anycif", "P.PDB"]
)
def test_every_format_gives_the_same(read, name):
    atoms = PROTEIN + ZINC + LIGAND + WATER
    found = read(atoms, name)
    assert found.names == ("GLY", "ALA", "SER", "VAL") and found.numbers == (1, 2, 3, 4)
    np.testing.assert_allclose(found.ca_pos, [atom.pos for atom in PROTEIN if atom.name == "CA"], atol=1e-3)
    assert len(found.atom_names) == 16 == len(found.atom_pos) == len(found.atom_residue)
    assert [(group.name, group.kind) for group in found.context] == [("ZN", "metal"), ("LIG", "ligand")]
    assert found.sequence_by_chain() == {"A": "GASV"}
    assert found.label(2) == "A:SER3"


def test_context_is_named_and_ligand_is_said(read):
    found = read(PROTEIN + ZINC + HAEM + LIGAND + WATER)
    assert "A:ZN301" in note(found, "metal")
    assert "A:HEM302" in note(found, "cofactor")
    assert "ignored while docking" in note(found, "co-crystallised", "A:LIG401")
    assert not any("HOH" in text for text in found.notes)
    assert [group.kind for group in found.context] == ["metal", "cofactor", "ligand"]


def test_highest_occupancy_is_taken(read):
    low = [atom._replace(altloc="A", occupancy=0.3) for atom in residue("ALA", "A", 2, 1)]
    high = [atom._replace(altloc="B", occupancy=0.7, pos=(atom.pos[0], atom.pos[1], 5.0)) for atom in low]
    found = read(residue("GLY", "A", 1, 0) + low + high)
    assert found.ca_pos[1, 2] == pytest.approx(5.0) and len(found.atom_names) == 8
    assert "alternate" in note(found, "1 residue")


def test_point_mutation_takes_the_likelier_residue(read):
    first = [atom._replace(altloc="A", occupancy=0.4) for atom in residue("SER", "A", 2, 1)]
    second = [atom._replace(altloc="B", occupancy=0.6, residue="THR") for atom in first]
    assert read(residue("GLY", "A", 1, 0) + first + second).names == ("GLY", "THR")


def test_insertion_codes_and_negative_numbers(read):
    atoms = residue("GLY", "A", -3, 0) + residue("ALA", "A", 27, 1) + residue("SER", "A", 27, 2, insertion="A")
    found = read(atoms)
    assert [found.label(k) for k in range(3)] == ["A:GLY-3", "A:ALA27", "A:SER27A"]
    assert [found.find(spec) for spec in ("A:-3", "A:27", "A:27A", "A:SER27A", " A:ala27 ")] == [0, 1, 2, 2, 1]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("A:99", "residues 1 to 4"),
        ("B:1", "chains A"),
        ("A:VAL1", "is GLY"),
        ("189", "chain:number"),
        ("A:", "chain:number"),
    ],
)
def test_residue_that_is_not_there(read, spec, message):
    with pytest.raises(InputError, match=message):
        read(PROTEIN).find(spec)


def test_blank_chain(read):
    found = read(chain(["GLY", "ALA"], " "))
    assert found.label(0) == "_:GLY1" and found.find("_:2") == 1 and found.find(":2") == 1
    assert read(chain(["GLY", "ALA"], " "), chains=["_"]).numbers == (1, 2)


def test_first_model_is_used_and_said(read):
    moved = [atom._replace(model=2, pos=(99.0, 0.0, 0.0)) for atom in PROTEIN]
    found = read(PROTEIN + moved)
    assert len(found.names) == 4 and found.ca_pos[0, 0] < 50
    note(found, "2 models", "first")


def test_modified_residues(read):
    atoms = residue("GLY", "A", 1, 0) + residue("MSE", "A", 2, 1, hetero=True) + residue("SEP", "A", 3, 2, hetero=True)
    found = read(atoms + residue("XYZ", "A", 4, 3, hetero=True))
    assert found.names == ("GLY", "MET", "SEP", "XYZ") and found.file_names[1] == "MSE"
    assert [RESIDUE_TYPES[k] for k in found.restype] == ["GLY", "MET", "SEP", "misc"]
    note(found, "1 MSE", "MET")
    note(found, "unknown", "A:XYZ4")
    assert not found.context


def test_free_amino_acid_is_a_ligand(read):
    far = [
        atom._replace(pos=(atom.pos[0], atom.pos[1] + 40, atom.pos[2]), hetero=True)
        for atom in residue("GLU", "A", 9, 0)
    ]
    side = [Atom(f"C{k}", "GLU", "A", 9, (5.0 + k, 40.0, 0.0), hetero=True) for k in range(4)]
    found = read(PROTEIN + far + side)
    assert len(found.names) == 4 and [(group.name, group.kind) for group in found.context] == [("GLU", "ligand")]


def test_calcium_is_not_a_residue(read):
    found = read(PROTEIN + hetero("CA", "A", 9, [("CA", "CA")]))
    assert len(found.names) == 4 and found.context[0].kind == "metal"


def test_missing_atoms_are_reported(read):
    found = read(chain(["GLY", "TRP"]))
    assert "A:TRP2" in note(found, "missing heavy atoms") and "A:GLY1" not in note(found, "missing heavy atoms")
    headless = [atom for atom in residue("SER", "A", 5, 4) if atom.name != "CA"]
    found = read(PROTEIN + headless)
    assert len(found.names) == 4
    note(found, "without a C-alpha", "A:SER5")


def test_alpha_trace_is_a_receptor(read):
    found = read([atom for atom in PROTEIN if atom.name == "CA"])
    assert found.names == ("GLY", "ALA", "SER", "VAL")
    note(found, "C-alpha atoms only")


def test_nucleic_acid_is_context(read):
    base = [
        Atom(name, "DG", "B", 1, (20.0 + k, 0.0, 0.0), element)
        for k, (name, element) in enumerate([("P", "P"), ("C1'", "C")])
    ]
    found = read(PROTEIN + base)
    assert [(group.name, group.kind) for group in found.context] == [("DG", "other")]


def test_chain_selection(read):
    atoms = PROTEIN + chain(["LEU", "LYS"], "B", offset=20.0) + ZINC
    assert read(atoms, chains=["B"]).chains == ("B", "B") and not read(atoms, chains=["B"]).context
    assert len(read(atoms, chains=["A", "B"]).names) == 6
    with pytest.raises(InputError, match=r"no chain C; choose among A, B"):
        read(atoms, chains=["A", "C"])


def test_far_chains_are_dropped_only_when_asked(read):
    atoms = PROTEIN + chain(["LEU", "LYS"], "B", offset=60.0)
    assert len(read(atoms).names) == 6
    near = read(atoms, keep_within=(np.zeros((1, 3)), 10.0))
    assert near.chains == ("A",) * 4
    note(near, "chain B", "10 Angstrom")
    with pytest.raises(InputError, match="frame"):
        read(atoms, keep_within=(np.full((1, 3), 500.0), 10.0))


def test_peptide_chain_is_said(read):
    note(read(PROTEIN + chain(["LEU", "LYS"], "P", offset=20.0)), "chain P", "2 residues", "--chains")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02binary", "binary"),
        (b"hello\nworld\n", "no atom"),
        (b"\x1f\x8bgarbage", "gzip"),
        (pdb_text(WATER + LIGAND).encode(), "no amino-acid residue.*LIG"),
        (pdb_text(PROTEIN).replace("   1.460", "     nan", 1).encode(), "A:GLY1"),
        (pdb_text(PROTEIN).replace("   1.460", "  abcdef", 1).encode(), "PDB file"),
    ],
)
def test_rejections_are_one_sentence(tmp_path, content, message):
    path = tmp_path / "bad.pdb"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_receptor(path)
    assert "bad.pdb" in str(error.value) and "\n" not in str(error.value)


def test_wrong_files(tmp_path):
    (tmp_path / "l.sdf").write_text("x")
    (tmp_path / "d.pdb").mkdir()
    for name, message in (("l.sdf", "ligand file"), ("d.pdb", "is a folder"), ("absent.pdb", "no such file")):
        with pytest.raises(InputError, match=message):
            read_receptor(tmp_path / name)


TEXTS = {".pdb": pdb_text(PROTEIN + ZINC + LIGAND + WATER), ".cif": cif_text(PROTEIN + ZINC + LIGAND + WATER)}


@settings(max_examples=150)
@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_damaged_files_never_give_a_traceback(tmp_path_factory, suffix, data):
    text = TEXTS[suffix]
    lines = text.splitlines()
    kind = data.draw(st.sampled_from(["cut", "delete", "swap", "byte", "value", "repeat"]))
    if kind == "cut":
        text = text[: data.draw(st.integers(0, len(text)))]
    elif kind == "byte":
        place = data.draw(st.integers(0, len(text) - 1))
        text = text[:place] + data.draw(st.characters()) + text[place + 1 :]
    else:
        row = data.draw(st.integers(0, len(lines) - 1))
        if kind == "delete":
            del lines[row]
        elif kind == "repeat":
            lines.insert(row, lines[row])
        elif kind == "swap":
            words = lines[row].split(" ")
            lines[row] = " ".join(data.draw(st.permutations(words)))
        else:
            value = data.draw(
                st.sampled_from(["1e30", "nan", "inf", "-", "99999.999", "", "'", '"', "\t", "loop_", "data_x"])
            )
            words = lines[row].split(" ")
            words[data.draw(st.integers(0, len(words) - 1))] = value
            lines[row] = " ".join(words)
        text = "\n".join(lines) + "\n"
    path = tmp_path_factory.mktemp("fuzz") / f"f{suffix}"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    try:
        found = read_receptor(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert len(found.restype) == len(found.names) == len(found.ca_pos) > 0
        assert np.isfinite(found.atom_pos).all() and np.isfinite(found.ca_pos).all()


FILES = {"6moa": "6moa_protein_processed.pdb", "6w70": "6w70.pdb", "1a0q": "1a0q_protein_processed.pdb"}


@pytest.mark.parametrize("name", FILES)
def test_published_residues(name):
    data = load_golden(f"graph_{name}.npz")
    found = read_receptor(golden_path("inputs") / FILES[name])
    np.testing.assert_array_equal(found.restype, data["rec_restype"])
    np.testing.assert_allclose(found.ca_pos.mean(0), data["original_center"][0], atol=1e-4)
    np.testing.assert_allclose(found.ca_pos - data["original_center"], data["rec_pos"], atol=1e-4)


def test_residue_names():
    assert len(RESIDUE_TYPES) == 38 and RESIDUE_TYPES[-1] == "misc" and set(HEAVY_ATOMS) == set(STANDARD)
    assert [parent_residue(name) for name in ("MSE", "HSD", "HIE", "ala", "CSO", "XYZ", "HOH")] == [
        *("MET", "HID", "HIE", "ALA", "CYS"),
        *(None, None),
    ]
    assert residue_type_index("XYZ") == 37 and residue_type_index("TRP") == RESIDUE_TYPES.index("TRP")
    assert [one_letter(name) for name in ("TRP", "MSE", "XYZ")] == ["W", "M", "X"]


@pytest.mark.parametrize(
    ("name", "elements", "kind"),
    [
        ("HOH", ["O"], "water"),
        ("ZN", ["Zn"], "metal"),
        ("CA", ["Ca"], "metal"),
        ("CL", ["Cl"], "ion"),
        ("SO4", ["S", "O", "O", "O", "O"], "ion"),
        ("NAP", ["C"] * 20, "cofactor"),
        ("GOL", ["C", "C", "C", "O", "O", "O"], "additive"),
        ("NAG", ["C"] * 10, "other"),
        ("ABC", ["C"] * 3, "other"),
        ("ABC", ["C"] * 6, "ligand"),
        ("ABC", ["C"] * 5 + ["H"] * 9, "other"),
    ],
)
def test_group_kinds(name, elements, kind):
    assert group_kind(name, elements) == kind


def test_a_loop_of_two_categories_is_no_mmcif(tmp_path):
    path = tmp_path / "x.cif"
    path.write_text("data_x\nloop_\n_atom_site.id\n_0tom_site.label_atom_id\n_atom_site.Cartn_x\n1 CA 0.0\n")
    with pytest.raises(InputError, match="not a readable mmCIF file .*Tag _0tom_site"):
        read_receptor(path)
