"""Libraries that are damaged, wrong or made to exhaust the machine: one sentence, or the bad row alone."""

from __future__ import annotations

import gzip
import os

import pytest

from disco_dock.runtime.errors import InputError
from disco_dock.runtime.user_files import MAX_LINE_BYTES
from disco_dock.screening.library import parquet_rows
from disco_dock.screening.library.library import TableColumns, read_library
from tests.support.screening import query, screen

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

LONG = 1 << 20


def table(path, columns, **options):
    parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def texts(path, **columns):
    return [(record.text, record.name) for record in read_library(path, TableColumns(**columns))]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_a_table_and_inside_its_cells(tmp_path, end):
    path = tmp_path / "a.csv"
    path.write_bytes(f'\ufeffname,smiles{end}"two{end}lines, one name",CCO{end}{end}b\u2028c,CCN{end}'.encode())
    assert texts(path) == [("CCO", f"two{end}lines, one name"), ("CCN", "b\u2028c")]


def test_a_short_row_costs_itself_only(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"name,smiles\na,CCO\nb\nc,CC\xff\nd," + b"C" * 20_000 + b"\ne,CCN,more,cells\n")
    screen(tmp_path / "s.sqlite", path)
    rows = query(tmp_path / "s.sqlite", "SELECT name, status, error_code FROM ligand ORDER BY position")
    assert [row[1] for row in rows] == ["docked", "failed", "failed", "failed", "docked"]
    assert {row[2] for row in rows} == {None, "input"}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("CCO," + "x" * LONG + "\n", "line 3 is longer than 1 MiB"),
        ("\r" * (LONG + 2), "line 3 is longer than 1 MiB"),
        ("\n" * 200_001, "200000 lines"),
        ('"\n",' * 200_001, "200000 lines"),
        ('"' + "x\n" * 100_000, "not valid CSV after line 2"),
    ],
)
def test_a_table_beyond_the_limits_is_refused_after_what_came_before(tmp_path, suffix, text, reason):
    path = tmp_path / f"a{suffix}"
    data = f"smiles,name\nCCO,first\n{text}".replace(",", "\t" if ".tsv" in suffix else ",").encode()
    path.write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)
    end = screen(tmp_path / "s.sqlite", path)
    assert reason in end.broken[0]
    assert query(tmp_path / "s.sqlite", "SELECT name FROM ligand") == [("first",)]


def test_a_gzipped_table_that_expands_beyond_measure_is_refused(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"smiles,name\n" + b"C,\n" * 8_000_000))
    with pytest.raises(InputError, match="200 times its size"):
        for _ in read_library(path):
            pass


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_pipe_is_no_library(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="pipe or device"):
        list(read_library(tmp_path / name))


def test_odd_names_of_files_become_printable(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff\nl.csv")
    path.write_text("smiles\nCCO\n")
    screen(tmp_path / "s.sqlite", path)
    assert query(tmp_path / "s.sqlite", "SELECT name FROM library") == [(r"\udcff\nl.csv",)]
    assert query(tmp_path / "s.sqlite", "SELECT name FROM ligand") == [(r"\udcff\nl_1",)]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"smiles": [1, 2]}, "column 'smiles' holds int64, expected text"),
        ({"smiles": [b"C"]}, "holds binary"),
        ({"smiles": [["C"]]}, "holds list"),
        ({"smiles": [{"x": "C"}]}, "holds struct"),
        ({"smiles": pyarrow.array(["C"]).dictionary_encode()}, "holds dictionary"),
        ({"smiles": pyarrow.nulls(1)}, "holds null"),
        ({"smiles": ["C"], "name": [["x"]]}, "column 'name' holds list.* expected text or numbers"),
        ({"mol": ["C"]}, "no column of SMILES"),
    ],
)
def test_columns_of_a_wrong_type_are_refused(tmp_path, columns, reason):
    path = table(tmp_path / "a.parquet", columns)
    with pytest.raises(InputError, match=f"a.parquet: .*{reason}"):
        list(read_library(path))


