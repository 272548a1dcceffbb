"""Folders, reuse, failures and interrupts of a run."""

from __future__ import annotations

import csv
import json

import pytest
from rdkit import Chem

from disco_dock.docking.runs.inputs import jobs_of_ligands, ligand_reader
from disco_dock.docking.runs.outputs import COMPLEX, RECORD, TABLE, finished_record, only_run
from disco_dock.docking.runs.run import Run
from disco_dock.docking.settings import PredictSettings
from disco_dock.runtime.errors import InputError, NumericsError
from disco_dock.runtime.files import sha256_file
from tests.disco_dock.docking.fake_engine import fake_dock, fake_engine

READ = ligand_reader(None, False)


@pytest.fixture
def three(peptide, tmp_path):
    path = tmp_path / "three.smi"
    path.write_text("CCO a\nCCCN b\nc1ccccc1O c\n")
    return jobs_of_ligands(peptide, path, READ).jobs


def make_run(out, engine=None, overwrite=False, **options):
    settings = PredictSettings(**{"num_poses": 3, "steps": 2, **options})
    return Run(engine or fake_engine(), settings, out, overwrite=overwrite)


def single(peptide):
    job = jobs_of_ligands(peptide, "CC(=O)Nc1ccc(O)cc1", READ).single
    assert job is not None
    return job


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_single_complex_goes_straight_to_the_folder(peptide, tmp_path):
    row = make_run(tmp_path / "out").dock_single(single(peptide))
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["poses.sdf", "rank1.sdf", "complex_rank1.pdb", "results.csv", "run.json"]
    )
    assert row.status == "ok" and row.num_poses == 3
    mols = list(Chem.SDMolSupplier(str(out / "poses.sdf"), removeHs=False))
    assert [mol.GetProp("rank") for mol in mols] == ["1", "2", "3"]
    assert all(mol.HasProp("latents") and mol.GetNumAtoms() == 20 for mol in mols)
    assert [row["confidence"] for row in table(out / TABLE)] == [mol.GetProp("confidence") for mol in mols]
    assert "LIG" in (out / COMPLEX).read_text() and "ASP" in (out / COMPLEX).read_text()


def test_record(peptide, tmp_path):
    make_run(tmp_path, seed=4).dock_single(single(peptide))
    record = json.loads((tmp_path / RECORD).read_text())
    assert record["inputs"]["protein"]["sha256"] == sha256_file(peptide)
    assert record["settings"]["seed"] == 4 and record["resolved"]["sampler"]["steps"] == 2
    assert record["checkpoint"]["sha256"] == "f" * 64
    assert record["conformer"] == "etkdg"
    assert record["versions"]["rdkit"] and set(record["timings_seconds"]) >= {"docking", "conformer"}
    assert all(sha256_file(tmp_path / name) == known for name, known in record["outputs"].items())


def test_rerun_reuses_and_changes_redo(peptide, tmp_path):
    calls = []

    def counted(*args, **kwargs):
        calls.append(1)
        return fake_dock(*args, **kwargs)

    engine, job = fake_engine(counted), single(peptide)
    first = make_run(tmp_path, engine).dock_single(job)
    again = make_run(tmp_path, engine, batch_size=1).dock_single(job)
    assert (again.status, again.confidence, again.num_poses, len(calls)) == ("reused", first.confidence, 3, 1)
    (tmp_path / "report.html").write_text("of these poses")
    with pytest.raises(InputError, match="--overwrite to replace them"):
        make_run(tmp_path, engine, seed=1).dock_single(job)
    assert len(calls) == 1 and (tmp_path / "report.html").exists()
    assert make_run(tmp_path, engine, seed=1, overwrite=True).dock_single(job).status == "ok" and len(calls) == 2
    assert not (tmp_path / "report.html").exists()
    assert make_run(tmp_path, engine, seed=1, overwrite=True).dock_single(job).status == "ok" and len(calls) == 3
    other = fake_engine(counted, sha256="0" * 64)
    with pytest.raises(InputError, match="with other settings"):
        make_run(tmp_path, other, seed=1).dock_single(job)
    assert make_run(tmp_path, other, seed=1, overwrite=True).dock_single(job).status == "ok" and len(calls) == 4


