"""Batches are a function of the step, and augmentation says what it did."""

from __future__ import annotations

import torch

from disco_dock.runtime.prefetch import Prefetcher
from disco_image.data.augment import DRAWS, WIDTH, augment
from disco_image.data.batches import ImageBatches, RowRandom, to_pixels, to_unit
from tests.support.images import TwoTone


def batches(rows=None, workers=2, **options):
    return ImageBatches(TwoTone(), batch_size=8, seed=3, classes=True, workers=workers, rows=rows, **options)


def test_epoch_shows_every_image_once():
    made = batches()
    first = [index for step in range(3) for index in made.indices(step)]
    second = [index for step in range(3, 6) for index in made.indices(step)]
    assert sorted(first) == sorted(second) == list(range(24)) and first != second


def test_rows_of_two_processes_are_those_of_one():
    whole = batches(flip=True, augment_rate=0.5).make(4)
    parts = [batches(rows=range(rank, 8, 2), workers=1, flip=True, augment_rate=0.5).make(4) for rank in range(2)]
    for rank, part in enumerate(parts):
        assert torch.equal(part.images, whole.images[rank::2]) and torch.equal(part.index, whole.index[rank::2])
        assert torch.equal(part.labels, whole.labels[rank::2]) and torch.equal(part.augment, whole.augment[rank::2])


def test_any_step_can_be_asked_first():
    one = batches(flip=True)
    for step in range(5):
        one.make(step)
    assert torch.equal(one.make(5).images, batches(flip=True).make(5).images)


def test_prefetch_keeps_the_order_and_hands_errors_on():
    prefetch = Prefetcher(lambda step: 10 // (3 - step))
    assert [prefetch(step) for step in range(3)] == [3, 5, 10]
    try:
        prefetch(3)
    except ZeroDivisionError:
        pass
    else:
        raise AssertionError("the error of the maker was lost")
    prefetch.close()


def test_pixels_come_back():
    pixels = TwoTone().image(3)
    assert torch.equal(to_pixels(to_unit(pixels[None]))[0], torch.from_numpy(pixels))


def test_streams_of_rows_are_independent_of_the_batch():
    a, b = RowRandom(("x", 1), range(4)), RowRandom(("x", 1), [2])
    assert torch.equal(a.normal(5)[2:3], b.normal(5)) and not torch.equal(a.normal(5)[0], a.normal(5)[1])


def test_no_augmentation_is_the_image_and_a_zero_label():
    images, uniform = torch.rand(5, 1, 8, 8), torch.rand(5, DRAWS)
    same, label = augment(images, uniform, 0.0)
    assert torch.equal(same, images) and torch.equal(label, torch.zeros(5, WIDTH))


def test_flips_are_flips_and_labels_say_so():
    images = torch.rand(4, 1, 8, 8)
    uniform = torch.full((4, DRAWS), 0.9)
    uniform[1, 0] = uniform[3, 0] = uniform[2, 1] = uniform[3, 1] = 0.0
    moved, label = augment(images, uniform, 0.5)
    expected = torch.stack([images[0], images[1].flip(2), images[2].flip(1), images[3].flip(1, 2)])
    assert torch.allclose(moved, expected, atol=1e-5)
    assert label[:, :2].tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]] and float(label[:, 2:].abs().max()) == 0


def test_half_turn_is_a_rotation_label_of_minus_two():
    images, uniform = torch.rand(1, 1, 8, 8), torch.full((1, DRAWS), 0.9)
    uniform[0, 3], uniform[0, 7] = 0.0, 1.0  # rotate, by pi
    moved, label = augment(images, uniform, 0.5)
    assert torch.allclose(moved, images.flip(2, 3), atol=1e-3) and abs(float(label[0, 3]) + 2) < 1e-3
