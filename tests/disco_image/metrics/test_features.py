"""The feature network is trained once for each set of images and settings, and kept in the user's cache."""

from __future__ import annotations

import torch

from disco_dock.runtime.checkpoint import load_weights
from disco_image.metrics.features import cached_classifier, classifier_path


def test_kept_network_is_that_of_the_settings_and_images(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_DOCK_CACHE", str(tmp_path))
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(40) % 2
    paths = {
        classifier_path(images, labels, 2, steps=5),
        classifier_path(images, labels, 2, steps=6),
        classifier_path(images.flip(0), labels, 2, steps=5),
        classifier_path(images, 1 - labels, 2, steps=5),
    }
    assert len(paths) == 4 and all(path.is_relative_to(tmp_path) for path in paths)
    path = classifier_path(images, labels, 2, steps=5)
    first, _ = cached_classifier(path, images, labels, 2, steps=5)
    again, _ = cached_classifier(path, images, labels, 2, steps=5)
    assert load_weights(path)[1]["steps"] == 5
    assert torch.equal(first.features(images), again.features(images))
