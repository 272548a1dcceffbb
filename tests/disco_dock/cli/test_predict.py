"""`disco-dock predict` end to end with real readers and writers and a fake engine."""

from __future__ import annotations

import csv
import json

import pytest

from disco_dock.docking import engine
from tests.disco_dock.docking.fake_engine import fake_dock, fake_engine
from tests.disco_dock.docking.test_start_pose import write_poses

FAST = ("--num-poses", 3, "--steps", 2)
LACTAMIDE = "C[C@H](O)C(=O)Nc1ccc(O)cc1"
FILES = {"poses.sdf", "rank1.sdf", "complex_rank1.pdb", "results.csv", "run.json"}


def names(folder):
    return {path.name for path in folder.iterdir()}


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_complex(disco, peptide, tmp_path):
    done = disco("predict", "--protein", peptide, "--ligand", "CC(=O)Nc1ccc(O)cc1", "-o", "out", *FAST)
    assert done.status == 0, done.err
    assert names(tmp_path / "out") == FILES
    assert done.out.startswith("pose") and "3 poses written in out" in done.out
    assert max(map(len, done.out.splitlines())) <= 80 and "next: disco-dock report out" in done.out
    assert done.err.startswith("docking SMILES") or "heavy atoms) anywhere in p.pdb: 3 poses" in done.err
    assert "100 %" in done.err and "\x1b" not in done.err + done.out
    again = disco("predict", "--protein", peptide, "--ligand", "CC(=O)Nc1ccc(O)cc1", "-o", "out", *FAST)
    assert again.status == 0 and "3 poses reused in out" in again.out
    more = disco("predict", "--protein", peptide, "--ligand", "CC(=O)Nc1ccc(O)cc1", "-o", "out", "--num-poses", 4)
    assert more.status == 1 and "--overwrite to replace them" in more.err
    assert names(tmp_path / "out") == FILES and len(rows(tmp_path / "out" / "results.csv")) == 3
    redo = disco(
        "predict", "--protein", peptide, "--ligand", "CC(=O)Nc1ccc(O)cc1", "-o", "out", "--num-poses", 4, "--overwrite"
    )
    assert redo.status == 0 and "4 poses written" in redo.out


def test_every_option_reaches_the_record(disco, peptide, tmp_path):
    options = (
        "--num-poses 2 --steps 3 --seed 5 --batch-size 1 --device cpu --pocket-center -1.0,2,-3 --pocket-radius 6 "
        "--largest-fragment --latent-temperature 0.5 --guidance-weight 1.5 --guidance-interval 0.1,0.9 --ode "
        "--chains A -v"
    )
    done = disco("predict", "--protein", peptide, "--ligand", "CCO.[Na+]", "-o", "out", *options.split())
    assert done.status == 0, done.err
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    settings = record["settings"]
    assert settings["pocket"] == {
        "center": [-1.0, 2.0, -3.0],
        "ligand": None,
        "residues": [],
        "box": None,
        "radius": 6.0,
    }
    assert (settings["seed"], settings["batch_size"], settings["chains"]) == (5, 1, ["A"])
    assert record["resolved"]["sampler"]["ode"] is True
    assert record["resolved"]["latent_inverse_temperature"] == 2.0
    assert record["resolved"]["pocket"] == {"center": [-1.0, 2.0, -3.0], "radius": 6.0}
    assert record["inputs"]["ligand"]["smiles"] == "CCO"
    assert all(row["pocket_distance"] for row in rows(tmp_path / "out" / "results.csv"))


def test_ligand_file_with_good_and_bad_molecules(disco, peptide, tmp_path):
    (tmp_path / "l.smi").write_text("CCO good\nC1CC broken\nCCN good\n")
    done = disco("predict", "--protein", peptide, "--ligand", "l.smi", "-o", "out", *FAST)
    assert done.status == 1
    assert names(tmp_path / "out") == {"good", "good_2", "results.csv"}
    assert names(tmp_path / "out" / "good_2") == FILES
    table = rows(tmp_path / "out" / "results.csv")
    assert [(row["name"], row["status"]) for row in table] == [("good", "ok"), ("broken", "failed"), ("good_2", "ok")]
    assert table[1]["error_code"] == "input" and table[1]["message"]
    assert "3 complexes: 2 ok, 0 reused, 1 failed" in done.out
    assert "Traceback" not in done.err


