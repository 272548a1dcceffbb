"""The best of the averages that a run kept, by the distance of its samples to the images."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from disco_dock.runtime.checkpoint import load_weights
from disco_dock.runtime.config import to_dict
from disco_dock.runtime.distributed import processes, wait_for_all
from disco_dock.runtime.errors import CheckpointError, ConfigError
from disco_dock.runtime.files import atomic_write, sha256_bytes, sha256_file
from disco_image.data.batches import ImageBatches
from disco_image.metrics.samples import (
    EvaluateConfig,
    Watch,
    image_features,
    no_progress,
    real_statistics,
    sample_statistics,
)
from disco_image.metrics.statistics import compare
from disco_image.models.checkpoint import FOLDER, MAX_BYTES, ImageModels, load_models
from disco_image.sampling.generate import SampleConfig
from disco_image.sampling.grids import write_grid
from disco_image.training.average import Stored, averaged, export_networks, networks_of, stored_averages

RECORD = "choice.json"


@dataclass(frozen=True)
class Candidate:
    """Averaged weights that may become the checkpoint.

    Attributes:
        name: such as ``00002500-0.1``.
        stored: the averages that it is made of; one that is taken as it is, or several for another width.
        width: relative width, None for an average with a half-life.
    """

    name: str
    stored: tuple[Stored, ...]
    width: float | None

    @property
    def images(self) -> int:
        """Images seen until its end, 0 where the files do not tell."""
        return self.stored[-1].images

    def digest(self) -> str:
        """What tells its weights from others of the same name."""
        parts = [sha256_file(item.path) for item in self.stored]
        return parts[0] if len(parts) == 1 else sha256_bytes("".join(parts).encode())

    def tensors(self) -> dict[str, Tensor]:
        """The weights of denoiser and encoder."""
        if len(self.stored) == 1:
            return load_weights(self.stored[0].path, MAX_BYTES)[0]
        assert self.width is not None
        return averaged(self.stored, self.width)


def candidates(out: Path, widths: Sequence[float] = (), last: int = 0) -> list[Candidate]:
    """The stored averages of a run, and averages of other widths that end where the last of them does.

    Args:
        out: folder of the run.
        widths: relative widths to make besides the stored ones.
        last: only the stored averages of so many last ticks; 0 for all.

    Raises:
        CheckpointError: the run stored no averages.
    """
    stored = stored_averages(out)
    ticks = sorted({item.updates for item in stored})[-last:]
    found = [Candidate(item.path.stem, (item,), item.width) for item in stored if item.updates in ticks]
    end = stored[-1].updates
    known = {item.width for item in stored if item.updates == end}
    made = [width for width in widths if width not in known]
    return found + [Candidate(f"{end:08d}-{width:g}", tuple(stored), width) for width in made]


def choose(
    out: Path,
    target: Path,
    chosen_from: Sequence[Candidate],
    batches: ImageBatches,
    sampling: SampleConfig,
    config: EvaluateConfig,
    device: torch.device,
    *,
    progress: Watch | None = None,
    measured: Callable[[Candidate, float, bool], None] = lambda candidate, distance, again: None,
) -> dict[str, Any]:
    """Measure each candidate and write the nearest one as a checkpoint; what was measured before is not again.

    Samples come from the same seeds for all. Latents of the prior are drawn from the prior that the run has now; with
    oracle latents each candidate's own encoder infers them, and the result needs a prior of its own.

    Args:
        out: folder of the run.
        target: run folder that gets the checkpoint, the record `choice.json` and a grid of samples.
        chosen_from: see `candidates`.
        batches: the images that samples are compared with.
        sampling: how samples are made.
        config: what is measured, and on how many images.
        device: to compute on.
        progress: shows what is being done, or None.
        measured: called with each candidate, its distance, and whether it was measured by an earlier call.

    Returns:
        The record.

    Raises:
        CheckpointError: the run has no checkpoint, or no prior where its latents are asked for.
        ConfigError: the target holds measurements of other settings.

    Source: Karras et al. 2022 (arXiv:2206.00364), app. F.1, where the snapshot of the lowest FID is taken.
    """
    watch, group = progress or no_progress, processes()
    run = load_models(out, torch.device("cpu"))
    if config.latents == "prior" and run.config.latents.kind != "none" and run.prior is None:
        raise CheckpointError(f"{out}: has no prior yet; give --latents oracle, or train it first")
    record = _record(target, batches, sampling, config)
    features, name, _ = image_features(config, batches, device)
    real = real_statistics(config, features, batches, watch)
    for candidate in chosen_from:
        digest, before = candidate.digest(), record["candidates"].get(candidate.name)
        again = before is not None and before["sha256"] == digest
        if not again:
            models = _models(run, candidate, device)
            made, first = sample_statistics(models, batches, sampling, config, features, watch)
            distance = compare(real, made, name)[name]
            record["candidates"][candidate.name] = {
                name: distance, "images": candidate.images, "width": candidate.width, "sha256": digest
            }  # fmt: skip
            if group.first:
                write_grid(target / "grids" / f"{candidate.name}.png", first)
                _write(target, record)
        measured(candidate, record["candidates"][candidate.name][name], again)
    best = min(chosen_from, key=lambda candidate: record["candidates"][candidate.name][name])
    record["best"] = best.name
    if group.first:
        model = networks_of(run, best.tensors(), best.name)
        facts = {**run.facts["denoiser"], "chosen": best.name, **record["candidates"][best.name]}
        prior = out / FOLDER / "prior.safetensors"
        keeps_prior = config.latents == "prior" and prior.exists()
        export_networks(target / FOLDER, model, facts, prior if keeps_prior else None)
        _write(target, record)
    wait_for_all()
    return record


def _models(run: ImageModels, candidate: Candidate, device: torch.device) -> ImageModels:
    model = networks_of(run, candidate.tensors(), str(candidate.stored[-1].path))
    model.to(device).eval().requires_grad_(False)
    prior = None if run.prior is None else run.prior.to(device)
    return replace(run, denoiser=model.denoiser, encoder=model.encoder, prior=prior, device=device)


def _record(target: Path, batches: ImageBatches, sampling: SampleConfig, config: EvaluateConfig) -> dict[str, Any]:
    """The record of earlier measurements by the same settings, or an empty one."""
    settings = {
        "data": batches.source.info.name,
        "sampling": {key: value for key, value in to_dict(sampling).items() if key != "batch_size"},
        "evaluation": asdict(config),
    }
    made_with = json.loads(json.dumps(settings))
    path = target / RECORD
    if not path.exists():
        return {"made_with": made_with, "candidates": {}}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        same = found["made_with"] == made_with and isinstance(found["candidates"], dict)
    except (ValueError, KeyError, TypeError):
        same, found = False, {}
    if not same:
        raise ConfigError(f"{path}: measured with other settings; give another folder with -o")
    return found


def _write(target: Path, record: dict[str, Any]) -> None:
    with atomic_write(target / RECORD, "w") as handle:
        json.dump(record, handle, indent=1)
