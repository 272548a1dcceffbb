"""`disco-dock rescore` end to end, without a contact score."""

from __future__ import annotations

import csv
import json

import pytest
from rdkit import Chem

from tests.support.complexes import write_complexes


@pytest.fixture
def posed(tmp_path):
    """Three complexes of one peptide with a ligand each."""
    return [tmp_path / "made" / name / "ligand.sdf" for name in write_complexes(tmp_path / "made")]


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_poses_of_one_molecule(disco, peptide, posed, tmp_path):
    twice = tmp_path / "twice.sdf"
    text = posed[0].read_text().rstrip().removesuffix("$$$$") + "\n>  <CNNscore>\n0.75\n\n$$$$\n"
    twice.write_text(text + text)
    done = disco(
        "rescore",
        "--protein",
        peptide,
        "--poses",
        twice,
        "-o",
        "out",
        "--check-poses",
        0,
        "--report",
        "--reference",
        posed[0],
    )
    assert done.status == 0, done.err
    assert "given as" in done.out and "warning: every pose overlaps" in done.err
    table = rows(tmp_path / "out" / "results.csv")
    assert [row["given_as"] for row in table] == ["twice.sdf:1", "twice.sdf:2"] and table[0]["CNNscore"] == "0.75"
    assert table[0]["rmsd"] == "0.0" and table[0]["interactions"] is not None
    assert table[0]["vina_score"] and not table[0]["p_rmsd_under_2"] and not table[0]["minimize_rmsd"]
    (mol, _) = Chem.SDMolSupplier(str(tmp_path / "out" / "poses.sdf"))
    assert mol.GetProp("CNNscore") == "0.75" and mol.GetProp("vina_score") == table[0]["vina_score"]
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["given"]["poses"] == 2 and "sampler" not in record["resolved"]
    assert "These poses were given" in (tmp_path / "out" / "report.html").read_text()


def test_minimised_poses_have_lower_energy(disco, peptide, posed, tmp_path):
    done = disco("rescore", "--protein", peptide, "--poses", posed[0], "-o", "out", "--minimize", "--check-poses", 0)
    assert done.status == 0, done.err
    (row,) = rows(tmp_path / "out" / "results.csv")
    assert float(row["vina_score"]) < float(row["vina_score_before"]) and float(row["minimize_rmsd"]) > 0


def test_several_molecules_have_folders(disco, peptide, posed, tmp_path):
    bad = tmp_path / "bad.sdf"
    bad.write_text("no molecule\n\n\nM  END\n$$$$\n")
    done = disco("rescore", "--protein", peptide, "--poses", *posed, bad, "-o", "out", "--check-poses", 0)
    assert done.status == 1
    table = rows(tmp_path / "out" / "results.csv")
    assert [row["status"] for row in table] == ["ok", "ok", "ok", "failed"] and "bad.sdf:1" in table[3]["message"]
    assert all((tmp_path / "out" / row["name"] / "run.json").is_file() for row in table[:3])


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--search-moves", 5), 2, "search moves have no effect"),
        (("--rank-by", "contacts"), 1, "no contact score"),
        (("--rank-by", "fused"), 1, "no contact score to fuse with"),
        (("--rank-by", "confidence"), 2, "choose from"),
        (("--ligand", "CCO"), 1, "another molecule than --ligand"),
        (("--check-poses", -1), 2, "must not be negative"),
    ],
)
def test_mistakes_are_one_sentence(disco, peptide, posed, options, status, message):
    done = disco("rescore", "--protein", peptide, "--poses", posed[0], *options)
    assert done.status == status and message in done.err and len(done.err.strip().splitlines()) == 1
