"""Toy experiments: densities, equal budgets, independence of seeds, and what a run leaves."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from disco_dock.runtime.errors import ConfigError
from disco_image.toy.__main__ import main
from disco_image.toy.densities import DENSITIES, density
from disco_image.toy.measure import draw_toy_latents, mode_coverage, sample_toy, sobol_normal
from disco_image.toy.networks import ToyModel, ToyModelConfig, width_for_budget
from disco_image.toy.run import MODELS
from disco_image.toy.training import ToyTrainConfig, train_toy

KINDS = ("plain", "disco", "disco-closed-form", "gaussian")
SHORT = ToyTrainConfig(steps=12, prior_steps=8, batch_size=32)


@pytest.mark.parametrize("name", DENSITIES)
def test_densities_are_seeded_centred_and_of_their_size(name):
    truth = density(name)
    points = truth.sample(4000, torch.Generator().manual_seed(0))
    assert torch.equal(points, truth.sample(4000, torch.Generator().manual_seed(0)))
    assert name == "uneven-ring" or float(points.mean(0).abs().max()) < 0.2
    assert 1 < float(points.std()) < 3 and points.shape == (4000, 2)


def test_ring_is_the_papers():
    truth = density("ring")
    points = truth.balanced(8000, torch.Generator().manual_seed(0))
    distance = torch.cdist(points, truth.centres).min(1).values
    assert float(distance.square().mean() / 2) == pytest.approx(0.04, rel=0.05)
    assert torch.allclose(truth.centres.norm(dim=1), torch.full((8,), 3.0))
    with pytest.raises(ConfigError, match="ring"):
        density("donut")


def test_checkerboard_has_empty_squares():
    points = density("checkerboard").sample(2000, torch.Generator().manual_seed(0)) / 1.5 + 2
    cells = points.floor().long().clamp(0, 3)
    assert set(((cells[:, 0] + cells[:, 1]) % 2).tolist()) == {0}


@pytest.mark.parametrize("kind", KINDS)
def test_budgets_are_equal(kind):
    config = ToyModelConfig(kind=kind)
    model = ToyModel(config, [0], 1.0)
    assert 0.95 * config.budget < model.parameters_per_seed() <= config.budget + 2 * config.vocab_size
    assert model.width == width_for_budget(config)


@pytest.mark.parametrize("kind", KINDS)
def test_seed_does_not_depend_on_its_neighbours(kind):
    config, truth = ToyModelConfig(kind=kind, budget=1600), density("ring")
    both, alone = train_toy(config, SHORT, truth, [0, 7]), train_toy(config, SHORT, truth, [7])
    a = sample_toy(both, 1, 16, seed=3, steps=4).points[-1]
    # sigma_data is that of all points of a run, so that members of one run are comparable
    b = sample_toy(alone, 0, 16, seed=3, steps=4).points[-1]
    assert torch.allclose(a, b, atol=5e-2)


def test_cost_of_codes_is_zero_where_they_are_used_evenly():
    model = ToyModel(ToyModelConfig(kind="disco", vocab_size=4), [0], 1.0)
    assert model.encoder is not None
    points, random = torch.randn(1, 64, 2), torch.rand(1, 64, 4)
    with torch.no_grad():
        model.encoder.weights[-1].zero_()
    assert float(model.infer(points, random)[1].detach()) == pytest.approx(0.0, abs=1e-6)
    with torch.no_grad():
        model.encoder.biases[-1][..., 2] = 30.0
    code, cost = model.infer(points, random)
    assert code is not None and bool((code.argmax(-1) == 2).all())
    assert float(cost.detach()) == pytest.approx(math.log(4), abs=1e-4)


def test_encoder_learns_only_in_its_share_of_the_steps():
    truth, config = density("ring"), ToyModelConfig(kind="disco", budget=1600)

    def encoder(**changes):
        # without averaging, what is left is the last value; rate zero from the share's end on
        training = replace(SHORT, average=0.0, **changes)
        model = train_toy(config, training, truth, [0])
        assert model.encoder is not None
        return torch.cat([parameter.flatten() for parameter in model.encoder.parameters()])

    start = ToyModel(config, [0], 1.0).encoder
    assert start is not None
    first = torch.cat([parameter.flatten() for parameter in start.parameters()])
    assert torch.equal(encoder(encoder_rate=0.0), first)
    assert not torch.equal(encoder(), first)
    moved = [(encoder(encoder_rate=3.0, encoder_share=share) - first).norm() for share in (0.2, 1.0)]
    assert moved[0] < 0.5 * moved[1]


def test_uneven_modes_have_their_shares_in_every_part():
    truth = density("uneven-ring")
    for count in (480, 1920):
        points = truth.balanced(count, torch.Generator().manual_seed(0))
        found = torch.bincount(torch.cdist(points, truth.centres).argmin(1), minlength=8) / count
        assert torch.allclose(found, truth.shares(), atol=0.01)
    free = truth.sample(20_000, torch.Generator().manual_seed(0))
    assert float((torch.cdist(free, truth.centres).argmin(1) == 0).double().mean()) == pytest.approx(5 / 12, abs=0.02)


def test_paper_recipe_has_none_of_our_changes():
    paper, ours, training = MODELS["disco-paper"], MODELS["disco-ours"], ToyTrainConfig()
    assert ToyModelConfig(**paper.model).balance == 0 and not paper.training
    assert (training.encoder_rate, training.encoder_share) == (1.0, 1.0)
    assert ToyModelConfig(**ours.model).balance == 0.3 and set(ours.training) == {"encoder_rate", "encoder_share"}


def test_relaxed_codes_train_and_the_prior_has_hard_ones():
    config = ToyModelConfig(kind="disco", relaxed=True, temperature=0.5, budget=1600)
    model = train_toy(config, SHORT, density("ring"), [0])
    code, _ = model.infer(torch.randn(1, 5, 2), torch.rand(1, 5, 8))
    assert code is not None and torch.allclose(code.sum(-1), torch.ones(1, 5)) and 0 < float(code.max()) < 1
    assert float(model.frequencies.sum()) == pytest.approx(1.0)
    with pytest.raises(ConfigError, match="temperature"):
        ToyModelConfig(temperature=0.0)


def test_balanced_codes_are_in_proportion_to_the_prior():
    model = ToyModel(ToyModelConfig(kind="disco", vocab_size=4), [0], 1.0)
    model.frequencies.copy_(torch.tensor([[0.5, 0.25, 0.25, 0.0]]))
    codes = draw_toy_latents(model, 0, 400, 0, True)
    assert codes is not None and codes.sum((0, 1)).tolist() == pytest.approx([200, 100, 100, 0], abs=1)


def test_sobol_numbers_are_normal():
    numbers = sobol_normal(1024, 2, 0).numpy()
    assert np.allclose(numbers.mean(0), 0, atol=0.01) and np.allclose(numbers.std(0), 1, atol=0.02)


def test_coverage_counts_modes_and_strays():
    truth = density("ring")
    points = torch.cat([truth.centres[:4].repeat(10, 1), torch.zeros(10, 2)])
    coverage, strays = mode_coverage(points, truth)
    assert coverage == 0.5 and strays == pytest.approx(0.2)
    assert math.isnan(mode_coverage(points, density("spiral"))[0])


def test_closed_form_decoder_pulls_to_the_mode_of_its_code():
    model = ToyModel(ToyModelConfig(kind="disco-closed-form"), [0], 1.0)
    assert model.modes is not None
    code = torch.eye(8)[torch.tensor([2])][None]
    far = model.denoise(torch.full((1, 1, 2), 50.0), torch.full((1, 1, 1), 50.0), code)
    assert torch.allclose(far[0, 0], model.modes[0, 2], atol=0.01)


def test_run_leaves_table_numbers_and_plots(tmp_path, capsys):
    options = ["training.steps=10", "training.prior_steps=5", "training.batch_size=32", "points=64", "budget=1600"]
    argv = [
        "-o",
        str(tmp_path),
        "--seeds",
        "2",
        "--set",
        "first_seed=3",
        *(part for option in options for part in ("--set", option)),
    ]
    assert main([*argv, "--set", "models=[plain, disco-ours]"]) == 0
    table = capsys.readouterr().out
    assert "| plain |" in table and "±" in table and "true points" in table
    folder = tmp_path / "ring"
    results = json.loads((folder / "results.json").read_text())
    assert len(results["results"]["disco-ours"]) == 2 and results["floor"][1] < results["floor"][0]
    for name in ("trajectories", "curvature", "jacobian", "distance_by_evaluations"):
        assert (folder / f"{name}.png").stat().st_size > 5000


def test_bad_settings_are_one_line(capsys):
    assert main(["--distribution", "donut"]) == 1
    assert main(["--set", "points=100"]) == 1
    assert main(["--set", "trainng.steps=1"]) == 1
    err = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in err if line.startswith("python -m disco_image.toy:")]) == 3
