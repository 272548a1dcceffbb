"""The marginal baseline and the kept labels of the encoder."""

from __future__ import annotations

import pytest
import torch

from disco_dock.graph.batch import collate
from disco_dock.training.kept_tensors import compute_kept
from disco_dock.training.prior.latent_labels import drawn_once, latent_labels
from disco_dock.training.prior.marginal import ELEMENTS, Marginal, batch_kinds, graph_kinds
from disco_dock.weights.networks import load_models
from tests.support.runs import score_run
from tests.support.shards import made_up_dataset


def graphs():
    return [made_up_dataset()[number].graph for number in range(3)]


def pointing_at(kind):
    """Latents that point at one of the nodes of a kind."""
    out = []
    for graph in graphs():
        found = (graph_kinds(graph) == kind).float()
        out.append((found / found.sum().clamp_min(1)).expand(2, -1))
    return out


def test_marginal_prefers_the_kind_that_is_pointed_at_and_is_normalised():
    oxygen = 7  # element 8, counted from hydrogen = 0
    marginal = Marginal.of(graphs(), pointing_at(oxygen))
    batch = collate(graphs())
    probability = marginal.log_probability(batch).exp()
    assert torch.allclose(probability.sum(-1), torch.ones(3, 2), atol=1e-5)
    assert float((probability * ~batch.node_mask.unsqueeze(1)).sum()) == 0.0
    chosen = batch_kinds(batch).gather(1, probability[:, 0].argmax(-1, keepdim=True))
    assert set(chosen.flatten().tolist()) == {oxygen}
    usage = marginal.usage()
    assert usage["used_kinds_0"] == pytest.approx(1.0, abs=1e-4) and usage["ligand_share_1"] == pytest.approx(1.0)


def test_residues_have_their_own_kinds():
    kinds = graph_kinds(graphs()[0])
    atoms = graphs()[0].num_atoms
    assert int(kinds[:atoms].max()) < ELEMENTS <= int(kinds[atoms:].min())


def test_labels_are_computed_once(tmp_path):
    models, dataset = load_models(score_run() / "checkpoint", with_encoder=True), made_up_dataset()
    first = latent_labels(models, dataset, tmp_path)
    times = [path.stat().st_mtime_ns for path in tmp_path.iterdir()]
    again = latent_labels(models, dataset, tmp_path)
    assert [path.stat().st_mtime_ns for path in tmp_path.iterdir()] == times
    assert all(torch.equal(first[k], again[k]) for k in range(3))
    assert first[1].shape == (2, dataset[1].graph.num_atoms + dataset[1].graph.num_residues)
    assert torch.equal(drawn_once(first[1], "made1", 0), drawn_once(first[1], "made1", 0))


def test_damaged_part_is_made_again_and_missing_complexes_are_left_out(tmp_path):
    dataset, calls = made_up_dataset(), []

    def compute(number):
        calls.append(number)
        return None if number == 1 else torch.full((2,), float(number))

    def kept():
        return compute_kept(dataset, [0, 1, 2], tmp_path, {"seed": 1}, compute, part_size=2)

    assert list(kept()) == [0, 2] and list(kept()) == [0, 2] and calls == [0, 1, 2]
    part = tmp_path / "part-0000.safetensors"
    part.write_bytes(part.read_bytes()[:20])
    assert float(kept()[2][0]) == 2.0 and calls == [0, 1, 2, 0, 1]
