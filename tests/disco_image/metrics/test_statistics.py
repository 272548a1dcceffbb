"""Statistics a part at a time are those of the whole; reference files are EDM's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from disco_dock.runtime.errors import InputError
from disco_image.metrics.distances import frechet_distance, moments
from disco_image.metrics.statistics import FeatureSums, compare, read_reference, set_statistics, write_reference


def features(images):
    return images.flatten(1)[:, :6]


def data(count, seed=0):
    return torch.randn(count, 1, 4, 4, generator=torch.Generator().manual_seed(seed))


def test_parts_give_the_moments_of_the_whole():
    images = 5 + data(700)
    counted = []
    found = set_statistics(features, 700, lambda rows: images[rows], counted.append)
    expected = moments(features(images))
    assert torch.allclose(found.moments.mean, expected.mean, rtol=1e-10)
    assert torch.allclose(found.moments.covariance, expected.covariance, atol=1e-9)
    assert sum(counted) == found.count == len(found.kept) == 700
    assert torch.equal(found.kept, features(images))
    assert found.halves is not None and 0 < frechet_distance(*found.halves) < 0.2


def test_what_is_kept_of_a_set_sorted_by_class_is_a_sample_of_it(monkeypatch):
    from disco_image.metrics import statistics
    from disco_image.metrics.samples import image_order

    monkeypatch.setattr(statistics, "MANIFOLD", 200)
    kinds = torch.arange(10).repeat_interleave(200)  # 2,000 images, class after class
    images = data(2000) + 5.0 * kinds[:, None, None, None]
    found = set_statistics(features, 2000, lambda rows: images[rows])
    assert len(found.kept) == 200 and found.halves is not None
    classes = (found.kept.mean(1) / 5).round().long()
    assert torch.bincount(classes, minlength=10).min() >= 8  # the first 200 rows would be one class
    assert frechet_distance(*found.halves) < 50  # of the first and the second half, 3,750
    order = image_order(2000, 200)
    assert len(set(order)) == 200 and torch.bincount(kinds[order], minlength=10).min() >= 8
    assert sorted(image_order(50, 100)) == sorted(list(range(50)) * 2)


def test_two_processes_see_what_one_sees(monkeypatch):
    """The chunks of both ranks, joined as all_gather joins them, are those of one process."""
    from disco_dock.runtime.distributed import Processes
    from disco_image.metrics import statistics

    images = data(1000)
    whole = set_statistics(features, 1000, lambda rows: images[rows])
    seen: dict[int, list] = {0: [], 1: []}
    for turn in range(2):  # the first turn records what each rank hands over, the second joins both
        results = []
        for rank in range(2):
            calls = iter(range(100))
            monkeypatch.setattr(statistics, "processes", lambda rank=rank: Processes(rank, 2))

            def gather(items, rank=rank, calls=calls, turn=turn):
                place = next(calls)
                if turn == 0:
                    seen[rank].append(list(items))
                    return list(items)
                return seen[0][place] + seen[1][place]

            monkeypatch.setattr(statistics, "gathered", gather)
            results.append(set_statistics(features, 1000, lambda rows: images[rows]))
    for found in results:
        assert found.count == 1000 and torch.equal(found.kept, whole.kept)
        assert torch.allclose(found.moments.covariance, whole.moments.covariance, atol=1e-12)


def test_references_are_written_and_read_in_edms_layout(tmp_path):
    real, made = set_statistics(features, 300, lambda rows: data(300)[rows]), 2 + data(300, 1)
    ours = set_statistics(features, 300, lambda rows: made[rows])
    write_reference(tmp_path / "r.npz", real.moments)
    with np.load(tmp_path / "r.npz") as found:
        assert set(found) == {"mu", "sigma"} and found["sigma"].shape == (6, 6)
    again = read_reference(tmp_path / "r.npz", 6)
    by_file, by_images = compare(again, ours, "FID"), compare(real, ours, "FID")
    assert by_file == {"FID": pytest.approx(by_images["FID"])} and by_images["FID"] > 20
    assert {"kernel_distance", "precision", "recall"} < set(by_images)
    with pytest.raises(InputError, match="2048 numbers"):
        read_reference(tmp_path / "r.npz", 2048)
    np.savez(tmp_path / "p.npz", mu=np.array([{}], dtype=object), sigma=np.eye(1))
    (tmp_path / "x.npz").write_bytes(b"PK")
    for name in ("p", "x"):
        with pytest.raises(InputError, match="not a reference"):
            read_reference(tmp_path / f"{name}.npz", 6)
    with pytest.raises(InputError, match="no such file"):
        read_reference(tmp_path / "absent.npz", 6)


def test_one_image_has_no_moments():
    sums = FeatureSums()
    sums.add(torch.ones(1, 3))
    with pytest.raises(InputError, match="at least 2"):
        sums.moments()
