"""Batches are a function of the step, and augmentation says what it did."""

from __future__ import annotations

import torch

from disco_dock.runtime.prefetch import Prefetcher
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
