"""A pose expert by itself, on top of the bundled checkpoint."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch

from disco_dock.cli.main import main
from disco_dock.runtime.errors import CheckpointError
from disco_dock.weights.config import CONFIG_FILE, read_config, write_config
from disco_dock.weights.networks import (
    bundled_checkpoint,
    checkpoint_sha256,
    extract_expert,
    load_models,
    save_part,
)
from tests.support.pose_expert import SMALL, small_expert
from tests.support.runs import score_run


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(bundled_checkpoint(), folder)
    write_config(folder, replace(read_config(folder), expert=SMALL, handover=2.5))
    save_part(folder, "expert", small_expert())
    return folder


def test_it_comes_back_with_the_bundled_networks(checkpoint, tmp_path, capsys):
    out = tmp_path / "alone"
    assert main(["weights", "extract-expert", str(checkpoint), str(out)]) == 0
    assert "predict --checkpoint" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == [CONFIG_FILE, "expert.safetensors"]
    found, whole = load_models(out), load_models(checkpoint)
    assert found.config == replace(whole.config, base="default") and found.config.handover == 2.5
    assert found.expert is not None and found.prior is not None and found.contacts is not None
    for part in ("score", "prior", "confidence", "contacts"):
        for ours, expected in zip(getattr(found, part).parameters(), getattr(whole, part).parameters(), strict=True):
            assert torch.equal(ours, expected)
    for ours, expected in zip(found.expert.parameters(), small_expert().parameters(), strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-6)
    assert checkpoint_sha256(out) == found.sha256 not in (whole.sha256, load_models(bundled_checkpoint()).sha256)


def test_what_cannot_be_extracted(checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match="has no pose expert"):
        extract_expert(score_run() / "checkpoint", tmp_path / "alone")
    save_part(checkpoint, "contacts", load_models(bundled_checkpoint()).score)
    with pytest.raises(CheckpointError, match="is not the bundled checkpoint's"):
        extract_expert(checkpoint, tmp_path / "alone")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base": "other"}, "base must be 'default' or empty"),
        ({"handover": 9.0}, "handover must be a translation noise that both networks know"),
        ({"handover": 0.05}, "above 0.1 and up to 7 Angstrom"),
        ({"expert": {"layers": 0}}, "layers must be at least 1"),
        ({"expert": {"depth": 1}}, "unknown key"),
    ],
)
def test_wrong_configurations(checkpoint, change, message):
    data = json.loads((checkpoint / CONFIG_FILE).read_text())
    (checkpoint / CONFIG_FILE).write_text(json.dumps({**data, **change}))
    with pytest.raises(CheckpointError, match=message):
        load_models(checkpoint)
