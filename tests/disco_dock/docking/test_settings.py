"""Checks of settings and pocket hints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from disco_dock.docking.settings import PocketHint, PredictSettings
from disco_dock.runtime.errors import ConfigError


@pytest.mark.parametrize(
    "values",
    [
        {"num_poses": 0},
        {"steps": 0},
        {"seed": -1},
        {"seed": 2**63},
        {"batch_size": 0},
        {"latent_temperature": -0.1},
        {"latent_temperature": float("nan")},
        {"guidance_weight": float("inf")},
        {"guidance_interval": (0.5, 0.5)},
        {"guidance_interval": (-0.1, 0.5)},
        {"guidance_interval": (0.1, 1.5)},
        {"chains": ("A", "")},
        {"chains_within": 5.0},  # without a pocket
        {"chains_within": 0.0, "pocket": PocketHint(center=(0.0, 0.0, 0.0))},
    ],
)
def test_bad_settings_are_refused_in_one_sentence(values):
    with pytest.raises(ConfigError) as caught:
        PredictSettings(**values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"center": (0.0, 0.0, 0.0), "residues": ("A:1",)},
        {"center": (0.0, float("nan"), 0.0)},
        {"center": (0.0, 0.0, 0.0), "radius": 0.0},
        {"residues": ("A:1",), "radius": float("inf")},
    ],
)
def test_bad_pocket_hints_are_refused(values):
    with pytest.raises(ConfigError):
        PocketHint(**values)


def test_latent_temperature_is_inverted():
    assert PredictSettings().latent_inverse_temperature is None
    assert PredictSettings(latent_temperature=0.5).latent_inverse_temperature == 2.0
    zero = PredictSettings(latent_temperature=0.0).latent_inverse_temperature
    assert zero is not None and 100 <= zero < float("inf")


def test_settings_are_json_ready_and_batch_size_changes_no_result():
    settings = PredictSettings(pocket=PocketHint(ligand=Path("ref.sdf")), chains=("A",), embeddings=Path("e.npy"))
    assert json.loads(json.dumps(settings.as_dict()))["pocket"]["ligand"] == "ref.sdf"
    assert "batch_size" not in settings.result_dict()
    assert PredictSettings(batch_size=1).result_dict() == PredictSettings(batch_size=7).result_dict()
    assert PredictSettings(steps=10).result_dict() != PredictSettings().result_dict()
