"""Docking from Python with a loaded checkpoint."""

from __future__ import annotations

import json

import pytest

import disco_dock
from disco_dock.docking.runs.run import Run
from disco_dock.docking.runs.self_test import write_peptide
from disco_dock.runtime.errors import ConfigError, InputError
from tests.disco_dock.docking.fake_engine import fake_engine

LIGAND = "CC(=O)Nc1ccc(O)cc1"


@pytest.fixture
def peptide(tmp_path):
    write_peptide(tmp_path / "p.pdb")
    return tmp_path / "p.pdb"


@pytest.fixture
def result(peptide):
    return disco_dock.Docker(fake_engine()).dock(peptide, LIGAND, num_poses=4, steps=2, trajectory=True)


def test_molecules_table_and_modes(result):
    pytest.importorskip("pandas")
    assert len(result) == len(result.mols) == len(result.table) == 4
    assert result.table["rank"].tolist() == [1, 2, 3, 4]
    assert result.table["confidence"].is_monotonic_decreasing
    assert sum(mode.poses for mode in result.modes) == 4
    assert float(result.mols[0].GetProp("confidence")) == result.table["confidence"][0]
    assert "4 poses" in repr(result)


def test_saved_folder_is_that_of_the_command_line(result, peptide, tmp_path):
    from disco_dock.docking.runs.inputs import jobs_of_ligands, ligand_reader
    from disco_dock.docking.settings import PredictSettings

    folder = result.save(tmp_path / "out")
    settings = PredictSettings(num_poses=4, steps=2, trajectory=True)
    found = jobs_of_ligands(peptide, LIGAND, ligand_reader(None, False))
    assert Run(fake_engine(), settings, folder).dock_single(found.single).status == "reused"
    assert json.loads((folder / "run.json").read_text())["settings"]["num_poses"] == 4


def test_view_in_a_notebook(result):
    html = result._repr_html_()
    assert html.startswith("<iframe") and "&lt;html" in html and "class=&quot;compact&quot;" in html
    assert 'sandbox="allow-scripts"' in html


def test_pandas_and_rdkit_types(result):
    pytest.importorskip("pandas")
    frame = result.to_pandas()
    assert frame["mol"].map(lambda mol: mol.GetProp("rank")).tolist() == ["1", "2", "3", "4"]
    assert "mol" not in result.table


def test_valid_poses_and_novelty(peptide):
    pytest.importorskip("posebusters")
    settings = {"num_poses": 2, "steps": 2, "valid_only": True, "valid_budget": 6}
    result = disco_dock.Docker(fake_engine()).dock(peptide, LIGAND, **settings)
    prediction = result.prediction
    assert 2 <= prediction.draws <= 6 and result.record["validity"]["draws"] == prediction.draws
    assert prediction.valid_poses == 2 or any("--valid-budget" in note for note in result.notes)
    assert result.novelty is None and any("no training index" in note for note in result.notes)


def test_wrong_settings_and_inputs(peptide):
    docker = disco_dock.Docker(fake_engine())
    with pytest.raises(TypeError, match="poses"):
        docker.dock(peptide, LIGAND, poses=3)
    with pytest.raises(ConfigError):
        docker.dock(peptide, LIGAND, num_poses=0)
    with pytest.raises(InputError):
        docker.dock("absent.pdb", LIGAND)
    with pytest.raises(ConfigError, match="no prior"):
        disco_dock.Docker(fake_engine(latents=False)).dock(peptide, LIGAND, modes=3)


def test_bundled_checkpoint_is_the_default():
    docker = disco_dock.Docker.from_pretrained(device="cpu")
    assert docker.engine.models.directory.name == "default"


def test_configurations_of_a_ligand(peptide):
    docker = disco_dock.Docker(fake_engine())
    found = docker.dock_isomers(peptide, "CC(F)Cl", 4, num_poses=1, steps=2)
    assert [one.record["name"] for one in found] == ["p_ligand_iso1", "p_ligand_iso2"]
    assert len(docker.dock_isomers(peptide, "CCO", 4, num_poses=1, steps=2)) == 1
    with pytest.raises(ConfigError, match="stereo isomers"):
        docker.dock_isomers(peptide, "CCO", 0)
