"""`disco-dock fit`: from a command line to what the checkpoint then holds."""

from __future__ import annotations

import json
import shutil

import pytest

from disco_dock.cli.main import main
from disco_dock.data.novelty import read_rates
from disco_dock.data.training_index import FILE, build_index, write_index
from disco_dock.docking import engine
from disco_dock.evaluation.fit import ranking
from disco_dock.evaluation.rows import MeasuredComplex, RowFile
from disco_dock.physics.settings import NO_PHYSICS
from disco_dock.runtime.config import to_dict
from disco_dock.weights.config import read_config
from disco_dock.weights.networks import checkpoint_sha256
from tests.support.complexes import write_complexes
from tests.support.pose_rows import planted_rows
from tests.support.runs import prior_run
from tests.support.shards import made_up_shards


@pytest.fixture
def checkpoint(tmp_path):
    return shutil.copytree(prior_run() / "checkpoint", tmp_path / "checkpoint")


@pytest.mark.parametrize("action", ["contacts", "judge", "novelty"])
def test_each_action_explains_itself(disco, action):
    done = disco("fit", action, "--help")
    assert done.status == 0 and "--data DIR" in done.out
    assert disco("fit", action).status == 2


def test_unknown_evidence_is_refused_before_anything_is_loaded(disco, monkeypatch):
    monkeypatch.setattr(engine, "load_engine", lambda *_: pytest.fail("loaded"))
    done = disco(*("fit", "judge", "--data", "d", "--train", "t", "--validation", "v", "-o", "o", "--evidence", "luck"))
    assert done.status == 2 and "has no 'luck'; choose from energy_per_atom" in done.err


def test_the_judge_comes_into_the_checkpoint(checkpoint, tmp_path, monkeypatch, capsys):
    rows = {"train": planted_rows(60), "validation": planted_rows(40, seed=1)}
    by_id = {row.id: row for part in rows.values() for row in part}

    def dock_rows(engine, cases, *rest, on_row, **options):
        for number, name in enumerate(cases.ids, start=1):
            on_row(by_id[name], number, len(cases.ids))
        return [by_id[name] for name in cases.ids]

    monkeypatch.setattr(ranking, "dock_rows", dock_rows)
    files = []
    for name, part in rows.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(row.id for row in part))
        files += [f"--{name}", str(tmp_path / f"{name}.txt")]
    (tmp_path / "out").mkdir()
    status = main(
        [
            *("fit", "judge", "--checkpoint", str(checkpoint), "--data", str(tmp_path), *files),
            *("-o", str(tmp_path / "out"), "--evidence", "energy_per_atom", "agreement", "--search-moves", "7"),
        ]
    )
    printed = capsys.readouterr().out
    assert status == 0 and "60 of 60:" in printed and "logit P(RMSD < 2 Å) =" in printed
    judge = read_config(checkpoint).pose_judge
    assert judge is not None and judge.evidence == ("energy_per_atom", "agreement") and judge.made.moves == 7


def test_rates_by_novelty_come_beside_the_checkpoint(checkpoint, tmp_path, capsys):
    data, evaluation = tmp_path / "data", tmp_path / "evaluation"
    write_complexes(data)
    evaluation.mkdir()
    shared = ["fit", "novelty", str(evaluation), "--data", str(data), "--source", "made-up complexes", "--checkpoint"]
    bare = shutil.copytree(checkpoint, tmp_path / "bare")
    assert main([*shared, str(bare)]) == 1 and "has no training index; make it with" in capsys.readouterr().err
    arguments = [*shared, str(checkpoint)]
    write_index(checkpoint / FILE, build_index([made_up_shards()], ["made0", "made1"]))
    assert main(arguments) == 1 and "evaluate it first" in capsys.readouterr().err
    sha256 = checkpoint_sha256(checkpoint)
    for name, extra in (("blind", {}), ("pocket", {"in_pocket": True})):
        header = {"checkpoint": sha256, "sampling": {"num_poses": 4}, "physics": to_dict(NO_PHYSICS), **extra}
        rows = RowFile(evaluation / f"{name}.jsonl", json.loads(json.dumps(header)), MeasuredComplex)
        rows.add(MeasuredComplex(id="made0", rmsd=(1.0, 3.0)))
        rows.add(MeasuredComplex(id="made2", rmsd=(4.0, 1.0)))
    assert main(arguments) == 0
    rates = read_rates(checkpoint)
    assert rates is not None and len(rates.measured) == 1
    (one,) = rates.measured
    assert (one.source, one.num_poses) == ("made-up complexes", 4)
    assert [sum(getattr(cell, name) for cell in one.cells) for name in ("complexes", "under_2", "under_5")] == [2, 1, 2]


def test_rates_of_other_weights_are_refused(checkpoint, tmp_path, capsys):
    other = shutil.copytree(checkpoint, tmp_path / "other")
    with (other / "score.safetensors").open("ab") as file:
        file.write(b"x")
    status = main(
        [
            *("fit", "novelty", str(tmp_path), "--checkpoint", str(checkpoint), "--evaluated", str(other)),
            *("--data", str(tmp_path), "--source", "none"),
        ]
    )
    assert status == 1 and "has other weights than" in capsys.readouterr().err
