"""Sampling: guidance, latents, switching, and independence of the batch size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disco_dock.latents.transformer import CodePrior, CodePriorConfig
from disco_dock.runtime.errors import CheckpointError, ConfigError, NumericsError
from disco_image.models.gaussian_prior import GaussianPrior, GaussianPriorConfig
from disco_image.models.latents import LatentConfig
from disco_image.processes.noise import ProcessConfig, rho_grid
from disco_image.sampling.generate import (
    SampleConfig,
    class_labels,
    correction_grids,
    draw_latents,
    generate,
    infer_latents,
)
from disco_image.sampling.grids import write_grid
from disco_image.sampling.guided import GuidanceSettings, latent_denoise, switched
from disco_image.sampling.solvers import SolverConfig, hybrid, hybrid_grids
from tests.support.images import LATENTS, model_config, models, randomised

FAST = SampleConfig(solver=SolverConfig(steps=3))
CODE = torch.eye(5)[torch.tensor([[0, 1, 2], [3, 4, 0]])]


def code_prior(classes=0):
    config = CodePriorConfig(codebook=LATENTS.codebook, num_classes=classes, width=16, layers=1, heads=2)
    return randomised(CodePrior(config)).eval()


def test_guidance_is_the_step_from_null_to_conditional():
    net = models(model_config()).denoiser
    x = torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        plain, null = latent_denoise(net, CODE)(x, 1.5), latent_denoise(net, CODE, keep=torch.zeros(2))(x, 1.5)
        guided = latent_denoise(net, CODE, guidance=GuidanceSettings(weight=2.0))(x, 1.5)
        assert torch.allclose(guided, plain + 2 * (plain - null), atol=1e-5)
        # the printed formula of the paper's appendix B, w D + (1 - w) D_null, is the same at its weight 1 + w
        assert torch.allclose(guided, 3 * plain + (1 - 3) * null, atol=1e-5)
        outside = GuidanceSettings(weight=2.0, sigma_min=2.0, sigma_max=3.0)
        assert torch.equal(latent_denoise(net, CODE, guidance=outside)(x, 1.5), plain)


def test_guidance_of_a_plain_model_is_an_error():
    net = models(model_config(latents=LatentConfig(kind="none"))).denoiser
    with pytest.raises(ConfigError, match="plain model"):
        latent_denoise(net, None, guidance=GuidanceSettings(weight=1.0))


@pytest.mark.parametrize("name", ["heun", "churn", "ancestral", "restart"])
@pytest.mark.parametrize("process", [ProcessConfig(), ProcessConfig(dimension=16)])
def test_batch_size_does_not_change_samples(name, process):
    net = models(model_config(process=process), code_prior())
    seeds = [5, 1, 9, 2, 7]
    config = replace(FAST, solver=SolverConfig(name=name, steps=4))
    latents = draw_latents(net, seeds, None)
    whole = generate(net, seeds, replace(config, batch_size=5), latents=latents)
    parts = generate(net, seeds, replace(config, batch_size=2), latents=latents)
    alone = generate(net, [9], config, latents=draw_latents(net, [9], None))
    assert torch.allclose(whole, parts, atol=1e-4) and torch.allclose(whole[2:3], alone, atol=1e-4)
    assert not torch.allclose(whole[0], whole[1], atol=1e-2)


def test_restart_of_pfgm_goes_back_by_noise_of_the_same_trajectory(monkeypatch):
    """With D = 0, |x| / sigma is a trajectory's own; fresh radii on the way back would make it another one."""
    from disco_image.sampling import generate as module

    process = ProcessConfig(dimension=4)
    net = models(model_config(process=process, latents=LatentConfig(kind="none")))
    seen: list = []

    def denoise(*args, **options):
        return lambda x, sigma: seen.append((sigma, x.flatten(1).norm(dim=1) / sigma)) or torch.zeros_like(x)

    monkeypatch.setattr(module, "latent_denoise", denoise)
    solver = SolverConfig(name="restart", steps=6, restarts=((3, 1, 0.2, 40.0),))
    generate(net, list(range(64)), SampleConfig(solver=solver))
    start, back = seen[0][1], next(ratio for sigma, ratio in seen[1:] if abs(sigma - 40.0) < 1e-6)
    assert float(torch.corrcoef(torch.stack([start, back]).log())[0, 1]) > 0.9


def test_switching_at_the_ends_gives_either_latent():
    net = models(model_config(), code_prior())
    first, second = CODE, CODE.roll(1, 0)
    seeds = [0, 1]
    with_first = generate(net, seeds, FAST, latents=first)
    with_second = generate(net, seeds, FAST, latents=second)
    assert torch.equal(generate(net, seeds, FAST, latents=first, switch=(second, 0.0)), with_first)
    assert torch.equal(generate(net, seeds, FAST, latents=first, switch=(second, float("inf"))), with_second)
    middle = generate(net, seeds, FAST, latents=first, switch=(second, 1.0))
    assert not torch.allclose(middle, with_first) and not torch.allclose(middle, with_second)
    pick = switched(lambda x, sigma: x, lambda x, sigma: -x, 1.0)
    assert float(pick(torch.ones(1), 1.5)) == 1 and float(pick(torch.ones(1), 1.0)) == -1


