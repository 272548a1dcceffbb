"""The script in the place of DockStream's docker.py, in the formats of DockStream's own code."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from disco_dock.api.dock_smiles import DockedSmiles
from disco_dock.docking.vina_box_file import read_box
from disco_dock.runtime.errors import InputError

SCRIPT = Path(__file__).parents[1] / "deploy" / "dockstream.py"


def posed(smiles, count):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMultipleConfs(mol, count, randomSeed=1)
    return [Chem.Mol(mol, confId=place) for place in range(count)]


@pytest.fixture
def docker(monkeypatch):
    """The script with a stand-in for docking, which keeps what it was asked; "bad" cannot be docked."""
    spec = importlib.util.spec_from_file_location("dockstream", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.asked = []

    def dock(smiles, protein, pocket, **settings):
        box = None if pocket is None or pocket.box is None else read_box(pocket.box)
        module.asked.append((smiles, protein, pocket, box, settings))
        if smiles == "bad":
            raise InputError("bad is no SMILES")
        mols = posed(smiles, settings["num_modes"])
        scores = [-8.5 + 0.5 * place for place in range(len(mols))]
        return DockedSmiles(scores[0], {"scores": scores, "result": SimpleNamespace(mols=mols)})

    monkeypatch.setattr(module, "dock_smiles", dock)
    return module


def config(folder, run, source):
    """A configuration with one pool and one run."""
    pool = {"pool_id": "pool", "type": "RDkit", "parameters": {"protocol": "UFF"}, "input": source}
    given = {"header": {}, "ligand_preparation": {"embedding_pools": [pool]}, "docking_runs": [run]}
    path = folder / "docking.json"
    path.write_text(json.dumps({"docking": given}))
    return path


def run_of(folder, backend="disco-dock", mode="all", **parameters):
    output = {
        "poses": {"poses_path": str(folder / "out" / "poses.sdf"), "overwrite": False, "mode": mode},
        "scores": {"scores_path": str(folder / "out" / "scores.csv"), "overwrite": False, "mode": mode},
    }
    return {"backend": backend, "run_id": "run", "input_pools": "pool", "parameters": parameters, "output": output}


def test_as_reinvent_calls_it(docker, tmp_path, capsys):
    run = run_of(tmp_path, protein="p.pdb", pocket={"center": [1, 2, 3]}, number_poses=2, settings={"seed": 5})
    conf = config(tmp_path, run, {"type": "console", "standardize_smiles": False})
    call = ["-conf", str(conf), "-output_prefix", "e0003_", "-smiles", '"CCO;bad;c1ccccc1"', "-print_scores", "-debug"]
    assert docker.main(call) == 0
    printed = capsys.readouterr()
    assert printed.out == "-8.5\nNA\n-8.5\n" and "bad is no SMILES" in printed.err
    smiles, protein, pocket, _, settings = docker.asked[0]
    assert (smiles, protein, pocket.center) == ("CCO", "p.pdb", [1, 2, 3])
    assert settings == {"num_poses": 10, "num_modes": 2, "seed": 5}
    with (tmp_path / "out" / "e0003_scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("ligand_number", "enumeration", "conformer_number", "name", "score", "smiles", "lowest_conformer")
    ]
    assert [row["name"] for row in rows] == ["0:0:0", "0:0:1", "2:0:0", "2:0:1"]
    assert [row["lowest_conformer"] for row in rows] == ["True", "False"] * 2
    poses = list(Chem.SDMolSupplier(str(tmp_path / "out" / "e0003_poses.sdf")))
    assert [pose.GetProp("_Name") for pose in poses] == [row["name"] for row in rows]
    assert [pose.GetProp("SCORE") for pose in poses] == [row["score"] for row in rows]
    assert docker.main([*call[:-2], "-print_scores", "-print_all"]) == 0
    assert capsys.readouterr().out == "-8.5\n-8.0\nNA\n-8.5\n-8.0\n"


def test_a_run_for_autodock_vina_as_it_is(docker, tmp_path):
    box = {f"--center_{axis}": place for axis, place in zip("xyz", (3.3, 11.5, 24.8), strict=True)}
    box |= {f"--size_{axis}": 15 for axis in "xyz"}
    vina = {"receptor_pdbqt_path": ["r.pdbqt"], "search_space": box, "seed": 42, "number_poses": 2}
    vina |= {"binary_location": "/opt/vina", "parallelization": {"number_cores": 4}}
    table = tmp_path / "in.csv"
    table.write_text("id;smi\nfirst;CCO\n")
    source = {"type": "CSV", "input_path": str(table), "delimiter": ";", "columns": {"smiles": "smi", "names": "id"}}
    run = run_of(tmp_path, "AutoDockVina", "best_per_ligand", **vina)
    run["output"]["scores"]["overwrite"] = True
    for _ in range(2):
        assert docker.main(["-conf", str(config(tmp_path, run, source))]) == 0
    _, protein, _, found, settings = docker.asked[0]
    assert protein == "r.pdbqt" and found.center.tolist() == [3.3, 11.5, 24.8] and found.size.tolist() == [15] * 3
    assert settings == {"num_poses": 10, "num_modes": 2, "seed": 42}
    assert len(Chem.SDMolSupplier(str(tmp_path / "out" / "poses.sdf"))) == 1
    assert (tmp_path / "out" / "scores.csv").read_text().splitlines()[1] == "0,0,0,first,-8.5,CCO,True"
    assert (tmp_path / "out" / "0001_scores.csv").exists()


@pytest.mark.parametrize(
    ("backend", "parameters", "source", "words"),
    [
        ("Glide", {}, {}, "the backend Glide is not taken"),
        ("disco-dock", {}, {}, "it has no 'protein'"),
        ("disco-dock", {"protein": "p.pdb", "pocket": {"centre": 1}}, {}, "centre"),
        ("disco-dock", {"protein": "p.pdb"}, {"type": "SDF"}, "type SDF is not read"),
        ("disco-dock", {"protein": "p.pdb"}, {"type": "SMI", "input_path": "absent.smi"}, "absent.smi"),
    ],
)
def test_what_is_wrong_is_a_sentence(docker, tmp_path, capsys, backend, parameters, source, words):
    conf = config(tmp_path, run_of(tmp_path, backend, **parameters), source)
    assert docker.main(["-conf", str(conf), "-smiles", "CCO", "-print_scores"]) == 1
    printed = capsys.readouterr()
    assert words in printed.err and printed.err.count("\n") == 1 and not printed.out
