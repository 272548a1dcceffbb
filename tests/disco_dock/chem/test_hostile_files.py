"""Molecules and structures as an attacker or a tired user would send them: refused in one sentence, soon."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from disco_dock.chem.ligand import Ligand, LigandFailure
from disco_dock.chem.ligands import ligand_files
from disco_dock.chem.ligands.hetatm_ligand import read_hetatm_ligand
from disco_dock.chem.ligands.read_ligand import MAX_COUNTED, read_ligand, read_ligands
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.structures import structure_files
from disco_dock.chem.structures.components import read_components
from disco_dock.chem.write_complex import write_complex_pdb
from disco_dock.chem.write_sdf import PoseRecord, sdf_text
from disco_dock.runtime.errors import InputError
from tests.fuzz.structures import atoms, component
from tests.support.structures import chain, cif_text, pdb_text

MEGABYTE = 1_000_000


def refusal(read, path, **options):
    with pytest.raises(InputError) as caught:
        read(path, **options)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 1000
    return message


@pytest.mark.parametrize("name", ["l.pdb", "l.cif", "l.pdb.gz"])
def test_receptor_of_one_long_line(tmp_path, name):
    data = b"ATOM  " + b"x" * (2 * MEGABYTE)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert "line 1 is longer than 1 MiB" in refusal(read_receptor, tmp_path / name)


@pytest.mark.parametrize("name", ["l.sdf", "l.mol2", "l.smi", "l.pdb", "l.sdf.gz", "noname"])
def test_ligand_of_one_long_line(tmp_path, name):
    data = b"x\n\n" + b"C" * (2 * MEGABYTE)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    path = tmp_path / name
    if name == "l.smi":  # its first molecule is read before the long line comes
        assert "longer than 1 MiB" in list(read_ligands(path))[-1].message  # pyright: ignore[reportAttributeAccessIssue]
    else:
        assert "longer than 1 MiB" in refusal(read_ligand, path)


@pytest.mark.parametrize("name", ["b.sdf", "b.mol2", "b.pdb"])
def test_a_molecule_without_an_end(tmp_path, name):
    (tmp_path / name).write_bytes(b"some text\n" * (ligand_files.MAX_RECORD_BYTES // 10 + 1))
    assert "without the end of a molecule" in refusal(read_ligand, tmp_path / name)


@pytest.mark.parametrize(("name", "block"), [("b.smi", b"\n"), ("b.sdf", b"\n"), ("b.pdb", b"x\n"), ("b.cif", b"x\n")])
def test_gzip_bombs(tmp_path, name, block):
    path = tmp_path / f"{name}.gz"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(70):
            file.write(block * ((1 << 20) // len(block)))
    read = read_receptor if name.endswith((".pdb", ".cif")) else read_ligand
    assert path.stat().st_size < MEGABYTE
    message = refusal(read, path)
    assert "decompressed" in message or "times its size" in message or "without the end" in message


def test_a_structure_of_too_many_atoms(tmp_path, monkeypatch):
    monkeypatch.setattr(structure_files, "MAX_STRUCTURE_ATOMS", 12)
    for name, text in (("p.pdb", pdb_text), ("p.cif", cif_text)):
        (tmp_path / name).write_text(text(chain(["GLY"] * 4)))
        assert "more than the 12 that are read" in refusal(read_receptor, tmp_path / name)
    (tmp_path / "p.pdb").write_text(pdb_text(chain(["GLY"] * 3)))
    assert len(read_receptor(tmp_path / "p.pdb").names) == 3


def test_doubtful_residues_are_searched_by_place(tmp_path):
    """4,000 unknown residues: comparing each with each takes a minute."""
    names = ["XYZ"] * 4_000
    unknown = [atom._replace(hetero=True) for atom in chain(names)]
    (tmp_path / "p.cif").write_text(cif_text(unknown))
    found = read_receptor(tmp_path / "p.cif")
    assert len(found.names) == 4_000 and set(found.names) == {"XYZ"}


def test_many_chains_are_written(tmp_path):
    from string import ascii_letters, digits

    parts = [
        atom
        for place, letter in enumerate(ascii_letters + digits + "+")
        for atom in chain(["GLY"], letter, 1, 9.0 * place)
    ]
    (tmp_path / "p.pdb").write_text(pdb_text(parts))
    receptor = read_receptor(tmp_path / "p.pdb")
    ligand = read_ligand("CCO")
    from disco_dock.chem.conformers import embed
    from disco_dock.chem.write_sdf import pose_mol

    mol = pose_mol(ligand, embed(ligand.mol, seed=1).pos)
    write_complex_pdb(tmp_path / "out.pdb", receptor, mol)
    assert len(read_receptor(tmp_path / "out.pdb").names) == 63


def test_atom_names_with_line_ends_stay_in_their_record(tmp_path):
    text = cif_text(chain(["GLY", "ALA"])).replace(" O GLY A 1 ", "\n;O\nHETATM    1 X\n; GLY A 1 ", 1)
    (tmp_path / "p.cif").write_text(text)
    receptor = read_receptor(tmp_path / "p.cif")
    ligand = read_ligand("CCO")
    from disco_dock.chem.conformers import embed
    from disco_dock.chem.write_sdf import pose_mol

    write_complex_pdb(tmp_path / "out.pdb", receptor, pose_mol(ligand, embed(ligand.mol, seed=1).pos))
    records = [line for line in (tmp_path / "out.pdb").read_text().splitlines() if line.startswith(("ATOM", "HETATM"))]
    assert len(records) == len(receptor.atom_names) + 9 and all(len(line) == 78 for line in records)


@pytest.mark.parametrize("title", ["$$$$", "$$$$ x", "> <tag>", "M  END", "a\x1b[2Jb", "x" * 5000, "../../x"])
def test_titles_stay_in_their_line(tmp_path, title):
    mol = read_ligand("CCO").mol
    from disco_dock.chem.conformers import embed

    pos = embed(mol, seed=1).pos
    ligand = Ligand(source="x", name=title, mol=mol, pos=pos, notes=(), index_in_file=0)
    path = tmp_path / "out.sdf"
    path.write_text(sdf_text(ligand, [PoseRecord(pos=pos), PoseRecord(pos=pos + 1.0)]))
    found = list(read_ligands(path))
    assert [type(one) for one in found] == [Ligand, Ligand]
    assert all(len(one.name) <= 200 and one.name.isprintable() for one in found)


@pytest.mark.parametrize("smiles", ["[#999]", "[#999]C", "CC.[#200]", "[#119]CC"])
def test_elements_that_are_none(tmp_path, smiles):
    (tmp_path / "l.smi").write_text(smiles)
    for spec in (smiles, tmp_path / "l.smi"):
        refusal(read_ligand, spec)


@pytest.mark.parametrize("smiles", [b"CC\xff", b"\xc3CC", b"CC\x01", b"\x00CC", "CC\u200b".encode()])
def test_a_damaged_end_of_a_smiles_is_not_dropped(tmp_path, smiles):
    """RDKit reads ethane in each of these."""
    (tmp_path / "l.smi").write_bytes(smiles)
    assert "not a readable SMILES" in refusal(read_ligand, tmp_path / "l.smi")


@pytest.mark.parametrize(
    "smiles",
    [
        "C" * 100_000,
        "C(" * 50_000 + "C" + ")" * 50_000,
        "(" * 100_000,
        "[" * 9_000,
        "C1" * 5_000,
        "C%(" + "9" * 9_000,
        "[" + "9" * 9_000 + "C]",
        "[C" + "+" * 9_000 + "]",
        "C(" * 3_000 + "C" + ")" * 3_000,
        ".".join(["C"] * 5_000),
    ],
)
def test_extreme_smiles(smiles):
    refusal(read_ligand, smiles)


def test_counting_stops(tmp_path):
    (tmp_path / "l.smi").write_text("CC\n" * (MAX_COUNTED * 3))
    assert f"more than {MAX_COUNTED} molecules" in refusal(read_ligand, tmp_path / "l.smi")


def test_files_that_are_none(tmp_path):
    for name in ("pipe.sdf", "pipe.pdb"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "loop.sdf").symlink_to("loop.sdf")
    (tmp_path / "loop.pdb").symlink_to("loop.pdb")
    (tmp_path / "empty.pdb").touch()
    (tmp_path / "empty.sdf").touch()
    assert "pipe or device" in refusal(read_ligand, tmp_path / "pipe.sdf")
    assert "pipe or device" in refusal(read_receptor, tmp_path / "pipe.pdb")
    assert "pipe or device" in refusal(read_receptor, Path("/dev/zero"))
    assert "pipe or device" in refusal(read_ligand, "/dev/zero")
    refusal(read_ligand, tmp_path / "loop.sdf")
    refusal(read_receptor, tmp_path / "loop.pdb")
    assert "empty" in refusal(read_receptor, tmp_path / "empty.pdb")
    assert "empty" in refusal(read_ligand, tmp_path / "empty.sdf")
    assert "possible path" in refusal(read_receptor, Path("a\0b.pdb"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIG C1 C 0 N", "LIG C1 C 0"),
        ("LIG C0 C1 SING\n", "LIG C0 C1 SING\nLIG C1 C0 SING\n"),
        ("LIG C0 C1 SING", "LIG C0 C0 SING"),
        ("LIG C1 C 0 N", "LIG C1 Xx 0 N"),
        ("LIG C1 C 0 N", f"LIG C1 C {10**30} N"),
        ("_chem_comp_atom.comp_id\n_chem_comp_atom.atom_id\n", "_chem_comp_atom.atom_id\nx\n"),
    ],
)
def test_damaged_components(tmp_path, old, new):
    path = tmp_path / "p.cif"
    path.write_text(cif_text(atoms()) + component(""))
    read_hetatm_ligand(path, components=read_components(path))
    path.write_text(cif_text(atoms()) + component("").replace(old, new, 1))

    def read(path):
        return read_hetatm_ligand(path, components=read_components(path))

    refusal(read, path)


def test_failures_of_a_list_are_one_line_each(tmp_path):
    (tmp_path / "l.smi").write_bytes(b"C1CC \x1b[2J" + b"n" * 5000 + b"\n[#999] x\nCCO ok\n")
    found = list(read_ligands(tmp_path / "l.smi"))
    failures = [one for one in found if isinstance(one, LigandFailure)]
    assert len(failures) == 2 and all(one.message.isprintable() and len(one.message) < 1000 for one in failures)
    assert np.isfinite(len(found)) and isinstance(found[2], Ligand)
