"""Reading of libraries: formats, order, memory, breaks."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc

import pytest
from rdkit import Chem

from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.screening.library.library import TableColumns, read_library, update_digest

MOLECULES = [("CCO", "ethanol"), ("c1ccccc1O", "phenol"), ("NCC(=O)O", "glycine"), ("CC(C)=O", "")]


def write(path):
    """A file of the molecules in the format of its suffix."""
    if path.name.endswith(".parquet"):
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        columns = {"id": [name for _, name in MOLECULES], "SMILES": [smiles for smiles, _ in MOLECULES]}
        parquet.write_table(pyarrow.table(columns), path)
        return path
    if ".smi" in path.name:
        text = "".join(f"{smiles} {name}\n" for smiles, name in MOLECULES)
    elif ".sdf" in path.name:
        mols = [Chem.MolFromSmiles(smiles) for smiles, _ in MOLECULES]
        for mol, (_, name) in zip(mols, MOLECULES, strict=True):
            mol.SetProp("_Name", name)
        text = "".join(f"{Chem.MolToMolBlock(mol)}$$$$\n" for mol in mols)
    else:
        comma = "\t" if ".tsv" in path.name else ","
        text = f"Name{comma}x{comma}Smiles\n" + "".join(f"{n}{comma}1{comma}{s}\n" for s, n in MOLECULES)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["a.smi", "a.smi.gz", "a.sdf", "a.sdf.gz", "a.csv", "a.csv.gz", "a.tsv", "a.parquet"])
def test_every_format_gives_the_molecules_in_order(tmp_path, name):
    records = list(read_library(write(tmp_path / name)))
    assert [record.number for record in records] == [0, 1, 2, 3]
    assert [record.name for record in records] == [name for _, name in MOLECULES]
    for record, (smiles, _) in zip(records, MOLECULES, strict=True):
        mol = Chem.MolFromMolBlock(record.text) if record.kind == "sdf" else Chem.MolFromSmiles(record.text)
        assert Chem.MolToSmiles(mol) == Chem.CanonSmiles(smiles)


def test_a_library_is_never_held_as_a_whole(tmp_path):
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("smiles,name\n")
        file.writelines(f"{'C' * 50},mol{number}\n" for number in range(100_000))  # 6 MB
    tracemalloc.start()
    count = sum(1 for _ in read_library(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 1_000_000


@pytest.mark.parametrize("name", ["a.smi.gz", "a.csv.gz"])
def test_a_broken_gzip_gives_what_comes_before_the_break(tmp_path, name):
    lines = [f"{'C' * (1 + number % 40)},m{hashlib.sha256(str(number).encode()).hexdigest()}" for number in range(3000)]
    header = ["smiles,name"] if "csv" in name else []
    path = tmp_path / name
    data = gzip.compress("\n".join([*header, *lines]).encode())
    path.write_bytes(data[: len(data) // 2])
    seen = []
    with pytest.raises(InputError, match="cannot be read"):
        seen.extend(iter_into(seen, read_library(path)))
    assert 100 < len(seen) < 3000


def iter_into(seen, records):
    for record in records:
        seen.append(record)
    return []


def test_columns_can_be_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("mol,smiles,label\nCCO,C,x\n")
    (record,) = read_library(path, TableColumns(smiles="MOL", name="label"))
    assert (record.text, record.name) == ("CCO", "x")
    with pytest.raises(InputError, match="no column 'structure'"):
        list(read_library(path, TableColumns(smiles="structure")))


def test_a_table_without_smiles_says_how_to_name_them(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="--smiles-column"):
        list(read_library(path))


def test_columns_of_a_file_without_any_are_refused(tmp_path):
    path = tmp_path / "a.smi"
    path.write_text("C\n")
    with pytest.raises(ConfigError, match="only tables"):
        read_library(path, TableColumns(name="x"))


@pytest.mark.parametrize("text", ['smiles\n"CCO\n', "smiles\n" + "C" * 200_000 + "\n"])
def test_a_damaged_table_is_a_sentence(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_text(text)
    try:
        list(read_library(path))
    except InputError as error:
        assert "CSV" in str(error)


def test_a_file_that_is_no_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="Parquet"):
        list(read_library(path))


def test_the_digest_tells_records_apart(tmp_path):
    def of(text):
        path = tmp_path / "a.smi"
        path.write_text(text)
        digest = hashlib.sha256()
        for record in read_library(path):
            update_digest(digest, record)
        return digest.hexdigest()

    texts = ["C a\nCC b\n", "C a\nCC c\n", "CC b\nC a\n", "C a\n", "Ca\nCC b\n"]
    assert len({of(text) for text in texts}) == len(texts)
    assert of("C a\nCC b\n") == of("C a\n\n# note\nCC b\n")
