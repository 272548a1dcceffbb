"""The published all-atom confidence network, loaded through the converter: its graphs, logits and a training step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.graph.build import build_complex
from disco_dock.models.all_atom.confidence import AllAtomConfidence
from disco_dock.models.layers.irreps import Features
from disco_dock.training.score.step import pad_positions
from disco_dock.weights.published.all_atom import convert_all_atom
from tests.disco_dock.graph.test_build import PROTEINS
from tests.disco_dock.models.published_golden import NAMES, confidence, golden_batch, golden_graph, weights
from tests.disco_dock.models.test_golden import RELATIVE, relative_error
from tests.disco_dock.models.test_golden_training import gradient, without_dropout
from tests.support.golden import golden_path, load_golden
from tests.support.reference_convolution import to_e3nn

FILE = "weights_paper_confidence_model.npz"


@lru_cache(maxsize=1)
def network() -> AllAtomConfidence:
    return confidence()


@pytest.mark.parametrize("name", NAMES)
def test_preprocessing(name: str) -> None:
    """Atoms, their features and every one of their edges, in the published order."""
    folder = golden_path("inputs")
    receptor, ligand = read_receptor(folder / PROTEINS[name]), read_ligand(folder / f"{name}_ligand.sdf")
    expected = golden_graph(name, with_atoms=True).rec_atoms
    assert ligand.pos is not None and expected is not None
    ours = build_complex(receptor, ligand, ligand.pos, atom_graph=network().config.trunk.atom_graph).rec_atoms
    assert ours is not None
    torch.testing.assert_close(ours.features, expected.features)
    torch.testing.assert_close(ours.pos, expected.pos, rtol=0, atol=1e-4)
    torch.testing.assert_close(ours.residue, expected.residue)
    torch.testing.assert_close(ours.neighbour[ours.neighbour_mask], expected.neighbour[expected.neighbour_mask])
    torch.testing.assert_close(ours.neighbour_mask.sum(1), expected.neighbour_mask.sum(1))


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_logits(name: str) -> None:
    data, batch = load_golden(f"confidence_{name}.npz"), golden_batch(name, with_atoms=True)
    poses = torch.from_numpy(data["poses"])
    run = network().trunk.receptor_run(batch)
    together = network()(batch.expand(4), poses, run.repeat(4))
    assert relative_error(together, data["confidence_logits"]) < RELATIVE
    alone = network()(batch, poses[3:])
    assert relative_error(alone, data["confidence_logits_crystal_alone"]) < RELATIVE


@torch.no_grad()
def test_messages_to_the_ligand() -> None:
    data, batch = load_golden(f"confidence_{NAMES[0]}.npz"), golden_batch(NAMES[0], with_atoms=True)
    model = confidence()
    found: dict[int, Tensor] = {}
    for layer, part in enumerate(model.trunk.layers):
        names = ("ligand_ligand", "ligand_residue", "ligand_atom")
        for number, name in enumerate(names):

            def keep(module: nn.Module, _: object, out: Features, key: int = 9 * layer + number) -> None:
                found[key] = to_e3nn(out)

            part.norms[name].register_forward_hook(keep)
    model(batch, torch.from_numpy(data["poses"])[3:])
    compared = 0
    for key, value in found.items():
        if f"crystal.conv{key}.out" in data:
            assert relative_error(value, data[f"crystal.conv{key}.out"]) < RELATIVE, key
            compared += 1
    assert compared == 9


@pytest.mark.slow
def test_training_step() -> None:
    data, noise = load_golden("train_step_confidence.npz"), load_golden("train_step_disco.npz")
    batch, model = golden_batch(*NAMES, with_atoms=True), without_dropout(confidence())
    pos = pad_positions([torch.from_numpy(noise[f"{name}.pos"]).float() for name in NAMES], batch.num_atoms)
    logits = model(batch, pos)
    assert relative_error(logits.detach(), data["pred"]) < RELATIVE
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(data["y_binned"]))
    assert float(loss.detach()) == pytest.approx(float(data["loss"]), rel=RELATIVE)
    loss.backward()
    published = weights(FILE)
    marks = {name: torch.full_like(value, k, dtype=torch.float64) for k, (name, value) in enumerate(published.items())}
    layout = convert_all_atom(marks, model.config)
    squares = torch.zeros(len(marks), dtype=torch.float64)
    for name, parameter in model.named_parameters():
        squares.index_add_(0, layout[name].flatten().long(), gradient(parameter).flatten().double() ** 2)
    compared = 0
    for name, square in zip(marks, squares.tolist(), strict=True):
        theirs = data.get(f"gradnorm.{name}")
        if theirs is not None and np.isfinite(theirs):
            assert square**0.5 == pytest.approx(float(theirs), rel=RELATIVE, abs=1e-6), name
            compared += 1
    assert compared == 297
