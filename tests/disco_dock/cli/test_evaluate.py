"""`disco-dock evaluate` from files and from shards with a tiny checkpoint, and its refusals."""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec

import pytest

from disco_dock.chem import posebusters_checks as validity
from disco_dock.cli.main import main
from disco_dock.evaluation import figures
from disco_dock.evaluation.rustina import method as rustina
from disco_dock.evaluation.vina import method as vina
from tests.support.complexes import write_complexes
from tests.support.runs import prior_run
from tests.support.shards import made_up_shards

FIGURES = {"rmsd_cdf.png", "success_against_n.png"}


@pytest.fixture(scope="module")
def complexes(tmp_path_factory):
    root = tmp_path_factory.mktemp("complexes")
    write_complexes(root)
    return root


def evaluate(*argv):
    fixed = ["--num-poses", "2", "--steps", "2", "--device", "cpu", "--checkpoint", str(prior_run() / "checkpoint")]
    return main(["evaluate", *fixed, *map(str, argv)])


def test_files(complexes, tmp_path, capsys):
    if find_spec("posebusters") is None or find_spec("matplotlib") is None:
        pytest.skip("posebusters or matplotlib is not installed")
    (tmp_path / "ids.txt").write_text("made0\nmade2\nabsent\n")
    rows = [f"{name},c{name},,{split}" for name, split in (("made0", "train"), ("made1", "train"), ("made2", "val"))]
    (tmp_path / "manifest.csv").write_text("\n".join(["id,cluster,inchikey,split", *rows, ""]))
    out = tmp_path / "out"
    argv = ["--data", complexes, "--split", tmp_path / "ids.txt", "--manifest", tmp_path / "manifest.csv", "-o", out]
    assert evaluate(*argv) == 0
    printed = capsys.readouterr().out
    assert "first < 2 Å, valid" in printed and "3 (1)" in printed and f"in {out}: complexes.csv" in printed
    assert "first-ranked" not in printed
    summary = json.loads((out / "summary.json").read_text())
    method = summary["methods"]["disco-dock"]
    assert (method["complexes"], method["failures"], method["poses"]) == (3, 1, 2)
    assert set(method["success"]["top1"]) >= {"under_2", "under_5", "valid", "under_2_and_valid"}
    assert {name: group["complexes"] for name, group in method["strata"]["protein cluster"].items()} == {
        "seen": 1,
        "unseen": 1,
        "unknown": 1,
    }
    table = list(csv.DictReader((out / "complexes.csv").open()))
    assert [row["id"] for row in table] == ["made0", "made2", "absent"] and "no such folder" in table[2]["error"]
    assert FIGURES <= {path.name for path in out.iterdir()}
    for name in FIGURES:
        assert (out / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    before = (out / "disco-dock.jsonl").read_bytes()
    assert evaluate(*argv, "-v") == 0  # nothing is docked again
    assert "RMSD < 2 Å and PB-valid, best of first 5" in capsys.readouterr().out
    assert (out / "disco-dock.jsonl").read_bytes() == before
    assert json.loads((out / "summary.json").read_text()) == summary


def test_physics_stands_beside_the_networks_alone(complexes, tmp_path, capsys):
    out, options = tmp_path / "out", ("--no-figures", "--check-poses", 0, "--minimize", "vina", "--search-moves", 1)
    argv = ["--data", complexes, "-o", out, *options]
    assert evaluate(*argv, "--rank-by", "vina", "--also-rank-by", "confidence", "--also-rank-by", "vina") == 0
    methods = json.loads((out / "summary.json").read_text())["methods"]
    assert list(methods) == ["disco-dock", "disco-dock-vina-by-vina", "disco-dock-vina"]
    best = [methods[name]["success"]["best"] for name in ("disco-dock-vina", "disco-dock-vina-by-vina")]
    assert best[0] == best[1]  # the same poses
    assert {method["failures"] for method in methods.values()} == {0}
    rows = [json.loads(line) for line in (out / "disco-dock-vina-by-vina.jsonl").read_text().splitlines()]
    scores = [row["score"] for row in rows if row.get("score")]
    assert len(scores) == 3 and all(row == sorted(row, reverse=True) for row in scores)
    assert evaluate(*argv, "--rank-by", "consensus") == 1
    assert "no consensus weights" in capsys.readouterr().err
    assert evaluate("--data", made_up_shards(), "-o", tmp_path / "s", "--minimize", "vina", "--no-figures") == 1
    assert evaluate("--data", made_up_shards(), "-o", tmp_path / "s", "--also-rank-by", "vina", "--no-figures") == 1
    assert evaluate("--data", made_up_shards(), "-o", tmp_path / "s", "--pocket", "--no-figures") == 1
    assert "physics needs the files" in capsys.readouterr().err


def test_shards_give_rmsd_only(tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate("--data", made_up_shards(), "-o", out, "--no-figures") == 0
    method = json.loads((out / "summary.json").read_text())["methods"]["disco-dock"]
    assert method["complexes"] == 3 and method["failures"] == 0 and "valid" not in method["success"]["top1"]
    assert method["rmsd_cross_checked"] == 3 and method["rmsd_disagreements"] == 0
    assert not list(out.glob("*.png"))
    capsys.readouterr()
    if all(find_spec(module) is not None for module in vina.PACKAGES):
        assert evaluate("--data", made_up_shards(), "-o", out, "--no-figures", "--baseline", "vina") == 1
        assert "Vina needs the files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        (figures, [], "pip install 'disco-dock[evaluate]', or give --no-figures"),
        (validity, ["--no-figures"], "pip install 'disco-dock[evaluate]', or give --check-poses 0"),
        (vina, ["--no-figures", "--check-poses", "0", "--baseline", "vina"], "pip install 'disco-dock[vina]'"),
        (rustina, ["--no-figures", "--check-poses", "0", "--baseline", "rustina"], "pip install 'disco-dock[rustina]'"),
    ],
)
def test_missing_packages_are_named_before_any_docking(
    complexes, tmp_path, capsys, monkeypatch, module, options, message
):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert evaluate("--data", complexes, "-o", tmp_path / "out", *options) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--num-poses", "0"],
        ["--check-poses", "-2"],
        ["--training-ids", "x"],
        ["--vina-cpu-seconds", "3"],
        ["--baseline", "vina", "--baseline-effort", "default", "--baseline-cpu-seconds", "3"],
        ["--baseline", "vina", "--baseline-cpu-seconds", "-3"],
        ["--baseline-effort", "equal"],
        ["--baseline", "glide"],
    ],
)
def test_wrong_usage(complexes, tmp_path, capsys, options):
    assert evaluate("--data", complexes, "-o", tmp_path / "out", *options) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_vina_beside_the_networks(complexes, tmp_path, capsys):
    if any(find_spec(module) is None for module in vina.PACKAGES):
        pytest.skip("Vina and what prepares its input are not installed")
    (tmp_path / "ids.txt").write_text("made1\n")
    argv = ["--data", complexes, "--split", tmp_path / "ids.txt", "-o", tmp_path / "out", "--check-poses", "0"]
    assert evaluate(*argv, "--no-figures", "--baseline", "vina-pocket", "--vina-cpu-seconds", "0.5") == 0
    printed = capsys.readouterr().out
    assert "disco-dock" in printed and "vina-pocket" in printed and "vina-blind" not in printed
    assert "Vina got 0.5 CPU seconds" in " ".join(printed.split())
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["methods"]["vina-pocket"]["failures"] == 0
    assert "top1_under_2" in summary["lead_in_percentage_points"]["disco-dock over vina-pocket"]
    assert "disco-dock over vina-pocket" in printed


def test_groups_of_the_user_reach_the_summary(complexes, tmp_path):
    (tmp_path / "ids.txt").write_text("made0\n")
    fixed = ["--data", complexes, "--split", tmp_path / "ids.txt", "--check-poses", "0", "--no-figures"]
    assert evaluate(*fixed, "-o", tmp_path / "out", "--drop", "NAP,HEM") == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["groups"] == {"keep": [], "drop": ["NAP", "HEM"]}
    assert evaluate(*fixed, "-o", tmp_path / "two", "--drop", "NAP", "--keep", "NAP") == 2