def test_a_name_that_means_several_columns_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.Table.from_arrays([pyarrow.array(["C"])] * 2, names=["smiles", "smiles"]), path)
    with pytest.raises(InputError, match="2 columns are called 'smiles'"):
        list(read_library(path))


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string()])
def test_a_bad_row_of_a_parquet_file_costs_itself_only(tmp_path, kind):
    made = pyarrow.array([b"CCO", b"\xff\xfe", None, b"C" * 20_000, b"CCN"]).cast(
        pyarrow.large_binary() if kind == pyarrow.large_string() else pyarrow.binary()
    )
    smiles = pyarrow.Array.from_buffers(kind, 5, made.buffers())
    path = table(tmp_path / "a.parquet", {"id": [1, 2, 3, None, 5], "smiles": smiles})
    screen(tmp_path / "s.sqlite", path)
    rows = query(tmp_path / "s.sqlite", "SELECT name, status FROM ligand ORDER BY position")
    assert rows == [("1", "docked"), ("2", "failed"), ("3", "failed"), ("a_4", "failed"), ("5", "docked")]


@pytest.mark.parametrize("options", [{}, {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"}])
def test_a_parquet_file_of_many_long_texts_is_refused_in_bounded_memory(tmp_path, options):
    """A few hundred bytes that hold a gigabyte: the same text again and again."""
    path = tmp_path / "a.parquet"
    same = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 2000, pyarrow.int32()), ["C" * (LONG // 2)])
    column = same if not options else pyarrow.array(["C" * (LONG // 2)] * 200)
    table(path, {"smiles": column}, compression="zstd", store_schema=False, write_statistics=False, **options)
    assert path.stat().st_size < 10_000
    pool = pyarrow.proxy_memory_pool(pyarrow.default_memory_pool())
    before = pyarrow.default_memory_pool()
    pyarrow.set_memory_pool(pool)
    try:
        with pytest.raises(InputError, match="200 times its size"):
            list(read_library(path))
    finally:
        pyarrow.set_memory_pool(before)
    assert pool.max_memory() < 2.5 * parquet_rows.BATCH_BYTES


def test_a_text_as_long_as_no_line_may_be_is_refused(tmp_path):
    path = table(tmp_path / "a.parquet", {"smiles": ["C", "C" * (MAX_LINE_BYTES + 1)]})
    with pytest.raises(InputError, match="a text of more than 1 MiB"):
        list(read_library(path))


def test_a_page_that_unpacks_beyond_the_limit_is_refused_before_it_is_unpacked(tmp_path):
    options = {"compression": "zstd", "use_dictionary": False, "data_page_size": 1 << 30, "write_statistics": False}
    path = table(tmp_path / "a.parquet", {"smiles": ["C" * LONG] * 65}, **options)
    with pytest.raises(InputError, match="'smiles' has a page of 65 MiB when decompressed, more than the 64"):
        list(read_library(path))


def test_a_long_parquet_file_is_never_held_as_a_whole(tmp_path):
    columns = {"smiles": [f"C{number}{'C' * 50}" for number in range(200_000)]}
    path = table(tmp_path / "a.parquet", columns, compression="none", use_dictionary=False)
    pool = pyarrow.proxy_memory_pool(pyarrow.default_memory_pool())
    before = pyarrow.default_memory_pool()
    pyarrow.set_memory_pool(pool)
    try:
        assert sum(1 for _ in read_library(path)) == 200_000
    finally:
        pyarrow.set_memory_pool(before)
    assert path.stat().st_size > 10e6
    assert pool.max_memory() < 5e6


@pytest.mark.parametrize("place", ["length", "footer", "page", "cut"])
def test_a_damaged_parquet_file_is_refused(tmp_path, place):
    path = table(tmp_path / "a.parquet", {"smiles": ["CCO"] * 10})
    data = bytearray(path.read_bytes())
    if place == "length":
        data[-8:-4] = b"\xff\xff\xff\x7f"
    elif place == "footer":
        data[-200:-100] = b"\xff" * 100
    elif place == "page":
        data[4:20] = b"\xff" * 16
    else:
        del data[len(data) // 2 :]
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"a\.parquet: not a readable Parquet file"):
        list(read_library(path))