def test_a_folder_of_one_complex_and_one_of_a_batch_do_not_mix(peptide, three, tmp_path):
    make_run(tmp_path / "one").dock_single(single(peptide))
    with pytest.raises(InputError, match="poses of one complex"):
        make_run(tmp_path / "one").dock_batch(three)
    make_run(tmp_path / "many").dock_batch(three)
    with pytest.raises(InputError, match="a batch of complexes"):
        make_run(tmp_path / "many").dock_single(single(peptide))
    with pytest.raises(InputError, match="with other settings"):
        make_run(tmp_path / "many", seed=3).dock_batch(three)


def test_two_runs_do_not_share_a_folder(peptide, tmp_path):
    with only_run(tmp_path), pytest.raises(InputError, match="another run writes into it"):
        make_run(tmp_path).dock_single(single(peptide))
    assert make_run(tmp_path).dock_single(single(peptide)).status == "ok" and not (tmp_path / ".lock").exists()


@pytest.mark.parametrize("name", ["poses.sdf", "results.csv", "run.json"])
@pytest.mark.parametrize("damage", ["delete", "change"])
def test_damaged_results_are_made_again(peptide, tmp_path, name, damage):
    job = single(peptide)
    make_run(tmp_path).dock_single(job)
    whole = (tmp_path / "poses.sdf").read_bytes()
    if damage == "delete":
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text("{}")
    assert finished_record(tmp_path) is None
    assert make_run(tmp_path).dock_single(job).status == "ok"
    assert (tmp_path / "poses.sdf").read_bytes() == whole


def test_batch_keeps_the_others_when_one_fails(three, tmp_path):
    def failing(models, graph, settings, *, name, on_step):
        if name.startswith("CCCN"):
            raise NumericsError("score is not finite at t = 0.5")
        return fake_dock(models, graph, settings, name=name, on_step=on_step)

    rows = make_run(tmp_path / "out", fake_engine(failing)).dock_batch(three)
    assert [row.status for row in rows] == ["ok", "failed", "ok"]
    written = table(tmp_path / "out" / TABLE)
    assert [row["name"] for row in written] == ["a", "b", "c"]
    assert written[1]["error_code"] == "numerics" and "not finite" in written[1]["message"]
    assert (tmp_path / "out" / "a" / RECORD).exists() and not (tmp_path / "out" / "b").exists()
    rows = make_run(tmp_path / "out").dock_batch(three)
    assert [row.status for row in rows] == ["reused", "ok", "reused"]


def test_failure_leaves_earlier_results_alone(peptide, tmp_path):
    job = single(peptide)
    make_run(tmp_path).dock_single(job)

    def failing(*args, **kwargs):
        raise NumericsError("broken")

    with pytest.raises(NumericsError):
        make_run(tmp_path, fake_engine(failing), seed=9, overwrite=True).dock_single(job)
    assert finished_record(tmp_path) is not None


def test_interrupt_keeps_finished_complexes_and_their_rows(three, tmp_path):
    def interrupted(models, graph, settings, *, name, on_step):
        if name.startswith("CCCN"):
            raise KeyboardInterrupt
        return fake_dock(models, graph, settings, name=name, on_step=on_step)

    with pytest.raises(KeyboardInterrupt):
        make_run(tmp_path, fake_engine(interrupted)).dock_batch(three)
    assert [row["name"] for row in table(tmp_path / TABLE)] == ["a"]
    assert finished_record(tmp_path / "a") is not None
    assert not list(tmp_path.rglob("*tmp*"))
    assert [row.status for row in make_run(tmp_path).dock_batch(three)] == ["reused", "ok", "ok"]


def test_interrupt_while_writing_leaves_no_record(peptide, tmp_path, monkeypatch):
    from disco_dock.docking.runs import outputs

    job = single(peptide)
    make_run(tmp_path).dock_single(job)

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outputs, "write_complex_pdb", stop)
        with pytest.raises(KeyboardInterrupt):
            make_run(tmp_path, seed=2, overwrite=True).dock_single(job)
    assert finished_record(tmp_path) is None
    assert len(list(Chem.SDMolSupplier(str(tmp_path / "poses.sdf")))) == 3


def test_output_folder_that_is_a_file(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(InputError, match="-o"):
        make_run(tmp_path / "out")


def test_bad_receptor_fails_every_ligand_in_words(tmp_path):
    protein, ligands = tmp_path / "p.pdb", tmp_path / "l.smi"
    protein.write_text("nothing here\n")
    ligands.write_text("CCO a\nCCN b\n")
    rows = make_run(tmp_path / "out").dock_batch(jobs_of_ligands(protein, ligands, READ).jobs)
    assert [row.status for row in rows] == ["failed", "failed"]
    assert all(row.error_code == "input" and "p.pdb" in row.message for row in rows)
