"""Docking from files with a checkpoint that holds a pose expert."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace

import pytest

from disco_dock.cli.main import main
from disco_dock.docking.runs.self_test import write_peptide
from disco_dock.weights.config import read_config, write_config
from disco_dock.weights.networks import bundled_checkpoint, save_part
from tests.support.pose_expert import SMALL, small_expert

LIGAND = "CC(=O)Nc1ccc(O)cc1"


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(bundled_checkpoint(), folder)
    config = read_config(folder)
    write_config(
        folder,
        replace(
            config, expert=SMALL, expert_sampler=replace(config.expert_sampler, steps=3), pose_judge=None,
            physics=replace(config.physics, rank_by="contacts"),
        ),
    )  # fmt: skip
    save_part(folder, "expert", small_expert())
    return folder


def predict(tmp_path, protein, *options):
    out = tmp_path / "out"
    fast = ("--num-poses", "2", "--steps", "4", "--minimize", "none", "--rank-by", "confidence", "--overwrite")
    command = ("predict", "--protein", str(protein), "--ligand", LIGAND, "-o", str(out), *fast, *options)
    return main(list(map(str, command))), out


def test_poses_of_the_expert(checkpoint, tmp_path):
    protein = tmp_path / "p.pdb"
    write_peptide(protein)
    status, out = predict(tmp_path, protein, "--checkpoint", checkpoint)
    assert status == 0
    with_expert = (out / "poses.sdf").read_text()
    record = json.loads((out / "run.json").read_text())
    assert record["checkpoint"]["directory"] == str(checkpoint)
    with (out / "results.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
    status, out = predict(tmp_path, protein)
    assert status == 0 and (out / "poses.sdf").read_text() != with_expert


def test_a_trace_of_c_alpha_atoms_is_one_sentence(checkpoint, tmp_path, capsys):
    protein = tmp_path / "p.pdb"
    write_peptide(protein)
    lines = [line for line in protein.read_text().splitlines() if line[12:16].strip() == "CA" or line == "END"]
    protein.write_text("\n".join(lines) + "\n")
    status, _ = predict(tmp_path, protein, "--checkpoint", checkpoint)
    assert status != 0
    assert "the pose expert of this checkpoint reads all heavy atoms" in capsys.readouterr().err
