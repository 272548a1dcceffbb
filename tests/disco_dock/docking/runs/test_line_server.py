"""Requests of EasyDock, answered with a fake engine."""

from __future__ import annotations

import io
import json

import pytest
from rdkit import Chem

from disco_dock.docking.runs.line_server import INFO, LineServer
from tests.disco_dock.docking.fake_engine import fake_engine


@pytest.fixture
def ask():
    server = LineServer(lambda checkpoint, device: fake_engine())

    def call(command, payload=None, number=7):
        answers = io.StringIO()
        server.serve([json.dumps({"id": number, "command": command, "payload": payload or {}}), "\n"], answers)
        (line,) = answers.getvalue().splitlines()
        answer = json.loads(line)
        assert answer["id"] == number
        return answer["payload"]

    return call


def test_info_init_dock(ask, peptide):
    assert ask("info") == {"status": "ok", **INFO}
    assert ask("dock", {"a": "CCO"})["error"].startswith("there was no init")
    config = {"protein": str(peptide), "num_poses": 2, "steps": 2, "pocket_residues": ["A:3"], "minimize": "none"}
    searched = {**config, "minimize": "vina", "moves": 1, "scatter": 1, "search": "maps", "basins": 2, "apart": 1.0}
    assert ask("init", searched) == {"status": "ok"}
    assert ask("init", config) == {"status": "ok"}
    results = ask("dock", {"a": "CCOC(=O)C", "b": "C(", "c": "CCO"})["results"]
    assert results["b"]["docking_score"] is None and "SMILES" in results["b"]["error"]
    mol = Chem.MolFromMolBlock(results["a"]["mol_block"])
    assert Chem.MolToSmiles(mol) == "CCOC(C)=O" and mol.GetConformer().Is3D()
    assert results["a"]["raw_block"].count("$$$$") == 2
    assert f"{results['a']['docking_score']}" in results["a"]["raw_block"].split("$$$$")[0]


@pytest.mark.parametrize(
    ("command", "payload", "message"),
    [
        ("init", {"protein": "p.pdb", "poses": 3}, "unknown key poses"),
        ("init", {}, "the key protein is missing"),
        ("init", {"protein": "absent.pdb"}, "absent.pdb"),
        ("init", {"protein": "p.pdb", "num_poses": 0}, "at least 1"),
        ("init", {"protein": "p.pdb", "num_poses": "many"}, "of the wrong kind"),
        ("fly", {}, "there is no command 'fly'"),
    ],
)
def test_mistakes_are_sentences(ask, command, payload, message):
    answer = ask(command, payload)
    assert answer["status"] == "error" and message in answer["error"]


def test_a_line_that_is_no_request():
    server = LineServer(lambda checkpoint, device: fake_engine())
    assert "is a JSON object" in server.answer("{")["payload"]["error"]
    assert "is a JSON object" in server.answer("[]")["payload"]["error"]
