"""Augmentation: EDM's probabilities and labels, exact flips, and a resampling that keeps detail."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from disco_image.data.augment import DRAWS, WIDTH, augment
from disco_image.data.warp import SYM6, warp

LEFT_ALONE = 0.9


def draws(rows, **changed):
    """Uniform numbers that apply nothing at probability 0.12 but what is named."""
    places = {"x": 0, "y": 1, "y_gate": 2, "scale": 3, "turn": 4, "stretch": 5, "move": 6, "angle": 8, "along": 11}
    uniform = torch.full((rows, DRAWS), LEFT_ALONE)
    for name, value in changed.items():
        uniform[:, places[name]] = value
    return uniform


def test_no_augmentation_is_the_image_and_a_zero_label():
    images, uniform = torch.rand(5, 1, 8, 8), torch.rand(5, DRAWS)
    same, label = augment(images, uniform, 0.0)
    assert torch.equal(same, images) and torch.equal(label, torch.zeros(5, WIDTH))


def test_flips_are_exact_and_labels_say_so():
    images = torch.rand(2, 1, 8, 8)
    for changed, axes, said in (({"x": 0.1}, [3], [1, 0]), ({"x": 0.1, "y": 0.1, "y_gate": 0.0}, [2, 3], [1, 1])):
        moved, label = augment(images, draws(2, **changed), 0.12)
        assert torch.equal(moved, images.flip(axes)) and label[0, :2].tolist() == said
        assert float(label[:, 2:].abs().max()) == 0


def test_half_turn_is_a_rotation_label_of_minus_two():
    images = (torch.linspace(-1, 1, 16)[:, None] + torch.linspace(0, 3, 16).sin()).view(1, 1, 16, 16)
    moved, label = augment(images, draws(1, turn=0.0, angle=1.0), 0.12)
    assert torch.allclose(moved, images.flip(2, 3), atol=0.06) and abs(float(label[0, 3]) + 2) < 1e-3


def test_changes_are_as_frequent_as_published():
    """EDM with p = 0.12: x-flip 1/2, y-flip 0.06, the others 0.12; labels of moves have unit variance."""
    count = 40_000
    uniform = torch.rand(count, DRAWS, generator=torch.Generator().manual_seed(0))
    _, label = augment(torch.zeros(count, 1, 2, 2), uniform, 0.12)
    share = (label != 0).double().mean(0).tolist()
    assert share[0] == pytest.approx(0.5, abs=0.01) and share[1] == pytest.approx(0.06, abs=0.005)
    assert [share[place] for place in (2, 3, 5, 7, 8)] == pytest.approx([0.12] * 5, abs=0.006)
    assert share[6] == pytest.approx(0.06, abs=0.005)  # half of the stretches are along x
    assert float(label[label[:, 7] != 0, 7].std()) == pytest.approx(1.0, abs=0.05)


def test_filter_is_an_orthonormal_symlet_of_six_moments():
    h = torch.tensor(SYM6, dtype=torch.float64)
    assert float(h.sum()) == pytest.approx(math.sqrt(2), abs=1e-9)
    for lag in range(6):
        product = float((h[: len(h) - 2 * lag] * h[2 * lag :]).sum())
        assert product == pytest.approx(1.0 if lag == 0 else 0.0, abs=1e-9)
    signs = (-1.0) ** torch.arange(len(h))
    moments = [float((signs * h * torch.arange(len(h), dtype=torch.float64) ** k).sum()) for k in range(6)]
    assert max(abs(m) for m in moments) < 1e-5


def test_identity_gives_the_image_back_and_whole_pixels_move_exactly():
    images = torch.rand(2, 3, 10, 12)
    eye = torch.eye(2).expand(2, 2, 2)
    assert torch.allclose(warp(images, eye, torch.zeros(2, 2)), images, atol=1e-5)
    moved = warp(images, eye, torch.tensor([[3.0, 0.0], [0.0, 2.0]]))
    assert torch.allclose(moved[0, :, :, :-3], images[0, :, :, 3:], atol=1e-5)
    assert torch.allclose(moved[1, :, :-2], images[1, :, 2:], atol=1e-5)
    assert torch.allclose(moved[0, :, :, -3:], images[0, :, :, -4:-1].flip(2), atol=1e-5)  # reflected


def test_map_and_label_agree_in_direction():
    image = torch.zeros(1, 1, 9, 9)
    image[0, 0, 4, 6] = 1.0  # two pixels right of the centre
    uniform = draws(1, turn=0.0, angle=0.75)  # by a quarter turn
    moved, label = augment(image, uniform, 0.12)
    row, column = divmod(int(moved[0, 0].argmax()), 9)
    assert float(label[0, 4]) == pytest.approx(1.0) and (row, column) == (2, 4)


def test_more_detail_is_kept_than_by_bilinear_sampling():
    stream = torch.Generator().manual_seed(0)
    images = torch.rand(64, 1, 32, 32, generator=stream)
    angle = 2 * math.pi * torch.rand(64, generator=stream)
    matrix = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(64, 2, 2)
    grid = F.affine_grid(torch.cat([matrix, torch.zeros(64, 2, 1)], 2), [64, 1, 32, 32], align_corners=False)
    plain = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

    def detail(x):
        return float((x - F.avg_pool2d(x, 3, 1, 1)).square().mean())

    assert detail(warp(images, matrix, torch.zeros(64, 2))) > 0.5 * detail(images)
    assert detail(warp(images, matrix, torch.zeros(64, 2))) > 1.3 * detail(plain)
