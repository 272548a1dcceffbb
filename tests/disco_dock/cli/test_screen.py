"""`disco-dock screen` and `disco-dock results` end to end with real readers and a fake engine in this process."""

from __future__ import annotations

import csv
import json
import re

import pytest

from disco_dock.cli.main import main
from disco_dock.screening import screen
from disco_dock.screening.workers import ligand_docker as dock_ligands
from disco_dock.weights import networks as build
from tests.disco_dock.docking.fake_engine import fake_engine

LINES = "CCO ethanol\nCC(=O)Nc1ccc(O)cc1 paracetamol\nOCC again\nC(C broken\n"


@pytest.fixture
def screened(disco, peptide, tmp_path, monkeypatch):
    """Run `disco-dock screen` on a library of four lines, in this process."""
    monkeypatch.setattr(dock_ligands, "load_engine", lambda checkpoint, device: fake_engine())
    monkeypatch.setattr(build, "checkpoint_sha256", lambda directory: "f" * 64)
    (tmp_path / "lib.smi").write_text(LINES)

    def run(*options):
        inputs = ("--protein", peptide, "--ligands", "lib.smi", "--store", "run.sqlite", "--workers", 0)
        return disco("screen", *inputs, "--num-poses", 4, "--steps", 1, *options)

    return run


def test_a_library_is_screened_and_listed(disco, screened):
    done = screened()
    assert done.status == 0, done.err
    assert done.out.splitlines() == [
        "4 records: 2 docked, 1 duplicate, 1 failed (1 input)",
        "what failed, and why: disco-dock results run.sqlite --status failed",
        "results in run.sqlite",
        "next: disco-dock results run.sqlite --report",
    ]
    assert done.err.startswith("docking lib.smi anywhere in p.pdb: 4 poses each, no worker\n")
    table = disco("results", "run.sqlite")
    assert table.status == 0
    assert "paracetamol" in table.out and "broken" not in table.out
    status = disco("screen", "status", "run.sqlite")
    assert "docked: 2" in status.out and "failed: 1 (1 input)" in status.out
    numbers = json.loads(disco("screen", "status", "run.sqlite", "--json").out)
    assert numbers["counts"]["status"] == {"docked": 2, "duplicate": 1, "failed": 1}


@pytest.mark.parametrize(("options", "ligands"), [((), 2), (("--num-poses", 8), 1), (("--device", "cuda:1"), 32)])
def test_the_queue_knows_how_many_ligands_share_a_network_batch(screened, monkeypatch, options, ligands):
    asked, whole = [], screen.run_screen
    monkeypatch.setattr(screen, "run_screen", lambda request, *rest: asked.append(request) or whole(request, *rest))
    assert screened(*options).status == 0
    assert asked[0].batching.ligands == ligands


def test_other_settings_on_the_same_store_are_refused(screened):
    assert screened().status == 0
    again = screened("--seed", 1)
    assert again.status == 1
    assert "seed 0 (now 1)" in again.err and "another --store" in again.err
    assert screened("--batch-size", 3, "--progress", "none").status == 0  # changes no pose


def test_progress_as_json(screened, tmp_path):
    done = screened("--progress", "json", "--progress-file", "progress.jsonl")
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert lines[-1]["event"] == "end" and lines[-1]["docked"] == 2
    assert (tmp_path / "progress.jsonl").read_text() == done.err


def test_shards_and_merge(disco, screened, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    assert screened().out.startswith("2 records")  # the array starts at 0
    (tmp_path / "run.sqlite").rename(tmp_path / "two.sqlite")
    assert screened("--shard", "1/2").out.startswith("2 records")
    merged = disco("screen", "merge", "all.sqlite", "run.sqlite", "two.sqlite")
    assert merged.out == "4 rows of 2 stores in all.sqlite\n"
    assert "2 docked" not in merged.err
    assert disco("screen", "retry-failed", "all.sqlite").out.startswith("0 ligands")


def test_exports(disco, screened, tmp_path):
    assert screened().status == 0
    assert disco("results", "run.sqlite", "-o", "best.sdf", "--poses", 2).out == "2 ligands in best.sdf\n"
    assert (tmp_path / "best.sdf").read_text().count("$$$$") == 4
    assert disco("results", "run.sqlite", "--status", "all", "-o", "all.csv").out == "4 ligands in all.csv\n"
    wrong = disco("results", "run.sqlite", "--where", "nothing")
    assert wrong.status == 2 and "is no condition" in wrong.err


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ((), "--protein and --ligands and --store missing"),
        (("--protein", "p.pdb", "--store", "s"), "--ligands missing"),
        (("--protein", "p", "--ligands", "l", "--store", "s", "--shard", "3/2"), "a shard is written i/n"),
        (("--protein", "p", "--ligands", "l", "--store", "s", "--keep", "0"), "at least 1 pose"),
        (("--protein", "p", "--ligands", "l", "--store", "s", "--pocket-radius", "3"), "--pocket-radius needs"),
    ],
)
def test_wrong_usage_is_one_line(disco, tmp_path, options, word):
    for name in ("p", "p.pdb", "l"):
        (tmp_path / name).touch()
    done = disco("screen", *options)
    assert done.status == 2
    assert word in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize(
    "argv",
    [
        ("results", "none.sqlite"),
        ("screen", "status", "none.sqlite"),
        ("screen", "merge", "new.sqlite", "none.sqlite"),
        ("screen", "retry-failed", "none.sqlite"),
    ],
)
def test_a_store_that_is_not_there_is_one_line(disco, argv):
    done = disco(*argv)
    assert done.status == 1
    assert "no such store" in done.err and done.err.count("\n") == 1


