"""The causal prior: a distribution, causal, and the same with its cache."""

from __future__ import annotations

import itertools

import pytest
import torch

from disco_dock.latents.autoregressive import log_probability, sample_codes
from disco_dock.latents.spaces import Codebook
from disco_dock.latents.transformer import CodePrior, CodePriorConfig


def prior(num_latents=3, vocab=4, classes=0):
    torch.manual_seed(0)
    config = CodePriorConfig(
        codebook=Codebook(num_latents=num_latents, vocab_size=vocab), num_classes=classes, width=16, layers=2, heads=2
    )
    model = CodePrior(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.requires_grad_(False)


def test_probabilities_of_all_codes_sum_to_one():
    model = prior()
    codes = torch.tensor(list(itertools.product(range(4), repeat=3)))
    probabilities = (-model.loss(codes)).exp()
    assert float(probabilities.sum()) == pytest.approx(1.0, abs=1e-9)
    assert float(probabilities.max() / probabilities.min()) > 5


@pytest.mark.parametrize("classes", [0, 3])
def test_cache_gives_the_teacher_forced_probabilities(classes):
    model = prior(classes=classes)
    codes = torch.randint(4, (6, 3))
    labels = torch.arange(6) % 3 if classes else None
    cached = log_probability(model.step_function(labels), codes)
    assert torch.allclose(cached, -model.loss(codes, labels), atol=1e-9)


def test_later_codes_do_not_change_earlier_logits():
    model = prior()
    a, b = torch.tensor([[1, 2, 3]]), torch.tensor([[1, 0, 0]])
    first, second = model(a), model(b)
    assert torch.equal(first[:, :2], second[:, :2]) and not torch.allclose(first[:, 2], second[:, 2])


def test_samples_have_the_models_frequencies():
    model = prior(num_latents=2, vocab=3)
    uniform = torch.rand(4000, 2, generator=torch.Generator().manual_seed(0))
    codes, log_p = sample_codes(model.step_function(), num_latents=2, uniform=uniform)
    assert torch.allclose(log_p, -model.loss(codes), atol=1e-6)
    every = torch.tensor(list(itertools.product(range(3), repeat=2)))
    expected = (-model.loss(every)).exp()
    found = torch.bincount(codes[:, 0] * 3 + codes[:, 1], minlength=9) / 4000
    assert torch.allclose(found.double(), expected, atol=0.03)


def test_class_changes_the_distribution_and_must_be_given():
    model, codes = prior(classes=2), torch.zeros(1, 3, dtype=torch.long)
    assert not torch.allclose(model.loss(codes, torch.tensor([0])), model.loss(codes, torch.tensor([1])))
    with pytest.raises(ValueError, match="class labels"):
        model(codes)


def test_single_latent_is_its_marginal():
    model = prior(num_latents=1)
    logits = model(torch.zeros(2, 1, dtype=torch.long))
    assert torch.equal(logits[0], logits[1])


def test_bad_sizes_are_told():
    with pytest.raises(ValueError, match="divisible"):
        CodePriorConfig(codebook=Codebook(num_latents=1, vocab_size=2), width=10, heads=4)