def test_csv_with_good_and_bad_rows(disco, peptide, tmp_path):
    (tmp_path / "in.csv").write_text(
        "complex_name,protein_path,ligand_description,protein_sequence\n"
        "one,p.pdb,CCO,\n../two,p.pdb,CCN,\nseq,,CCO,MKV\ngone,none.pdb,CCO,\nbad,p.pdb,C1CC,\n"
    )
    done = disco("predict", "--csv", "in.csv", "-o", "out", *FAST)
    assert done.status == 1
    assert names(tmp_path / "out") == {"one", "two", "results.csv"}
    table = {row["name"]: row for row in rows(tmp_path / "out" / "results.csv")}
    assert [row["status"] for row in table.values()] == ["ok", "ok", "failed", "failed", "failed"]
    assert "sequence" in table["seq"]["message"] and "none.pdb" in table["gone"]["message"]
    again = disco("predict", "--csv", "in.csv", "-o", "out", *FAST)
    assert again.status == 1 and "0 ok, 2 reused, 3 failed" in again.out


def test_interrupt_in_the_middle(disco, peptide, tmp_path, monkeypatch):
    def interrupted(models, graph, settings, *, name, on_step):
        if name.startswith("CCCN"):
            raise KeyboardInterrupt
        return fake_dock(models, graph, settings, name=name, on_step=on_step)

    (tmp_path / "l.smi").write_text("CCO a\nCCCN b\nCCC c\n")
    monkeypatch.setattr(engine, "load_engine", lambda checkpoint, device: fake_engine(interrupted))
    done = disco("predict", "--protein", peptide, "--ligand", "l.smi", "-o", "out", *FAST)
    assert done.status == 130
    assert done.err.strip().splitlines()[-1].startswith("disco-dock: interrupted")
    assert "Traceback" not in done.err
    assert names(tmp_path / "out") == {"a", "results.csv"} and names(tmp_path / "out" / "a") == FILES
    monkeypatch.setattr(engine, "load_engine", lambda checkpoint, device: fake_engine())
    again = disco("predict", "--protein", peptide, "--ligand", "l.smi", "-o", "out", *FAST)
    assert again.status == 0 and "2 ok, 1 reused, 0 failed" in again.out


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        ([], "--protein and --ligand missing"),
        (["--protein", "p.pdb"], "--ligand missing"),
        (["--csv", "t.csv", "--protein", "p.pdb"], "--protein cannot be given"),
        (["--protein", "p.pdb", "--ligand", "C", "--pocket-radius", "4"], "--pocket-box has its own size"),
        (["--protein", "p.pdb", "--ligand", "C", "--valid-budget", "90"], "without --valid-only"),
        (
            ["--protein", "p.pdb", "--ligand", "C", "--valid-only", "--valid-budget", "9"],
            "at least the number of poses",
        ),
        (["--protein", "p.pdb", "--ligand", "C", "--valid-only", "--check-poses", "1"], "leave it out"),
        (["--protein", "p.pdb", "--ligand", "C", "--check-poses", "-1"], "must not be negative"),
        (["--protein", "p.pdb", "--ligand", "C", "--pocket-center", "1,2"], "3 numbers"),
        (["--protein", "p.pdb", "--ligand", "C", "--chains-within", "9"], "give a pocket"),
        (["--protein", "p.pdb", "--ligand", "C", "--pocket-center", "1,2,x"], "3 numbers"),
        (
            ["--protein", "p.pdb", "--ligand", "C", "--pocket-center", "1,2,3", "--pocket-residues", "A:1"],
            "not allowed",
        ),
        (["--protein", "p.pdb", "--ligand", "C", "--pocket-center", "1,2,3", "--pocket-radius", "-4"], "positive"),
        (["--protein", "p.pdb", "--ligand", "C", "--num-poses", "0"], "at least 1"),
        (["--protein", "p.pdb", "--ligand", "C", "--num-poses", "many"], "invalid int"),
        (["--protein", "p.pdb", "--ligand", "C", "--seed", "-1"], "seed"),
        (["--protein", "p.pdb", "--ligand", "C", "--chains", "A,,B"], "names separated"),
    ],
)
def test_usage_errors(disco, argv, part):
    done = disco("predict", *argv)
    assert done.status == 2
    assert part in done.err
    assert len(done.err.strip().splitlines()) == 1 and done.err.startswith("disco-dock")


