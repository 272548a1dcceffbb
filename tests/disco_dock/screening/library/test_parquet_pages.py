"""Sizes of pages read from their headers, and headers that are damaged or made to mislead."""

from __future__ import annotations

import io

import pytest

from disco_dock.screening.library import parquet_pages
from disco_dock.screening.library.parquet_pages import PageError, check_footer, largest_page

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def opened(tmp_path):
    def make(data: bytes):
        path = tmp_path / "x"
        path.write_bytes(data)
        return path.open("rb")

    return make


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("statistics", [False, True])
def test_the_pages_of_a_column_add_up(tmp_path, version, statistics):
    """One page of texts: four bytes of length before each, and levels of a few bytes."""
    column = pyarrow.table({"x": ["C" * 90] * 1000})
    options = {"compression": "zstd", "use_dictionary": False, "write_statistics": statistics}
    parquet.write_table(column, tmp_path / "x", data_page_version=version, **options)
    chunk = parquet.read_metadata(tmp_path / "x").row_group(0).column(0)
    with (tmp_path / "x").open("rb") as file:
        found = largest_page(file, chunk.data_page_offset, chunk.total_compressed_size)
    assert 94_000 <= found <= 94_020


def test_the_largest_of_several_pages_counts(tmp_path):
    texts = ["C" * 10] * 1000 + ["C" * 5000] + ["C" * 10] * 1000
    options = {"compression": "none", "use_dictionary": False, "data_page_size": 100, "write_batch_size": 10}
    parquet.write_table(pyarrow.table({"x": texts}), tmp_path / "x", **options)
    chunk = parquet.read_metadata(tmp_path / "x").row_group(0).column(0)
    with (tmp_path / "x").open("rb") as file:
        found = largest_page(file, chunk.data_page_offset, chunk.total_compressed_size)
    assert 5000 < found < 5300


SIZES = b"\x15\x00\x15\x64\x15\x64"  # type 0, 50 bytes, 50 bytes


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"", "breaks off"),
        (SIZES, "breaks off"),
        (b"\x15\x00\x00", "without a possible size"),
        (b"\x15\x00\x15\x63\x15\x63\x00", "without a possible size"),  # -50
        (b"\x15\x00\x15" + b"\xff" * 9 + b"\x01\x15\x64\x00", "without a possible size"),
        (b"\x15\x00\x15" + b"\xff" * 11, "more than 64 bits"),
        (SIZES + b"\x1c" * 40, "nested too deeply"),
        (SIZES + b"\x19" * 40, "nested too deeply"),
        (SIZES + b"\x19\xf7\xff\xff\xff\xff\x7f", "breaks off"),  # a list of 2^35 doubles
        (SIZES + b"\x18\xff\xff\xff\xff\x7f", "breaks off"),  # a text of as many bytes
        (SIZES + b"\x1d", "unknown type 13"),
    ],
)
def test_a_damaged_header_is_an_error(opened, header, reason):
    with opened(header) as file, pytest.raises(PageError, match=reason):
        largest_page(file, 0, 10)


def test_fields_of_every_type_are_passed_over(opened):
    more = b"\x11\x12\x13\x07\x17" + b"\x00" * 8 + b"\x18\x03abc\x19\x26\x02\x04\x1c\x15\x02\x00\x05\x64\x02"
    with opened(SIZES + more + b"\x00" + b"x" * 50) as file:
        assert largest_page(file, 0, 1) == 50


@pytest.mark.parametrize("start", [-1, 1000])
def test_a_page_outside_the_file_is_an_error(opened, start):
    with opened(SIZES + b"\x00") as file, pytest.raises(PageError, match="outside the file"):
        largest_page(file, start, 10)


def test_pages_without_end_are_an_error(opened, monkeypatch):
    monkeypatch.setattr(parquet_pages, "MAX_PAGES", 10)
    empty = b"\x15\x00\x15\x00\x15\x00\x00"
    with opened(empty * 20) as file, pytest.raises(PageError, match="more than 10 pages"):
        largest_page(file, 0, len(empty) * 20)


def test_a_long_footer_is_an_error(opened, monkeypatch):
    monkeypatch.setattr(parquet_pages, "MAX_FOOTER_BYTES", 100)
    with (
        opened(b"x" * 200 + (150).to_bytes(4, "little") + b"PAR1") as file,
        pytest.raises(PageError, match="150 bytes"),
    ):
        check_footer(file)
    check_footer(io.BytesIO(b"x" * 200 + (50).to_bytes(4, "little") + b"PAR1"))
