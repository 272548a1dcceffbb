"""Trunk: settings, what is computed once per receptor, cut-offs, and short cuts that must not change results."""

from __future__ import annotations

import pytest
import torch

from disco_dock.graph.batch import collate
from disco_dock.models.layers.irreps import Channels
from disco_dock.models.trunk import Conditioning, Trunk, TrunkConfig
from disco_dock.runtime.errors import ConfigError
from tests.support.graphs import random_graph, random_pose
from tests.support.small_models import LM_DIM, published_preset, randomised, small_models


@pytest.mark.parametrize(
    "changes",
    [
        {"scalars": 0},
        {"layers": 0},
        {"vectors": -1},
        {"lm_dim": -1},
        {"time_dim": -2},
        {"norm": "group"},
        {"dropout": 1.0},
    ],
)
def test_settings_out_of_range(changes: dict) -> None:
    with pytest.raises(ConfigError, match=f"trunk.{next(iter(changes))}"):
        TrunkConfig(**changes)


def test_published_widths() -> None:
    config = TrunkConfig()
    assert [config.channels(layer).width for layer in range(6)] == [24, 42, 60, 84, 84, 84]
    assert config.channels(2) == Channels(24, 6, 6, 0)
    assert TrunkConfig(trace_features=True).channels(0) == Channels(24, 6, 0, 0)


@pytest.mark.parametrize(("lm", "given"), [(LM_DIM, 0), (LM_DIM, 3)])
def test_language_model_features_of_the_wrong_size(lm: int, given: int) -> None:
    trunk = Trunk(published_preset().score.trunk)
    graph = random_graph(0, lm_dim=given)
    condition = Conditioning(t=torch.tensor([0.5]), sigma_tr=torch.ones(1))
    with pytest.raises(ConfigError, match=f"{lm} numbers per residue"):
        trunk(collate([graph]), random_pose(graph, 0)[None], condition)


@torch.no_grad()
def test_the_last_layer_may_skip_residues_that_nobody_reads() -> None:
    config = published_preset().score.trunk
    torch.manual_seed(0)
    lazy, thorough = Trunk(config), Trunk(config, reads_residues=True)
    thorough.load_state_dict(randomised(lazy, 0).state_dict())
    graph = random_graph(1, lm_dim=LM_DIM)
    condition = Conditioning(t=torch.tensor([0.5]), sigma_tr=torch.ones(1))
    arguments = (collate([graph]), random_pose(graph, 1)[None], condition)
    for ours, expected in zip(lazy(*arguments)[0], thorough.eval()(*arguments)[0], strict=True):
        torch.testing.assert_close(ours, expected)


@torch.no_grad()
@pytest.mark.parametrize("design", ["tiny", "published"])
def test_cutoff_grows_with_the_noise(design: str) -> None:
    """A residue beyond 20 A + 3 sigma does not reach the ligand, one within does."""
    config = small_models(design).score.trunk.config
    trunk = small_models(design).score.trunk
    graph = random_graph(1, residues=1, lm_dim=config.lm_dim)
    batch, pos = collate([graph]), graph.conformer[None] + torch.tensor([40.0, 0.0, 0.0])
    other = collate([type(graph)(**{**vars(graph), "rec_type": (graph.rec_type + 1) % 20})])

    def change(sigma: float) -> float:
        condition = Conditioning(t=torch.tensor([0.5]), sigma_tr=torch.tensor([sigma]))
        first, second = trunk(batch, pos, condition)[0], trunk(other, pos, condition)[0]
        return float((first.flat() - second.flat()).abs().max())

    assert change(1.0) == 0.0
    assert change(15.0) > 1e-6


@torch.no_grad()
@pytest.mark.parametrize("design", ["tiny", "compact"])
def test_receptor_state_ignores_the_pose(design: str) -> None:
    trunk = small_models(design).score.trunk
    graph = random_graph(1)
    state = trunk.receptor_state(collate([graph]))
    assert state.features is not None and state.features.even_scalars.shape[:2] == (1, graph.num_residues)
    same = trunk.receptor_state(collate([type(graph)(**{**vars(graph), "conformer": graph.conformer + 1})]))
    assert same.features is not None
    torch.testing.assert_close(state.features.flat(), same.features.flat())


def test_dropout_acts_in_training_only() -> None:
    config = TrunkConfig(scalars=4, vectors=2, pseudoscalars=4, layers=2, hidden=8, lm_dim=0, dropout=0.5)
    trunk, graph = Trunk(config), random_graph(1)
    condition = Conditioning(t=torch.tensor([0.5]), sigma_tr=torch.ones(1))
    arguments = (collate([graph]), random_pose(graph, 1)[None], condition)
    first, second = (trunk(*arguments)[0].flat() for _ in range(2))
    assert not torch.allclose(first, second)
    trunk.eval()
    torch.testing.assert_close(trunk(*arguments)[0].flat(), trunk(*arguments)[0].flat())
