"""The dataset tool: EDM's layout, labels, both crops, equal bytes, and what it says about mistakes."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from disco_image.cli.dataset import main
from disco_image.data.open_source import open_source


@pytest.fixture
def photographs(tmp_path):
    stream = np.random.default_rng(0)
    for name, size in (("cat/a.png", (40, 64)), ("cat/b.png", (70, 33)), ("dog/c.png", (32, 32))):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(stream.integers(0, 256, (*size, 3), dtype=np.uint8)).save(tmp_path / "in" / name)
    return tmp_path / "in"


def test_zip_has_edms_layout_and_reads_back(photographs, tmp_path, capsys):
    argv = ["--source", str(photographs), "--resolution", "16", "--dest"]
    assert main([*argv, str(tmp_path / "a.zip")]) == 0 and main([*argv, str(tmp_path / "b.zip"), "--workers", "1"]) == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert "3 images of 3 x 16 x 16, 2 classes" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist()[1] == "00000/img00000001.png"
        assert json.loads(archive.read("dataset.json"))["labels"][2] == ["00000/img00000002.png", 1]
    made, source = open_source(str(tmp_path / "a.zip")), open_source(str(photographs), 16)
    assert [made.label(i) for i in range(3)] == [0, 0, 1]
    assert all(np.array_equal(made.image(i), source.image(i)) for i in range(3))


def test_fewer_images_are_evenly_spaced(photographs, tmp_path, capsys):
    argv = [
        "--source",
        str(photographs),
        "--resolution",
        "16x16",
        "--max-images",
        "2",
        "--dest",
        str(tmp_path / "f.zip"),
    ]
    assert main(argv) == 0 and "2 images of 3 x 16 x 16" in capsys.readouterr().out
    made, source = open_source(str(tmp_path / "f.zip")), open_source(str(photographs), 16)
    assert made.info.count == 2 and np.array_equal(made.image(1), source.image(1))
    assert main([*argv[:3], "16x20", *argv[4:]]) == 2
    assert "64x64" in capsys.readouterr().err


def test_dhariwal_differs_and_mistakes_are_one_line(photographs, tmp_path, capsys):
    argv = ["--source", str(photographs), "--resolution", "16", "--transform", "center-crop-dhariwal"]
    assert main([*argv, "--dest", str(tmp_path / "d.zip")]) == 0
    made, source = open_source(str(tmp_path / "d.zip")), open_source(str(photographs), 16, "dhariwal")
    assert np.array_equal(made.image(1), source.image(1))
    assert not np.array_equal(made.image(1), open_source(str(photographs), 16).image(1))
    (photographs / "dog/d.png").write_bytes(b"no image")
    assert main([*argv, "--dest", str(tmp_path / "e.zip")]) == 1 and not (tmp_path / "e.zip").exists()
    assert main([*argv, "--dest", str(tmp_path / "e")]) == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2 and "d.png: not a readable image" in err[0] and "ends in .zip" in err[1]
