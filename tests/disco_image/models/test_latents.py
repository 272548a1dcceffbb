"""The encoder: straight-through gradients, draws that follow its logits, divergence of continuous latents."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from disco_dock.runtime.errors import ConfigError
from disco_image.models.latents import LatentConfig, LatentEncoder, LatentTokens
from tests.support.images import LATENTS, randomised


def encoder(**changes):
    return LatentEncoder(replace(LATENTS, **changes), resolution=8, channels=1, num_classes=0)


def test_draws_are_one_hot_and_carry_the_relaxed_gradient():
    model = randomised(encoder())
    images, uniform = torch.randn(4, 1, 8, 8), torch.rand(4, 3, 5)
    logits = model(images)
    logits.retain_grad()
    drawn = model.infer(logits, uniform, temperature=0.7).latent
    assert torch.equal(drawn.detach().sum(-1), torch.ones(4, 3)) and set(drawn.detach().unique().tolist()) == {0.0, 1.0}
    weight = torch.randn(3, 5)
    (drawn * weight).sum().backward()
    relaxed = logits.detach().requires_grad_(True)
    soft = torch.softmax((relaxed - torch.log(-torch.log(uniform + 1e-20) + 1e-20)) / 0.7, -1)
    (soft * weight).sum().backward()
    assert logits.grad is not None and relaxed.grad is not None
    assert torch.allclose(logits.grad, relaxed.grad, atol=1e-6) and float(logits.grad.abs().max()) > 0
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_relaxed_codes_are_for_training_only():
    model = randomised(encoder(gumbel="relaxed"))
    logits, uniform = model(torch.randn(2, 1, 8, 8)), torch.rand(2, 3, 5)
    soft = model.train().infer(logits, uniform, 1.0).latent
    hard = model.eval().infer(logits, uniform, 1.0).latent
    assert torch.allclose(soft.sum(-1), torch.ones(2, 3)) and float(soft.detach().max()) < 1
    assert torch.equal(hard.detach(), torch.eye(5)[soft.argmax(-1)])


def test_null_token_stands_beside_the_latents_at_all_times():
    tokens = randomised(LatentTokens(replace(LATENTS, null_token=True, num_latents=4, group_resolutions=(4, 8))))
    code = torch.eye(5)[torch.tensor([[0, 1, 2, 3]])]
    kept, dropped = tokens(code, torch.ones(1)), tokens(code, torch.zeros(1))
    assert [part.shape for part in kept] == [(1, 3, 16)] * 2 and not torch.allclose(kept[0], dropped[0])
    assert torch.equal(dropped[0], tokens(code.roll(1, -1), torch.zeros(1))[0])
    assert len(randomised(LatentTokens(LATENTS))(code[:, :3], torch.ones(1))[0][0]) == 3


def test_draws_follow_the_logits_at_every_temperature():
    model, stream = encoder(), torch.Generator().manual_seed(0)
    logits = torch.tensor([[[0.0, 1.0, -1.0, 0.5, 2.0]] * 3]).expand(6000, 3, 5)
    for temperature in (0.01, 1.0):
        drawn = model.infer(logits, torch.rand(6000, 3, 5, generator=stream), temperature).latent
        assert torch.allclose(drawn.mean((0, 1)), torch.softmax(logits[0, 0], 0), atol=0.02)


def test_each_latent_has_its_own_token():
    model = randomised(encoder()).eval()
    logits = model(torch.randn(1, 1, 8, 8))
    assert logits.shape == (1, 3, 5) and not torch.allclose(logits[0, 0], logits[0, 1])


def test_divergence_of_continuous_latents_is_torchs():
    model = randomised(encoder(kind="gaussian"))
    out = model(torch.randn(4, 1, 8, 8))
    inferred = model.infer(out, torch.zeros(4, 6), 1.0)
    q = torch.distributions.Normal(out[:, 0], out[:, 1].exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(inferred.kl, expected, rtol=1e-4) and torch.equal(inferred.latent, out[:, 0])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"vocab_size": 1}, "vocab_size"),
        ({"kind": "gaussian", "dimension": 7}, "divisible"),
        ({"group_resolutions": (4, 8)}, "groups"),
        ({"kl_weight": -1.0}, "kl_weight"),
    ],
)
def test_bad_settings_are_told(bad, message):
    with pytest.raises(ConfigError, match=message):
        replace(LATENTS, **bad)
    assert LatentConfig().num_latents == 10


def test_patch_must_divide_the_image():
    with pytest.raises(ConfigError, match="encoder_patch"):
        encoder(encoder_patch=3)