BROKEN = {
    "protein that does not exist": ["--protein", "none.pdb", "--ligand", "CCO"],
    "protein that is text": ["--protein", "text.txt", "--ligand", "CCO"],
    "protein that is empty": ["--protein", "empty.pdb", "--ligand", "CCO"],
    "protein that is a broken gzip": ["--protein", "broken.pdb.gz", "--ligand", "CCO"],
    "protein that is a folder": ["--protein", "folder.pdb", "--ligand", "CCO"],
    "chain that is absent": ["--protein", "p.pdb", "--ligand", "CCO", "--chains", "Q"],
    "ligand that does not exist": ["--protein", "p.pdb", "--ligand", "none.sdf"],
    "ligand that is no SMILES": ["--protein", "p.pdb", "--ligand", "hello world"],
    "ligand with a bad valence": ["--protein", "p.pdb", "--ligand", "C(C)(C)(C)(C)C"],
    "ligand that is a salt": ["--protein", "p.pdb", "--ligand", "CCO.[Na+]"],
    "ligand file that is empty": ["--protein", "p.pdb", "--ligand", "empty.sdf"],
    "ligand file that is binary": ["--protein", "p.pdb", "--ligand", "binary.sdf"],
    "pocket residue that is absent": ["--protein", "p.pdb", "--ligand", "CCO", "--pocket-residues", "A:999"],
    "pocket ligand that does not exist": ["--protein", "p.pdb", "--ligand", "CCO", "--pocket-ligand", "none.sdf"],
    "pocket far away": ["--protein", "p.pdb", "--ligand", "CCO", "--pocket-center", "9999,0,0"],
    "embeddings that are not used": ["--protein", "p.pdb", "--ligand", "CCO", "--embeddings", "text.txt"],
    "table that does not exist": ["--csv", "none.csv"],
    "table that is binary": ["--csv", "binary.sdf"],
    "output that is a file": ["--protein", "p.pdb", "--ligand", "CCO", "-o", "text.txt"],
}


@pytest.mark.parametrize("argv", BROKEN.values(), ids=BROKEN.keys())
def test_broken_inputs_are_one_sentence(disco, peptide, tmp_path, argv):
    (tmp_path / "text.txt").write_text("hello\nworld\n")
    (tmp_path / "empty.pdb").touch()
    (tmp_path / "empty.sdf").touch()
    (tmp_path / "broken.pdb.gz").write_bytes(b"\x1f\x8b\x08broken")
    (tmp_path / "folder.pdb").mkdir()
    (tmp_path / "binary.sdf").write_bytes(bytes(range(256)) * 4)
    done = disco("predict", *argv, *FAST)
    assert done.status == 1
    errors = [line for line in done.err.strip().splitlines() if not line.startswith("docking ")]
    assert len(errors) == 1 and errors[0].startswith("disco-dock: error: "), done.err
    assert "Traceback" not in done.err and "unexpected" not in done.err
    assert not list(tmp_path.rglob("poses.sdf"))


def test_pocket_box_and_forced_latents(disco, peptide, tmp_path):
    (tmp_path / "conf.txt").write_text(
        "".join(f"center_{a} = 1\nsize_{a} = {s}\n" for a, s in zip("xyz", (9, 10, 12), strict=True))
    )
    options = "--pocket-box conf.txt --latent any --latent lig:2 --avoid-latent A:3 --suggest-pockets --trajectory"
    done = disco("predict", "--protein", peptide, "--ligand", "CCO", "-o", "out", *FAST, *options.split())
    assert done.status == 0, done.err
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["resolved"]["pocket"] == {"center": [1.0, 1.0, 1.0], "radius": 4.5, "size": [9.0, 10.0, 12.0]}
    assert record["settings"]["latents"] == ["any", "lig:2"] and record["settings"]["avoid_latents"] == ["A:3"]
    assert names(tmp_path / "out") == FILES | {"trajectory_rank1.pdb"}
    again = disco("predict", "--protein", peptide, "--ligand", "CCO", "-o", "out", *FAST, *options.split())
    assert "reused" in again.out
    (tmp_path / "conf.txt").write_text((tmp_path / "conf.txt").read_text() + "cpu = 3\n")
    assert (
        "reused" in disco("predict", "--protein", peptide, "--ligand", "CCO", "-o", "out", *FAST, *options.split()).out
    )


def test_trajectory_asked_for_later_docks_again(disco, peptide, tmp_path):
    given = ("predict", "--protein", peptide, "--ligand", "CCO", "-o", "out", *FAST)
    assert "written" in disco(*given).out
    assert "written" in disco(*given, "--trajectory").out
    assert "reused" in disco(*given).out


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ("--modes enumerate", "no prior"),
        ("--latent lig:1", "no prior"),
        ("--avoid-latent lig:1", "no prior"),
        ("--suggest-pockets", "no prior"),
    ],
)
def test_checkpoint_without_latents_is_one_sentence(disco, peptide, monkeypatch, options, part):
    monkeypatch.setattr(engine, "load_engine", lambda checkpoint, device: fake_engine(latents=False))
    done = disco("predict", "--protein", peptide, "--ligand", "CCO", "-o", "out", *options.split())
    assert done.status == 1 and part in done.err and len(done.err.strip().splitlines()) == 1


