"""Checkpoint folders: what is written comes back, and every damage is one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from disco_dock.diffusion.sampler_config import PUBLISHED_DISCO
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.graph.batch import collate
from disco_dock.latents.guidance import GuidanceConfig
from disco_dock.models.all_atom.confidence import AllAtomConfidenceConfig
from disco_dock.models.all_atom.edges import AllAtomConfig
from disco_dock.runtime.errors import CheckpointError
from disco_dock.weights import networks as build
from disco_dock.weights.config import CONFIG_FILE, PARTS, CheckpointConfig, read_config, write_config
from disco_dock.weights.networks import bundled_checkpoint, checkpoint_sha256, load_models, make_module, save_part
from tests.support.graphs import random_graph, random_pose
from tests.support.small_models import SmallModels, random_code, small_models


def config_of(models: SmallModels) -> CheckpointConfig:
    return CheckpointConfig(
        name="test",
        **{part: getattr(models, part).config for part in PARTS},
        sampler=PUBLISHED_DISCO,
        latent_inverse_temperature=0.5,
        guidance=GuidanceConfig(weight=0.7),
        training={"steps": 3, "data": ["a", "b"]},
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("checkpoint")
    models = small_models("published")
    for part in PARTS:
        save_part(directory, part, getattr(models, part))
    write_config(directory, config_of(models))
    return directory


@pytest.fixture
def folder(source: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in source.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def test_two_confidence_models_are_one_sentence(folder: Path) -> None:
    edit_config(folder, all_atom_confidence={"trunk": {"layers": 3}})
    with pytest.raises(CheckpointError, match="either confidence or all_atom_confidence"):
        read_config(folder)


def test_lm_dim_is_that_of_any_network() -> None:
    config = config_of(small_models("tiny"))
    judge = AllAtomConfidenceConfig(trunk=AllAtomConfig(lm_dim=7))
    assert (config.lm_dim, config.atom_graph) == (0, None)
    assert replace(config, confidence=None, all_atom_confidence=judge).lm_dim == 7


def edit_config(folder: Path, **changes) -> None:
    data = json.loads((folder / CONFIG_FILE).read_text())
    (folder / CONFIG_FILE).write_text(json.dumps({**data, **changes}))


@pytest.mark.parametrize("design", ["tiny", "published"])
@torch.no_grad()
def test_round_trip(design: str, tmp_path: Path) -> None:
    models = small_models(design)
    config = config_of(models)
    for part in PARTS:
        save_part(tmp_path, part, getattr(models, part))
    write_config(tmp_path, config)
    loaded = load_models(tmp_path, with_encoder=True)
    assert loaded.config == config
    assert (loaded.directory, loaded.device) == (tmp_path, torch.device("cpu"))
    graph = random_graph(0, lm_dim=config.score.lm_dim)
    batch, pos = collate([graph]), random_pose(graph, 0)[None]
    code, t = random_code(batch, 0), torch.tensor([0.5])
    assert loaded.encoder is not None and loaded.prior is not None and loaded.confidence is not None
    for ours, saved in zip(
        loaded.score(batch, pos, t, igso3_table(), code=code, null=torch.zeros(1)),
        models.score(batch, pos, t, igso3_table(), code=code, null=torch.zeros(1)),
        strict=True,
    ):
        torch.testing.assert_close(ours, saved, rtol=1e-4, atol=1e-6)  # other kernels where no gradient is needed
    torch.testing.assert_close(loaded.encoder(batch, pos), models.encoder(batch, pos), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(
        loaded.prior(batch, pos, code, 0), models.prior(batch, pos, code, 0), rtol=1e-4, atol=1e-6
    )
    torch.testing.assert_close(loaded.confidence(batch, pos), models.confidence(batch, pos), rtol=1e-4, atol=1e-6)
    for part in PARTS:
        for name, value in getattr(models, part).state_dict().items():
            assert torch.equal(value, getattr(loaded, part).state_dict()[name]), name
    assert not loaded.score.training and not any(parameter.requires_grad for parameter in loaded.score.parameters())


def test_encoder_is_loaded_on_request_only(source: Path) -> None:
    assert load_models(source).encoder is None
    assert load_models(source, with_encoder=True).encoder is not None


def test_parts_without_configuration_are_absent(folder: Path) -> None:
    edit_config(folder, prior=None, confidence=None)
    for part in ("prior", "confidence"):
        (folder / f"{part}.safetensors").unlink()
    models = load_models(folder)
    assert (models.prior, models.confidence) == (None, None)
    assert make_module("prior", models.config) is None


@pytest.mark.parametrize("part", ["score", "prior", "confidence"])
def test_missing_weights(folder: Path, part: str) -> None:
    (folder / f"{part}.safetensors").unlink()
    with pytest.raises(CheckpointError, match=f"{part}.safetensors: no such checkpoint file"):
        load_models(folder)


def test_truncated_weights(folder: Path) -> None:
    path = folder / "score.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load_models(folder)


def test_weights_of_another_model(folder: Path) -> None:
    (folder / "score.safetensors").write_bytes((folder / "prior.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match="belongs to another model"):
        load_models(folder)


def test_weights_of_another_size(folder: Path) -> None:
    config = read_config(folder)
    trunk = replace(config.score.trunk, hidden=9)
    write_config(folder, replace(config, score=replace(config.score, trunk=trunk)))
    with pytest.raises(CheckpointError, match=r"has shape \(.*\), expected \("):
        load_models(folder)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"colour": 1}, "colour: unknown key"),
        ({"score": {"trunk": {"scalar": 3}}}, "did you mean 'scalars'"),
        ({"score": {"trunk": {"layers": 0}}}, "layers must be at least 1"),
        ({"score": {"trunk": {"norm": "group"}}}, "norm must be"),
        ({"score": {"trunk": {"layers": "five"}}}, "expected int"),
        ({"score": None}, "score"),
        ({"sampler": {"steps": 0}}, "steps must be at least 1"),
        ({"format": 99}, "not a checkpoint of format 1"),
        ({"name": 4}, "expected str"),
    ],
)
def test_damaged_configuration(folder: Path, changes: dict, expected: str) -> None:
    edit_config(folder, **changes)
    with pytest.raises(CheckpointError, match=expected) as caught:
        load_models(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", "\x00"])
def test_configuration_that_is_not_one(folder: Path, text: str) -> None:
    (folder / CONFIG_FILE).write_text(text)
    with pytest.raises(CheckpointError, match=CONFIG_FILE):
        load_models(folder)


def test_not_a_checkpoint_folder(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CheckpointError, match="has no config.json"):
            load_models(path)


def test_hash_follows_configuration_and_weights(folder: Path, source: Path) -> None:
    assert checkpoint_sha256(folder) == checkpoint_sha256(source) == load_models(folder).sha256
    (folder / "notes.txt").write_text("not part of it")
    assert checkpoint_sha256(folder) == checkpoint_sha256(source)
    edit_config(folder, name="other")
    renamed = checkpoint_sha256(folder)
    assert renamed != checkpoint_sha256(source)
    save_part(folder, "prior", small_models("published", seed=1).prior)
    assert checkpoint_sha256(folder) not in (renamed, checkpoint_sha256(source))


def test_bundled_checkpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Path) -> None:
    monkeypatch.setattr(build.resources, "files", lambda package: tmp_path)
    with pytest.raises(CheckpointError, match="--checkpoint"):
        bundled_checkpoint()
    directory = tmp_path / "checkpoints" / "default"
    directory.mkdir(parents=True)
    (directory / CONFIG_FILE).write_bytes((source / CONFIG_FILE).read_bytes())
    assert bundled_checkpoint() == directory