def test_a_library_that_breaks_off_is_told(screened, tmp_path):
    (tmp_path / "lib.smi").unlink()
    missing = screened()
    assert missing.status == 1
    assert "lib.smi: no such file" in missing.err


def test_required_interactions_choose_poses_and_name_the_others(disco, screened, tmp_path):
    assert screened("--store", "all.sqlite").status == 0
    assert disco("results", "all.sqlite", "-o", "all.csv").status == 0
    rows = {row["name"]: row for row in csv.DictReader((tmp_path / "all.csv").open())}
    own = set(rows["paracetamol"]["interactions"].split()) - set(rows["ethanol"]["interactions"].split())
    wanted = sorted(own)[0]
    done = screened("--require", wanted)
    assert done.status == 0, done.err
    unmet = int(re.search(r"(\d) of 2 docked", done.out)[1]) if "docked ha" in done.out else 0
    table = disco("results", "run.sqlite")
    assert "paracetamol" in table.out
    others = disco("results", "run.sqlite", "--status", "unmet")
    assert ("ethanol" in others.out) == (unmet == 1) and "paracetamol" not in others.out
    assert disco("results", "run.sqlite", "--status", "all", "-o", "b.csv").out.startswith("4 ligands")
    met = {row["name"]: row["poses_meeting"] for row in csv.DictReader((tmp_path / "b.csv").open())}
    assert int(met["paracetamol"]) >= 1 and met["broken"] == "" and met["again"] == met["ethanol"]
    numbers = json.loads(disco("screen", "status", "run.sqlite", "--json").out)
    assert numbers["counts"]["unmet"] == unmet
    other = screened()
    assert other.status == 1 and "require" in other.err


def test_ligands_without_a_required_interaction_are_counted_named_and_kept(disco, screened):
    done = screened("--require", "metal:A:ZN999")
    assert "2 of 2 docked have no pose with metal:A:ZN999: disco-dock results run.sqlite" in " ".join(done.out.split())
    listed = disco("results", "run.sqlite")
    assert listed.out == "no ligands\n" and "2 of 2 docked have no pose with metal:A:ZN999" in listed.err
    named = disco("results", "run.sqlite", "--status", "unmet")
    assert "ethanol" in named.out and "paracetamol" in named.out
    assert (
        disco("results", "run.sqlite", "--status", "unmet", "-o", "u.sdf", "--poses", 3).out == "2 ligands in u.sdf\n"
    )
    assert "docked: 2 (2 without the interactions asked for)" in disco("screen", "status", "run.sqlite").out
    assert screened("--require", "metal:A:ZN999").out == done.out  # a resumed run counts them again
    page = disco("results", "run.sqlite", "--report")
    assert page.status == 0
    wrong = screened("--require", "nonsense")
    assert wrong.status == 2 and "cannot be read" in wrong.err


def test_configurations_of_open_stereo(disco, screened, tmp_path):
    (tmp_path / "lib.smi").write_text("CC(F)Cl open\nCCO ethanol\n")
    done = screened("--stereo-isomers", 4)
    assert done.status == 0, done.err
    assert done.out.startswith("3 records: 3 docked")
    assert "open_iso2" in disco("results", "run.sqlite").out
    other = screened()
    assert other.status == 1 and "stereo_isomers 4 (now null)" in other.err
    assert screened("--stereo-isomers", 0).status == 2


@pytest.mark.parametrize("action", ["status", "retry-failed", "merge"])
def test_actions_have_their_own_usage(capsys, action):
    assert main(["screen", action, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: disco-dock screen {action} [-h]")