def test_more_latents_than_there_are(disco, peptide):
    many = ("--latent", "lig:1") * 3
    done = disco("predict", "--protein", peptide, "--ligand", "CCO", "-o", "out", *many)
    assert done.status == 1 and "at most 2 times" in done.err
    done = disco("predict", "--protein", peptide, "--ligand", "CCO", "--latent-modes", 3)
    assert done.status == 2 and "--latent-modes has no effect" in done.err


def test_protonation_states_are_docked_and_the_best_is_named(disco, peptide, tmp_path):
    pytest.importorskip("dimorphite_dl")
    done = disco("predict", "--protein", peptide, "--ligand", "NCC(=O)O", "--protonate", 7.4, *FAST, "--physics")
    assert done.status == 0, done.err
    (out,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert out.name == "p_ligand_states"
    table = rows(out / "results.csv")
    assert {row["smiles"] for row in table} == {"NCC(=O)[O-]", "[NH3+]CC(=O)[O-]"}
    assert {row["state_of"] for row in table} == {"ligand"}
    (best,) = [row for row in table if row["best_state"] == "true"]
    assert float(best["vina_score"]) == min(float(row["vina_score"]) for row in table)
    assert f"best of 2 states of ligand: {best['name']}" in done.out
    record = json.loads((out / best["name"] / "run.json").read_text())
    assert record["settings"]["protonate"] == 7.4 and record["inputs"]["ligand"]["state_of"] == "ligand"
    assert any(f"of ligand: {best['smiles']}" in note for note in record["notes"])


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ("--core-tolerance 2", "no effect without --core"),
        ("--core l.sdf --restarts 1", "--restarts searches from other places"),
        ("--core l.sdf --start-pose l.sdf", "--start-pose searches from other places"),
    ],
)
def test_options_that_go_against_a_core(disco, peptide, options, part):
    done = disco("predict", "--protein", peptide, "--ligand", "CCO", *options.split())
    assert done.status == 2 and part in done.err and len(done.err.strip().splitlines()) == 1


def test_a_ligand_of_one_state_is_one_complex(disco, peptide, tmp_path):
    pytest.importorskip("dimorphite_dl")
    done = disco("predict", "--protein", peptide, "--ligand", "CCN", "--protonate", 7.4, "-o", "out", *FAST)
    assert done.status == 0, done.err
    assert names(tmp_path / "out") == FILES
    assert json.loads((tmp_path / "out" / "run.json").read_text())["inputs"]["ligand"]["smiles"] == "CC[NH3+]"
    done = disco("predict", "--protein", peptide, "--ligand", "CCN", "--protonate", 20, "-o", "other", *FAST)
    assert done.status == 2 and "pH" in done.err


def test_stereo_isomers_are_docked_one_by_one(disco, peptide, tmp_path):
    done = disco("predict", "--protein", peptide, "--ligand", "C/C=C/C(F)Cl", "--stereo-isomers", 4, *FAST)
    assert done.status == 0, done.err
    (out,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert out.name == "p_ligand_isomers"
    assert names(out) == {"p_ligand_iso1", "p_ligand_iso2", "results.csv"}
    table = rows(out / "results.csv")
    assert {row["smiles"] for row in table} == {"C/C=C/[C@H](F)Cl", "C/C=C/[C@@H](F)Cl"}
    for number, row in enumerate(table, start=1):
        record = json.loads((out / row["name"] / "run.json").read_text())
        assert record["inputs"]["ligand"]["smiles"] == row["smiles"]
        assert f"configuration {number} of 2 of ligand: {row['smiles']}" in record["notes"]


def test_predict_starts_from_a_pose(disco, peptide, tmp_path):
    write_poses(tmp_path / "a.sdf", LACTAMIDE, 0.0)
    command = ("predict", "-p", peptide, "-l", LACTAMIDE, "-o", "out", "--start-pose", "a.sdf", *FAST)
    done = disco(*command, "-v")
    assert done.status == 0, done.err
    assert "from the pose of a.sdf in" in done.err and "poses start from the pose in a.sdf" in done.err
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["settings"]["start_pose"] == "a.sdf" and len(record["inputs"]["start_pose"]["sha256"]) == 64
    assert "reused" in disco(*command).out
    write_poses(tmp_path / "a.sdf", LACTAMIDE, 1.0)  # another pose, other results
    assert "--overwrite to replace them" in disco(*command).err
    assert disco(*command, "--start-noise", 0.2, "--overwrite").status == 0
    assert "give both" in disco("predict", "-p", peptide, "-l", LACTAMIDE, "--start-noise", 0.2).err
    assert "no such file" in disco(*command[:-5], "absent.sdf").err
