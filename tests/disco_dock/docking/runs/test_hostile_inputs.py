"""Tables, names and paths as an attacker or a tired user would send them."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from disco_dock.docking.language_model import read_embeddings
from disco_dock.docking.runs import inputs as batch_inputs
from disco_dock.docking.runs.input_files import existing_file, file_hash
from disco_dock.docking.runs.inputs import DockingJob, jobs_of_csv, jobs_of_ligands, ligand_reader
from disco_dock.docking.runs.names import UniqueNames
from disco_dock.docking.runs.run import Run
from disco_dock.docking.settings import PredictSettings
from disco_dock.docking.vina_box_file import read_box
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.tables import csv_text, write_json
from tests.disco_dock.docking.fake_engine import fake_engine
from tests.fuzz.cases import write_surroundings
from tests.fuzz.readers import one_sentence
from tests.fuzz.tables import LIGANDS, NAMES, PATHS
from tests.fuzz.worker import forbidden_files, listing

READ = ligand_reader(None, False)


def table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["complex_name", "protein_path", "ligand_description"])
        writer.writerows(rows)
    return path


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    folder = tmp_path / "in"
    write_surroundings(folder)
    monkeypatch.chdir(folder)
    return folder


def test_nothing_is_written_outside_the_output_folder(tmp_path, inputs):
    path = table(inputs / "t.csv", [[name, "p.pdb", "CCO"] for name in NAMES] + [["x", "p.pdb", "titles.sdf"]])
    before = listing(tmp_path) | forbidden_files()
    jobs = jobs_of_csv(path, READ).jobs
    assert all(isinstance(job, DockingJob) for job in jobs)
    rows = Run(fake_engine(), PredictSettings(num_poses=1, steps=1), tmp_path / "out").dock_batch(jobs)
    assert {row.status for row in rows} == {"ok"} and len(rows) == len(NAMES) + 4
    assert listing(tmp_path) | forbidden_files() == before
    made = {item.name for item in (tmp_path / "out").iterdir()} - {"results.csv"}
    assert made == {row.name for row in rows} and len({name.lower() for name in made}) == len(rows)


def test_paths_that_are_no_files_are_refused_row_by_row(inputs):
    rows = [["a", protein, "CCO"] for protein in PATHS] + [["b", "p.pdb", ligand] for ligand in LIGANDS]
    jobs = jobs_of_csv(table(inputs / "t.csv", [row for row in rows if "\0" not in "".join(row)]), READ).jobs
    assert len(jobs) >= len(rows) - 1
    for job in jobs:
        if not isinstance(job, DockingJob):
            one_sentence(job.message)
    refused = {job.protein: job.message for job in jobs if not isinstance(job, DockingJob)}
    for protein in ("/dev/zero", "fifo.pdb", "loop.pdb", "folder"):
        assert "does not exist beside the CSV" in refused[protein]
    ligands = {job.ligand_spec: job.message for job in jobs if not isinstance(job, DockingJob)}
    for ligand in ("/dev/zero", "/dev/urandom", "fifo.sdf"):
        assert "pipe or device" in ligands[ligand]


def test_quoted_line_ends_stay_in_their_cell(inputs):
    jobs = jobs_of_csv(table(inputs / "t.csv", [["a\nb", "p.pdb", "CCO"], ["c\u2028d", "p.pdb", "CCO"]]), READ).jobs
    assert [job.name for job in jobs] == ["a_b", "c_d"]


def test_too_many_complexes(inputs, monkeypatch):
    monkeypatch.setattr(batch_inputs, "MAX_COMPLEXES", 3)
    (inputs / "l.smi").write_text("CCO\n" * 3)
    assert len(jobs_of_ligands("p.pdb", "l.smi", READ).jobs) == 3
    assert len(jobs_of_csv(table(inputs / "t.csv", [["a", "p.pdb", "l.smi"]]), READ).jobs) == 3
    (inputs / "l.smi").write_text("CCO\n" * 5)
    with pytest.raises(InputError, match="more than 3 complexes"):
        jobs_of_ligands("p.pdb", "l.smi", READ)
    with pytest.raises(InputError, match="more than 3 complexes"):
        jobs_of_csv(table(inputs / "t.csv", [["a", "p.pdb", "CCO"]] * 4), READ)


def test_equal_names_are_numbered_in_linear_time():
    names = UniqueNames()
    taken = [names.take("x") for _ in range(20_000)]
    assert taken[-1] == "x_20000" and len(set(taken)) == len(taken)


def test_files_that_are_none(inputs):
    for path, message in ((inputs / "fifo.pdb", "pipe or device"), (inputs / "folder", "folder")):
        with pytest.raises(InputError, match=message):
            existing_file(path)
        with pytest.raises(InputError, match=message):
            file_hash(path)
    for path in (inputs / "fifo.pdb", inputs / "folder", inputs / "loop.pdb"):
        with pytest.raises(InputError):
            jobs_of_csv(path, READ)
        with pytest.raises(InputError):
            read_box(path)
    with (inputs / "sparse.pdb").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="larger than"):
        file_hash(inputs / "sparse.pdb")
    with pytest.raises(InputError, match="larger than"):
        jobs_of_csv(inputs / "sparse.pdb", READ)


def test_formulas_are_no_formulas_in_tables():
    text = csv_text(["a"], [{"a": value} for value in ("=1+1", "@x", "+2", "-3", -3, -0.5, "x=1")])
    assert text.splitlines()[1:] == ["'=1+1", "'@x", "'+2", "'-3", "-3", "-0.5", "x=1"]


def test_names_of_bytes_can_be_written(tmp_path):
    write_json(tmp_path / "r.json", {"path": "a\udcffb Å"})
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8")) == {"path": "a\udcffb Å"}


class _Receptor:
    restype = np.zeros(3, dtype=np.int64)


@pytest.mark.parametrize("shape", [(10**12, 4), (3, 10**12), (-1, 4), (3,), ()])
def test_embeddings_that_only_claim_to_be_large(tmp_path, shape):
    path = tmp_path / "e.npy"
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(b"\0" * 48)
    with pytest.raises(InputError, match="e.npy"):
        read_embeddings(path, path, _Receptor(), 4)  # pyright: ignore[reportArgumentType]


def test_embeddings_without_their_numbers(tmp_path):
    path = tmp_path / "e.npy"
    np.save(path, np.ones((3, 4), dtype=np.float32))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="e.npy"):
        read_embeddings(path, path, _Receptor(), 4)  # pyright: ignore[reportArgumentType]
