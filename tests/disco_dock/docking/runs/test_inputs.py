"""Complexes from ligand files and from DiffDock's CSV."""

from __future__ import annotations

from pathlib import Path

import pytest

from disco_dock.docking.runs.inputs import DockingJob, FailedInput, jobs_of_csv, jobs_of_ligands, ligand_reader
from disco_dock.runtime.errors import InputError

READ = ligand_reader(None, False)
HEADER = "complex_name,protein_path,ligand_description,protein_sequence\n"


def write_csv(folder: Path, *rows: str, header: str = HEADER) -> Path:
    (folder / "p.pdb").write_text("ATOM\n")
    path = folder / "table.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def only(jobs):
    (job,) = jobs.jobs
    return job


@pytest.fixture
def protein(tmp_path):
    path = tmp_path / "prot.pdb"
    path.write_text("ATOM\n")
    return path


def test_one_molecule_is_single(protein):
    jobs = jobs_of_ligands(protein, "CCO", READ)
    assert jobs.single is only(jobs)
    assert only(jobs).name == "prot_ligand"


def test_smi_list_is_a_batch_with_failures_in_place(protein, tmp_path):
    path = tmp_path / "many.smi"
    path.write_text("CCO a\nC1CC bad\nCCN a\n")
    jobs = jobs_of_ligands(protein, path, READ)
    assert not jobs.single
    assert [job.name for job in jobs.jobs] == ["a", "bad", "a_2"]
    assert isinstance(jobs.jobs[1], FailedInput)
    assert jobs.jobs[1].error_code == "input" and jobs.jobs[1].message


def test_only_molecule_that_fails_raises(protein):
    with pytest.raises(InputError, match="fragments"):
        jobs_of_ligands(protein, "[Na+].[Cl-].CCO", READ)


def test_missing_protein_is_found_before_any_work(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        jobs_of_ligands(tmp_path / "none.pdb", "CCO", READ)
    with pytest.raises(InputError, match="folder"):
        jobs_of_ligands(tmp_path, "CCO", READ)


def test_csv_rows(tmp_path):
    (tmp_path / "two.smi").write_text("CCO x\nCCN y\n")
    path = write_csv(
        tmp_path,
        "one,p.pdb,CCO,",
        ",,,",
        "../evil,p.pdb,CCN,",
        "seq,,CCO,MKV",
        "gone,missing.pdb,CCO,",
        "nolig,p.pdb,,",
        "nosmiles,p.pdb,not a molecule,",
        "many,p.pdb,two.smi,",
        ",p.pdb,CCC,",
    )
    jobs = jobs_of_csv(path, READ)
    assert not jobs.single
    names = [job.name for job in jobs.jobs]
    assert names == ["one", "evil", "seq", "gone", "nolig", "nosmiles", "many_x", "many_y", "p_ligand"]
    failed = {job.name: job.message for job in jobs.jobs if isinstance(job, FailedInput)}
    assert set(failed) == {"seq", "gone", "nolig", "nosmiles"}
    assert "sequence" in failed["seq"] and "protein_path" in failed["seq"]
    assert "line 6" in failed["gone"] and "missing.pdb" in failed["gone"]
    assert all("\n" not in message for message in failed.values())
    assert jobs.jobs[0].protein == tmp_path / "p.pdb"


def test_csv_paths_fall_back_to_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "tables").mkdir()
    path = write_csv(tmp_path / "tables", "a,here.pdb,CCO,")
    (tmp_path / "here.pdb").write_text("ATOM\n")
    monkeypatch.chdir(tmp_path)
    assert only(jobs_of_csv(path, READ)).protein == Path("here.pdb")


def test_csv_with_byte_order_mark_quotes_and_other_column_order(tmp_path):
    path = write_csv(tmp_path, '"C[C@H](N)C(=O)O", p.pdb ,', header="\ufeffligand_description, protein_path ,extra\n")
    assert isinstance(only(jobs_of_csv(path, READ)), DockingJob)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "protein_path"),
        (b"a,b\n1,2\n", "protein_path is missing"),
        (HEADER.encode(), "no rows"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_broken_csv(tmp_path, content, part):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=part):
        jobs_of_csv(path, READ)


def test_missing_csv(tmp_path):
    with pytest.raises(InputError, match="--csv"):
        jobs_of_csv(tmp_path / "none.csv", READ)


@pytest.mark.parametrize("title", ["ligand", "ligand_path", "ligand_smiles", "smiles", "ligand_description"])
def test_titles_of_other_programs(tmp_path, title):
    (tmp_path / "p.pdb").write_text("ATOM\n")
    (tmp_path / "list.csv").write_text(f"protein,{title}\np.pdb,CCO\n")
    (job,) = jobs_of_csv(tmp_path / "list.csv", ligand_reader(None, False)).jobs
    assert isinstance(job, DockingJob) and job.ligand.smiles == "CCO"


def test_configurations_are_complexes_of_their_own(protein, tmp_path):
    read = ligand_reader(None, False, stereo_isomers=4)
    found = jobs_of_ligands(protein, "CC(F)Cl", read)
    assert [job.name for job in found.jobs] == ["prot_ligand_iso1", "prot_ligand_iso2"]
    assert found.single is None and found.states_of == "prot_ligand"
    assert {job.ligand.smiles for job in found.jobs} == {"C[C@H](F)Cl", "C[C@@H](F)Cl"}
    assert jobs_of_ligands(protein, "CCO", read).single is not None
    path = tmp_path / "many.smi"
    path.write_text("CCO a\nC1CC bad\nCC(F)Cl b\n")
    assert [job.name for job in jobs_of_ligands(protein, path, read).jobs] == ["a", "bad", "b_iso1", "b_iso2"]
    table = write_csv(tmp_path, "x,p.pdb,CC(F)Cl,", "y,p.pdb,CCO,")
    assert [job.name for job in jobs_of_csv(table, read).jobs] == ["x_iso1", "x_iso2", "y"]
