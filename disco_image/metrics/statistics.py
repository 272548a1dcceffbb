"""Statistics of the features of many images, a part at a time, shared among processes; and EDM's reference files."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from disco_dock.runtime.distributed import gathered, processes
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.files import atomic_write
from disco_dock.runtime.random import generator
from disco_image.metrics.distances import (
    MANIFOLD,
    Moments,
    frechet_distance,
    kernel_distance,
    precision_recall,
)
from disco_image.metrics.features import Features, in_batches

CHUNK = 256
Load = Callable[[list[int]], Tensor]
"""Rows of a set -> images (rows, channels, height, width) in [-1, 1]."""


class FeatureSums:
    """Count, sum and sum of products of features, in float64, of which the moments follow."""

    def __init__(self) -> None:
        self.count, self._sum, self._products = 0, torch.zeros(0), torch.zeros(0)

    def add(self, features: Tensor) -> None:
        """Count (rows, width) features."""
        values = features.double()
        if not self.count:
            width = values.shape[1]
            self._sum, self._products = values.new_zeros(width), values.new_zeros(width, width)
        self.count += len(values)
        self._sum += values.sum(0)
        self._products += values.T @ values

    def together(self) -> FeatureSums:
        """The sums over all processes, in the order of their ranks."""
        first, *others = gathered([self])
        for other in others:
            first = first + other
        return first

    def __add__(self, other: FeatureSums) -> FeatureSums:
        if not (self.count and other.count):
            return self if self.count else other
        out = FeatureSums()
        out.count = self.count + other.count
        out._sum, out._products = self._sum + other._sum, self._products + other._products
        return out

    def moments(self) -> Moments:
        """Mean and unbiased covariance.

        Raises:
            InputError: fewer than two samples.
        """
        if self.count < 2:
            raise InputError(f"a Frechet distance needs at least 2 samples, got {self.count}")
        mean = self._sum / self.count
        return Moments(mean, (self._products - self.count * torch.outer(mean, mean)) / (self.count - 1))


@dataclass(frozen=True)
class SetStatistics:
    """What is known of a set of images.

    Attributes:
        count: of the images.
        moments: of their features.
        halves: moments of two random halves; None for a set of fewer than four.
        kept: (at most 10,000, features) of random images.
    """

    count: int
    moments: Moments
    halves: tuple[Moments, Moments] | None
    kept: Tensor


def set_statistics(
    features: Features, count: int, load: Load, advance: Callable[[int], None] = lambda count: None
) -> SetStatistics:
    """Statistics of a set; images are loaded 256 at a time and forgotten.

    Args:
        features: of images.
        count: of the set.
        load: gives the images of some rows.
        advance: called with the number of images that were measured.
    """
    group = processes()
    order = torch.randperm(count, generator=generator("statistics", count))
    keep, first_half = torch.zeros(count, dtype=torch.bool), torch.zeros(count, dtype=torch.bool)
    keep[order[:MANIFOLD]] = True
    first_half[order[: count // 2]] = True
    sums, kept = (FeatureSums(), FeatureSums()), []
    for begin in group.share(range(0, count, CHUNK)):
        rows = list(range(begin, min(begin + CHUNK, count)))
        found = in_batches(features, load(rows))
        place = torch.tensor(rows)
        for half, chosen in zip(sums, (first_half[place], ~first_half[place]), strict=True):
            if bool(chosen.any()):
                half.add(found[chosen])
        kept.append((begin, found[keep[place]]))
        advance(len(rows) * group.size)
    halves = [half.together() for half in sums]
    whole = halves[0] + halves[1]
    parts = [part for _, part in sorted(gathered(kept), key=lambda pair: pair[0])]
    enough = all(half.count > 1 for half in halves)
    pair = (halves[0].moments(), halves[1].moments()) if enough else None
    return SetStatistics(whole.count, whole.moments(), pair, torch.cat(parts))


def compare(real: SetStatistics | Moments, made: SetStatistics, name: str) -> dict[str, float]:
    """Distances by name; of a reference that has moments alone, the Frechet distance."""
    if isinstance(real, Moments):
        return {name: frechet_distance(real, made.moments)}
    precision, recall = precision_recall(real.kept, made.kept)
    out = {name: frechet_distance(real.moments, made.moments)}
    if real.halves is not None:
        out[f"{name} between halves of the images"] = frechet_distance(*real.halves)
    return out | {
        "kernel_distance": kernel_distance(real.kept, made.kept),
        "precision": precision,
        "recall": recall,
    }


def write_reference(path: Path, moments: Moments) -> None:
    """Write moments as EDM's reference files have them: an npz with `mu` and `sigma`."""
    with atomic_write(path) as handle:
        np.savez(handle, mu=moments.mean.numpy(), sigma=moments.covariance.numpy())


def read_reference(path: Path, width: int) -> Moments:
    """Moments of a reference file.

    Args:
        path: of an npz with `mu` (width,) and `sigma` (width, width).
        width: of the features that are compared with it.

    Raises:
        InputError: no such file, or not of this layout; nothing in it is unpickled.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a reference npz with mu and sigma")
    try:
        with np.load(path, allow_pickle=False) as found:
            mean, covariance = np.asarray(found["mu"], np.float64), np.asarray(found["sigma"], np.float64)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a reference npz with mu and sigma ({error}); fetch it again") from error
    if mean.shape != (width,) or covariance.shape != (width, width):
        raise InputError(
            f"{path}: mu of shape {mean.shape} and sigma of shape {covariance.shape}, the features have {width} "
            "numbers; give a reference of the same feature network"
        )
    return Moments(torch.from_numpy(mean), torch.from_numpy(covariance))
