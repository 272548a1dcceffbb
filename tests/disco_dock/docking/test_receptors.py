"""Receptors read once, and chains left out when asked."""

from __future__ import annotations

import pytest

from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.structures import structure_files
from disco_dock.docking import receptors as receptor_store
from disco_dock.docking.receptors import ReceptorStore, prepare_receptor
from disco_dock.docking.settings import PocketHint, PredictSettings
from disco_dock.runtime.errors import InputError
from tests.support.structures import chain, pdb_text


@pytest.fixture
def protein(tmp_path):
    path = tmp_path / "p.pdb"
    path.write_text(pdb_text(chain(["GLY", "ALA", "SER"]) + chain(["LEU", "LYS"], "B", offset=50.0)))
    return path


def test_far_chains_stay_unless_asked(protein):
    pocket = PocketHint(residues=("A:2",))
    every = prepare_receptor(protein, PredictSettings(pocket=pocket), 0)
    near = prepare_receptor(protein, PredictSettings(pocket=pocket, chains_within=12.0), 0)
    assert set(every.receptor.chains) == {"A", "B"} and set(near.receptor.chains) == {"A"}
    assert any("chain B is farther than 12 Angstrom" in note for note in near.receptor.notes)
    assert every.pocket is not None and near.pocket is not None
    assert (every.pocket.center == near.pocket.center).all()


def test_no_chain_near_enough(protein):
    settings = PredictSettings(pocket=PocketHint(center=(0.0, 20.0, 0.0)), chains_within=3.0)
    with pytest.raises(InputError, match="no chain is within 3 Angstrom"):
        prepare_receptor(protein, settings, 0)


def test_each_file_is_read_once_and_forgotten_after_its_last_use(protein, monkeypatch):
    reads = []
    original = receptor_store.read_receptor
    monkeypatch.setattr(
        receptor_store, "read_receptor", lambda path, **kwargs: reads.append(path) or original(path, **kwargs)
    )
    store = ReceptorStore(PredictSettings(), 0, [protein, protein])
    assert store.get(protein) is store.get(protein) and len(reads) == 1
    store.release(protein)
    store.get(protein)
    store.release(protein)
    assert len(reads) == 1
    store.get(protein)
    assert len(reads) == 2


def test_a_broken_file_fails_again_without_being_read_again(tmp_path, monkeypatch):
    path = tmp_path / "broken.pdb"
    path.write_text("nothing")
    store = ReceptorStore(PredictSettings(), 0, [path, path])
    messages = []
    for _ in range(2):
        with pytest.raises(InputError) as error:
            store.get(path)
        messages.append(str(error.value))
        path.unlink(missing_ok=True)
    assert messages[0] == messages[1]


def test_the_file_is_parsed_once(protein, monkeypatch):
    parsed = []

    def counted(path):
        parsed.append(path)
        return structure_files.read_structure(path)

    monkeypatch.setattr(receptor_store, "read_structure", counted)
    pocket = PocketHint(residues=("A:2",))
    near = prepare_receptor(protein, PredictSettings(pocket=pocket, chains_within=12.0), 0)
    assert parsed == [protein] and near.pocket is not None
    again = read_receptor(protein, keep_within=(near.pocket.center[None], 12.0))
    assert (near.receptor.notes, near.receptor.tally) == (again.notes, again.tally)
