"""Logits over nodes: padding, which channels are read, and batch statistics of real nodes alone."""

from __future__ import annotations

import pytest
import torch

from disco_dock.graph.batch import collate
from disco_dock.models.confidence import ConfidenceConfig
from disco_dock.models.layers.irreps import Channels, Features
from disco_dock.models.node_logits import MASKED, NodeLogits
from disco_dock.runtime.errors import ConfigError
from tests.support.graphs import random_graph

CHANNELS = Channels(6, 1, 1, 6)


def features(nodes: int) -> Features:
    return Features.from_flat(torch.randn(2, nodes, CHANNELS.width), CHANNELS)


@pytest.mark.parametrize("norm", [True, False])
def test_padded_nodes_are_masked_and_do_not_act(norm: bool) -> None:
    batch = collate([random_graph(0, 5, 7, torsions=1), random_graph(1, 8, 4)])
    network = NodeLogits(12, 5, 3, norm=norm)
    ligand, residue = features(8), features(7)
    logits = network(batch, ligand, residue)
    assert logits.shape == (2, 3, 15)
    mask = batch.node_mask.unsqueeze(1).expand_as(logits)
    assert bool((logits[~mask] == MASKED).all()) and bool((logits[mask].abs() < 1e3).all())
    dirty = ligand.map(lambda part: part.masked_fill(~batch.lig_mask.reshape(2, 8, *[1] * (part.ndim - 2)), 50.0))
    torch.testing.assert_close(network(batch, dirty, residue), logits)
    torch.softmax(logits, -1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_fewer_inputs_are_the_first_even_and_the_last_odd_scalars() -> None:
    """As in the published prior, whose heads were sized for fewer channels than the trunk has."""
    batch = collate([random_graph(0, 5, 7, torsions=1), random_graph(1, 5, 7, torsions=1)])
    network = NodeLogits(4, 5, 1, norm=False)
    ligand, residue = features(5), features(7)
    before = network(batch, ligand, residue)
    even, odd = ligand.even_scalars.clone(), ligand.odd_scalars.clone()
    even[..., 2:] += 1
    odd[..., :-2] += 1
    torch.testing.assert_close(network(batch, ligand._replace(even_scalars=even, odd_scalars=odd), residue), before)
    even[..., 0] += 1
    changed = network(batch, ligand._replace(even_scalars=even), residue)
    assert float((changed - before)[..., :5].abs().max()) > 1e-3
    torch.testing.assert_close(changed[..., 5:], before[..., 5:])


@pytest.mark.parametrize("thresholds", [(), (2.0, -1.0)])
def test_confidence_thresholds_must_be_distances(thresholds: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="thresholds"):
        ConfidenceConfig(thresholds=thresholds)
