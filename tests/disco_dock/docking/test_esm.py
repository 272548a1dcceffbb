"""ESM-2 features through `transformers`, which is replaced by a small model of the same interface."""

from __future__ import annotations

import builtins
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from disco_dock.docking import language_model as esm
from disco_dock.runtime.errors import ConfigError

DIM = 320


def receptor(*chains: tuple[str, str]):
    names = [(chain, letter) for chain, sequence in chains for letter in sequence]
    return SimpleNamespace(
        restype=np.zeros(len(names)), chains=tuple(chain for chain, _ in names), sequence_by_chain=lambda: dict(chains)
    )


class Tokenizer:
    def __call__(self, text, return_tensors):
        assert return_tensors == "pt"
        return {"input_ids": torch.tensor([[0, *map(ord, text), 2]])}


class Model(torch.nn.Module):
    def forward(self, input_ids):
        return SimpleNamespace(last_hidden_state=input_ids[..., None].float().expand(-1, -1, DIM))


@pytest.fixture
def transformers(monkeypatch):
    esm._load_esm.cache_clear()
    module = ModuleType("transformers")
    module.AutoTokenizer = SimpleNamespace(from_pretrained=lambda name: Tokenizer())  # type: ignore[attr-defined]
    module.EsmModel = SimpleNamespace(from_pretrained=lambda name, add_pooling_layer: Model())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", module)
    yield module
    esm._load_esm.cache_clear()


def test_rows_follow_residues(transformers):
    features = esm.esm_features(receptor(("A", "GAV"), ("B", "KX")), DIM)
    assert features.shape == (5, DIM)
    assert features[:, 0].tolist() == [float(ord(letter)) for letter in "GAVKX"]


def test_long_chain_in_pieces(transformers, monkeypatch):
    monkeypatch.setattr(esm, "MAX_RESIDUES", 2)
    assert esm.esm_features(receptor(("A", "GAVKL")), DIM)[:, 7].tolist() == [float(ord(letter)) for letter in "GAVKL"]


def test_unknown_width():
    with pytest.raises(ConfigError, match="77"):
        esm.esm_features(receptor(("A", "G")), 77)


def test_weights_cannot_be_fetched(transformers):
    def fail(name):
        raise OSError("no connection\nmore")

    transformers.AutoTokenizer.from_pretrained = fail
    with pytest.raises(ConfigError, match=r"esm2_t6_8M.*no connection\).*--embeddings"):
        esm.esm_features(receptor(("A", "G")), DIM)


def test_not_installed(monkeypatch):
    esm._load_esm.cache_clear()
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "transformers":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"disco-dock\[esm\]"):
        esm.esm_features(receptor(("A", "G")), DIM)
