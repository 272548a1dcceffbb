"""Samples as PNG files, written as they come, shared among processes and skipped where they are there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from disco_dock.runtime.config import to_dict
from disco_dock.runtime.distributed import from_first, gathered, processes, wait_for_all
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.files import atomic_write
from disco_image.data.batches import to_pixels, to_unit
from disco_image.models.checkpoint import ImageModels
from disco_image.sampling.generate import SampleConfig, class_labels, correction_grids, draw_latents, generate
from disco_image.sampling.grids import write_grid, write_png
from disco_image.sampling.solvers import evaluations

PER_FOLDER = 1000
GRID_IMAGES = 256
RECORD = "samples.json"
MADE_WITH = ("weights", "settings", "class")
"""Entries of the record that decide what a seed becomes."""


def image_path(out: Path, seed: int, subdirs: bool) -> Path:
    """`out/000123.png`, or `out/000000/000123.png` with a folder for each thousand seeds."""
    folder = out / f"{seed - seed % PER_FOLDER:06d}" if subdirs else out
    return folder / f"{seed:06d}.png"


def sample_to_files(
    models: ImageModels,
    seeds: Sequence[int],
    config: SampleConfig,
    out: Path,
    *,
    weights: str,
    label: int | None = None,
    subdirs: bool = False,
    correction: ImageModels | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Path:
    """Write one PNG per seed, `samples.json` and `grid.png` of the first 256; returns the grid.

    The processes that torchrun started share the seeds. Images that are there already are left as they are, so an
    interrupted run goes on.

    Args:
        models: with a prior, unless plain.
        seeds: of the samples.
        config: how they are made.
        out: folder.
        weights: hash of the checkpoint, for the record.
        label: class of all samples, or None.
        subdirs: whether each thousand seeds has its folder.
        correction: a plain model that finishes the samples; see `generate`.
        advance: called with the number of images that were dealt with.

    Raises:
        ConfigError: the folder holds samples of other weights or settings.
    """
    group = processes()
    record: dict[str, Any] = {
        "weights": weights,
        "settings": {key: value for key, value in to_dict(config).items() if key != "batch_size"},
        "class": label,
        "evaluations": _evaluations(models, config, corrected=correction is not None),
        "complete": False,
    }
    if group.first:
        _check_record(out, record)
        _write_record(out, record)
    wait_for_all()
    chunks = [list(seeds[begin : begin + config.batch_size]) for begin in range(0, len(seeds), config.batch_size)]
    facts: list[tuple[int, int | None, list[int] | None]] = []
    for chunk in group.share(chunks):
        labels = class_labels(models, chunk, label)
        latents = draw_latents(models, chunk, labels, config.inverse_temperature)
        missing = [row for row, seed in enumerate(chunk) if not image_path(out, seed, subdirs).exists()]
        if missing:
            images = generate(
                models,
                [chunk[row] for row in missing],
                config,
                latents=None if latents is None else latents[missing],
                labels=None if labels is None else labels[missing],
                correction=correction,
            )
            for row, pixels in zip(missing, to_pixels(images), strict=True):
                write_png(image_path(out, chunk[row], subdirs), pixels)
        codes = None
        if latents is not None and models.config.latents.kind == "discrete":
            codes = latents.argmax(-1).tolist()
        for row, seed in enumerate(chunk):
            facts.append((seed, None if labels is None else int(labels[row]), None if codes is None else codes[row]))
        advance(len(chunk) * group.size)
    by_seed = {seed: (chosen, code) for seed, chosen, code in gathered(facts)}
    grid = out / "grid.png"
    if group.first:
        record |= {"seeds": list(seeds), "complete": True}
        if any(chosen is not None for chosen, _ in by_seed.values()):
            record["classes"] = [by_seed[seed][0] for seed in seeds]
        if any(code is not None for _, code in by_seed.values()):
            record["codes"] = [by_seed[seed][1] for seed in seeds]
        _write_record(out, record)
        write_grid(grid, torch.cat([read_png(image_path(out, seed, subdirs)) for seed in seeds[:GRID_IMAGES]]))
    wait_for_all()
    return from_first(grid)


def _evaluations(models: ImageModels, config: SampleConfig, corrected: bool) -> int:
    """Network evaluations per image."""
    factor = 2 if config.guidance.weight else 1
    if not corrected:
        return factor * evaluations(config.solver, models.config.process)
    high, low = correction_grids(config, models.config.process)
    return factor * 2 * (len(high) - 1) + len(low) - 1


def read_png(path: Path) -> Tensor:
    """(1, channels, height, width) in [-1, 1] of an image that `write_png` wrote."""
    with Image.open(path) as image:
        array = np.asarray(image)
    return to_unit(array[None, None] if array.ndim == 2 else array.transpose(2, 0, 1)[None])


def _check_record(out: Path, record: dict[str, Any]) -> None:
    path = out / RECORD
    if not path.exists():
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        same = all(found[key] == json.loads(json.dumps(record[key])) for key in MADE_WITH)
    except (ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise ConfigError(f"{out}: holds samples of another checkpoint or other settings; give another folder with -o")


def _write_record(out: Path, record: dict[str, Any]) -> None:
    with atomic_write(out / RECORD, "w") as handle:
        json.dump(record, handle)
