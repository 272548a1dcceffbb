"""A score for a SMILES."""

from __future__ import annotations

from disco_dock.api import dock_smiles as api
from disco_dock.docking.settings import PocketHint
from tests.disco_dock.docking.fake_engine import fake_engine


def test_score_and_details(peptide, monkeypatch):
    made = fake_engine()
    monkeypatch.setattr(api, "shared_engine", lambda checkpoint, device: made)
    score, details = api.dock_smiles("CCOC(=O)C", peptide, PocketHint(residues=("A:3",)), num_poses=3, steps=2)
    assert score == details["scores"][0] == details["result"].prediction.table[0]["vina_score"]
    assert details["ligand"].GetNumConformers() == 3 and details["affinities"] == details["scores"]
    first = details["result"].mols[0].GetConformer().GetPositions()
    assert (details["ligand"].GetConformer(0).GetPositions() == first).all()
