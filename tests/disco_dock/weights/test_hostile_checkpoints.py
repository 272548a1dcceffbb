"""Checkpoint folders with settings and headers that claim what is not there."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from disco_dock.runtime.errors import CheckpointError
from disco_dock.weights.config import read_config
from disco_dock.weights.networks import load_models
from tests.fuzz.tensors import checkpoint_files


@pytest.fixture
def folder(tmp_path):
    for name, data in checkpoint_files().items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def change(folder, part, name, value):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config[part]["trunk"][name] = value
    path.write_text(json.dumps(config))


def refusal(folder):
    with pytest.raises(CheckpointError) as caught:
        load_models(folder, with_encoder=True)
    return str(caught.value)


def test_the_sound_checkpoint_is_loaded(folder):
    assert load_models(folder, with_encoder=True).prior is not None


@pytest.mark.parametrize(
    ("name", "value"), [("layers", 10**6), ("scalars", 10**9), ("lm_dim", 2**63), ("hidden", 10**30)]
)
def test_sizes_that_no_network_has(folder, name, value):
    change(folder, "score", name, value)
    message = refusal(folder)
    assert f"score.trunk.{name} is 1" in message or f"score.trunk.{name} is 9" in message


@pytest.mark.parametrize(("name", "value"), [("scalars", 16_000), ("layers", 64), ("hidden", 16_000), ("time_dim", 2)])
def test_large_sizes_are_compared_with_the_weights_before_they_are_allocated(folder, name, value):
    change(folder, "prior", name, value)
    assert "prior" in refusal(folder)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"format": NaN}', '{"format": 1, "name": ' + "9" * 5000 + "}", '{"format": 1}', "[]", "\x00"],
)
def test_settings_that_are_none(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        read_config(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400])
def test_numbers_that_are_not_finite(folder, value):
    change(folder, "score", "ligand_radius", value)
    refusal(folder)


def test_weights_of_another_kind_of_number(folder):
    tensors = load_file(folder / "prior.safetensors")
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name] = tensors[name].to(torch.int64)
    header = {"disco": json.dumps({"format": 1, "part": "prior"})}
    save_file(tensors, folder / "prior.safetensors", metadata=header)
    assert "holds torch.int64" in refusal(folder)


def test_weights_larger_than_any(folder):
    with (folder / "score.safetensors").open("r+b") as file:
        file.truncate(1 << 40)
    assert "larger than 4096 MiB" in refusal(folder)
