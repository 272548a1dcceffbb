"""What the card says of the other states of a ligand that were docked."""

from __future__ import annotations

import csv

import pytest

from disco_dock.cli.main import main
from disco_dock.docking import engine
from disco_dock.docking.runs.self_test import write_peptide
from disco_dock.report.states import SHOWN, states_sentence
from tests.disco_dock.docking.fake_engine import fake_engine

COLUMNS = ("name", "status", "protein", "smiles", "vina_score", "state_of", "best_state")


def record(name: str, origin: str | None) -> dict:
    return {"name": name, "inputs": {"ligand": {"state_of": origin}}}


def write_table(folder, count: int) -> None:
    with (folder / "results.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for number in range(1, count + 1):
            best = "true" if number == 2 else "false"
            table.writerow((f"x_prot{number}", "ok", "p.pdb", f"C{number}", -6.5 - number % 2, "x", best))
        table.writerow(("y_iso1", "ok", "p.pdb", "CC", -9, "y", "true"))


def test_the_best_names_the_others_and_another_one_the_best(tmp_path):
    write_table(tmp_path, 3)
    assert states_sentence(tmp_path / "x_prot2", record("x_prot2", "x")) == (
        "the best of 3 docked states of x, by Vina score; the others: x_prot1 (C1, -7.5 kcal/mol), "
        "x_prot3 (C3, -7.5 kcal/mol)"
    )
    told = states_sentence(tmp_path / "x_prot1", record("x_prot1", "x"))
    assert told == "one of 3 docked states of x; the best, by Vina score: x_prot2 (C2, -6.5 kcal/mol)"


def test_many_states_are_counted(tmp_path):
    write_table(tmp_path, SHOWN + 4)
    assert states_sentence(tmp_path / "x_prot2", record("x_prot2", "x")).endswith("3 more")


@pytest.mark.parametrize("text", [None, "", "rank,vina_score\n1,-3\n"])
def test_without_the_table_of_the_run_it_is_still_told(tmp_path, text):
    if text is not None:
        (tmp_path / "results.csv").write_text(text)
    assert states_sentence(tmp_path / "a", record("a", "x")).startswith("one of several states of x;")
    assert states_sentence(tmp_path / "a", record("a", None)) == ""


def test_the_card_of_a_run_with_configurations(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "load_engine", lambda checkpoint, device: fake_engine())
    write_peptide(tmp_path / "p.pdb")
    options = "-p p.pdb -l CC(F)C(=O)Nc1ccc(O)cc1 --stereo-isomers 4 -o out --num-poses 2 --steps 1 --report"
    assert main(["predict", *options.split()]) == 0, capsys.readouterr().err
    pages = [path.read_text() for path in sorted((tmp_path / "out").glob("*/report.html"))]
    assert len(pages) == 2
    assert sum("State of the ligand:</b> the best of 2 docked states of" in page for page in pages) == 1
    assert sum("State of the ligand:</b> one of 2 docked states of" in page for page in pages) == 1