def test_null_latents_ignore_the_code():
    net = models(model_config(), code_prior())
    a = generate(net, [0, 1], FAST, latents=CODE, keep_latents=False)
    b = generate(net, [0, 1], FAST, latents=CODE.roll(1, 0), keep_latents=False)
    assert torch.equal(a, b)


def test_latents_are_functions_of_seed_and_class():
    net = models(model_config(num_classes=2), code_prior(2))
    labels = class_labels(net, [4, 7])
    assert labels.tolist() == [0, 1]
    both = draw_latents(net, [4, 7], labels)
    assert torch.equal(both[1:], draw_latents(net, [7], labels[1:])) and torch.equal(both.sum(-1), torch.ones(2, 3))
    greedy = draw_latents(net, list(range(10)), torch.zeros(10, dtype=torch.long), inverse_temperature=100.0)
    assert len(greedy.argmax(-1).unique(dim=0)) == 1
    with pytest.raises(ConfigError, match="class 5"):
        class_labels(net, [0], 5)


def test_continuous_latents_from_their_prior():
    latents = replace(LATENTS, kind="gaussian")
    prior = GaussianPrior(GaussianPriorConfig(tokens=3, dimension=6, width=16, layers=1, heads=2)).eval()
    prior.mean.fill_(3.0)
    prior.std.fill_(0.1)
    net = models(model_config(latents=latents), prior)
    drawn = draw_latents(net, list(range(200)), None)
    # with an output that starts as zero, the prior is the exact denoiser of a Gaussian of its mean and deviation
    assert drawn.shape == (200, 6)
    assert float(drawn.mean()) == pytest.approx(3.0, abs=0.02) and float(drawn.std()) == pytest.approx(0.1, rel=0.1)
    images = generate(net, [0, 1], FAST, latents=drawn[:2])
    assert images.shape == (2, 1, 8, 8)


def test_oracle_latents_follow_the_images():
    net = models(model_config())
    images = torch.randn(6, 1, 8, 8)
    a = infer_latents(net, images, None, range(6))
    assert torch.equal(a, infer_latents(net, images, None, range(6))) and torch.equal(a.sum(-1), torch.ones(6, 3))


def test_missing_prior_is_told():
    with pytest.raises(CheckpointError, match="--stage prior"):
        draw_latents(models(model_config()), [0], None)


def test_images_that_are_not_finite_are_told():
    net = models(model_config(latents=LatentConfig(kind="none")))
    with torch.no_grad():
        net.denoiser.network.outlet.bias.fill_(float("nan"))
    with pytest.raises(NumericsError, match="seeds 3 to 4"):
        generate(net, [3, 4], FAST)


def test_grid_has_every_image(tmp_path):
    from PIL import Image

    images = torch.linspace(-1, 1, 5).view(5, 1, 1, 1).expand(5, 1, 8, 8)
    write_grid(tmp_path / "grid.png", images, 3)
    greys = set(np.asarray(Image.open(tmp_path / "grid.png")).flatten().tolist())
    assert {0, 64, 191, 255} <= greys


def test_second_model_takes_over_below_its_level():
    """Above the switch the result depends on the latents' model alone, below on the plain one; evaluations add up."""
    first, second = models(model_config(), code_prior()), models(model_config(latents=LatentConfig(kind="none")))
    config = SampleConfig(solver=SolverConfig(steps=6), correct_below=1.0, correct_steps=9)
    high, low = correction_grids(config, first.config.process)
    assert high[-1] == low[0] == 1.0 and high[0] == 80.0 and low[-1] == 0.0
    seen: dict[int, list[float]] = {}
    for which in (first, second):
        levels = seen.setdefault(id(which), [])
        which.denoiser.register_forward_pre_hook(lambda _, args, levels=levels: levels.append(float(args[1][0])))
    both = generate(first, [0, 1], config, latents=CODE, correction=second)
    assert min(seen[id(first)]) == 1.0 and max(seen[id(second)]) == 1.0
    assert len(seen[id(first)]) == 2 * (len(high) - 1) and len(seen[id(second)]) == len(low) - 1
    other = generate(first, [0, 1], config, latents=CODE.roll(1, 0), correction=second)
    assert both.shape == (2, 1, 8, 8) and not torch.allclose(both, other)
    with pytest.raises(ConfigError, match="plain one"):
        generate(first, [0], config, latents=CODE[:1], correction=first)
    with pytest.raises(ConfigError, match="nothing to do"):
        generate(first, [0], replace(config, correct_below=90.0), latents=CODE[:1], correction=second)


def test_exact_denoisers_keep_the_moments_across_the_switch():
    stream = torch.Generator().manual_seed(0)
    grids = hybrid_grids(rho_grid(ProcessConfig(), 40).tolist(), rho_grid(ProcessConfig(), 600).tolist(), 2.0)

    def exact(x, sigma):
        return x * 0.25 / (0.25 + sigma**2)

    def noise():
        return torch.randn(20_000, 1, generator=stream, dtype=torch.float64)

    assert float(hybrid(exact, exact, noise() * 80, grids, noise).std()) == pytest.approx(0.5, rel=0.03)
