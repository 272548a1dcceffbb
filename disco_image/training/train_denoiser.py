"""Run stage 1: train encoder and denoiser, export their averaged weights."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from disco_dock.runtime.distributed import processes, total
from disco_dock.runtime.errors import CheckpointError, ConfigError
from disco_dock.runtime.loop import TrainingRun
from disco_dock.runtime.power_ema import PowerAverages
from disco_dock.runtime.prefetch import Prefetcher
from disco_image.data.augment import WIDTH as AUGMENT_WIDTH
from disco_image.data.batches import ImageBatches
from disco_image.data.source import ImageSource, SourceInfo
from disco_image.models.checkpoint import FOLDER, read_part, run_checkpoint, save_part
from disco_image.models.denoiser import DenoiserWithEncoder, ModelConfig
from disco_image.processes.levels import AdaptiveLevels
from disco_image.sampling.generate import SampleConfig
from disco_image.training.average import store_averages
from disco_image.training.denoiser_stage import DenoiserStage, StageBatch, batch_maker
from disco_image.training.half_life import HalfLifeAverage
from disco_image.training.settings import DenoiserStageConfig, TrainConfig
from disco_image.training.status import TickStatus
from disco_image.training.ticks import TickGrids

logger = logging.getLogger(__name__)
STAGE = "denoiser"
METRICS = ("loss", "error", "kl", "missing")
"""Names of the entries of a `StageLoss` in the log."""


def model_config(config: TrainConfig, info: SourceInfo) -> ModelConfig:
    """The shape of the networks for a set of images.

    Raises:
        ConfigError: classes are asked for and the images have none.
    """
    return ModelConfig(
        resolution=info.resolution,
        channels=info.channels,
        num_classes=_class_count(config, info),
        augment_width=AUGMENT_WIDTH if config.data.augment else 0,
        process=config.process,
        latents=config.latents,
        unet=config.unet,
        uvit=config.uvit,
        edm2=config.edm2,
    )


def _class_count(config: TrainConfig, info: SourceInfo) -> int:
    if config.data.classes and not info.classes:
        raise ConfigError(
            f"{info.name}: data.classes is true and these images have no labels; give class folders or a zip with "
            "dataset.json, or train without classes (--set data.classes=false)"
        )
    return len(info.classes) if config.data.classes else 0


def make_batches(
    config: TrainConfig, source: ImageSource, batch_size: int, rows: Sequence[int] | None = None
) -> ImageBatches:
    """Batches of the run's images."""
    return ImageBatches(
        source,
        batch_size=batch_size,
        seed=config.seed,
        classes=config.data.classes,
        flip=config.data.flip,
        augment_rate=config.data.augment,
        workers=config.data.workers,
        rows=rows,
    )


def data_facts(source: ImageSource) -> dict[str, Any]:
    """What a checkpoint remembers of its images."""
    info = source.info
    return {"data": info.name, "images": info.count, "classes": list(info.classes)}


def load_initial(denoiser: nn.Module, path: Path) -> set[str]:
    """Copy a plain denoiser's weights into one with latents; returns the names of the parameters that it gave.

    Cross-attention and tokens keep their own start; as the cross-attention ends in zeros, the result computes what the
    plain model computes.

    Args:
        denoiser: with or without latents.
        path: of the weights, under any name; or the run folder that holds them.

    Raises:
        CheckpointError: no such file, or it lacks a weight that is not of the latents, or has others.

    Source: DisCo-Diff (arXiv:2407.03300), sec. 4.1: class-conditional models are fine-tuned from plain ones.
    """
    if path.is_dir():
        path = run_checkpoint(path) / "denoiser.safetensors"
    tensors, _ = read_part(path, "denoiser")
    own = denoiser.state_dict()
    new = {name for name in own if name not in tensors}
    foreign = [name for name in new if ".cross." not in name and not name.startswith("tokens.")]
    unknown = [name for name in tensors if name not in own or own[name].shape != tensors[name].shape]
    if foreign or unknown:
        which = (foreign or unknown)[0]
        raise CheckpointError(
            f"{path}: weight {which!r} does not fit this model; the sizes must be those of the plain run"
        )
    denoiser.load_state_dict({**{name: own[name] for name in new}, **tensors})
    return set(tensors)


def make_optimiser(model: DenoiserWithEncoder, config: TrainConfig, initial: set[str]) -> torch.optim.Optimizer:
    """AdamW; parameters that came from `initial` may learn at a share of the rate."""
    given = {f"denoiser.{name}" for name in initial}
    named = dict(model.named_parameters())
    old = [parameter for name, parameter in named.items() if name in given]
    fresh = [parameter for name, parameter in named.items() if name not in given]
    groups = [
        {"params": params, "rate_factor": factor}
        for params, factor in ((fresh, 1.0), (old, config.denoiser.initial_rate))
        if params
    ]
    stage = config.denoiser
    return torch.optim.AdamW(groups, lr=stage.loop.learning_rate, weight_decay=stage.weight_decay, betas=stage.betas)


def _check_parts(config: TrainConfig) -> None:
    parts = config.denoiser.batch_gpu
    if config.latents.information and 0 < parts < config.denoiser.batch_size // processes().size:
        raise ConfigError(
            "latents.information is a mean over the whole batch; leave denoiser.batch_gpu at 0, or set it to 0"
        )


def own_rows(batch_size: int) -> list[int]:
    """The rows of a global batch that this process computes.

    Raises:
        ConfigError: the processes would not get equally many.
    """
    group = processes()
    if batch_size % group.size:
        raise ConfigError(f"batch_size {batch_size} is not divisible by {group.size} processes")
    return group.share(range(batch_size))


def _averages(model: nn.Module, stage: DenoiserStageConfig) -> PowerAverages | HalfLifeAverage:
    if stage.ema_half_life:
        return HalfLifeAverage(model, stage.ema_half_life, stage.batch_size, stage.ema_ramp_up)
    return PowerAverages(model, stage.ema_power)


def train_denoiser(
    config: TrainConfig,
    source: ImageSource,
    out: Path,
    device: torch.device,
    on_step: Callable[[TrainingRun, dict[str, float]], None] | None = None,
) -> None:
    """Train until the loop's end; rerunning resumes, and `out/checkpoint` is always complete.

    The processes that torchrun started share each batch.

    Args:
        config: settings.
        source: images.
        out: folder of the run.
        device: to train on.
        on_step: called after each step with the run and the step's metrics.

    Raises:
        CheckpointError: the state in the folder or the initial weights are of another model.
        ConfigError: the batch does not divide among the processes.
    """
    group = processes()
    stage_config = config.denoiser
    torch.manual_seed(config.seed)
    shape = model_config(config, source.info)
    _check_parts(config)
    layout = torch.channels_last if config.speed.channels_last else torch.contiguous_format
    model = DenoiserWithEncoder(shape)
    initial = load_initial(model.denoiser, Path(stage_config.initial)) if stage_config.initial else set()
    model = model.to(device)
    if config.speed.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    levels = None
    if config.levels.kind == "adaptive":  # part of the run's state; in float64, which MPS lacks, so on the CPU
        levels = model.levels = AdaptiveLevels(config.levels, shape.process, shape.resolution)
    stage = DenoiserStage(model, config.speed.precision == "bfloat16")
    averages = _averages(model, stage_config)
    batches = make_batches(config, source, stage_config.batch_size, own_rows(stage_config.batch_size))
    prefetch = Prefetcher(batch_maker(batches, shape, config.levels, stage_config.null_rate))
    facts = data_facts(source)

    optimiser = make_optimiser(model, config, initial)
    run = TrainingRun(model, optimiser, averages, out / STAGE, stage_config.loop, seed=config.seed)
    step_function = torch.compile(stage) if config.speed.compile else stage
    grids = TickGrids(out, batches, SampleConfig()) if group.first else None
    tick, status = stage_config.tick_images // stage_config.batch_size, TickStatus(device)

    def counted(run: TrainingRun, metrics: dict[str, float]) -> None:
        status.count(metrics)
        if on_step is not None:
            on_step(run, metrics)

    def show(step: int) -> None:
        if grids is None:
            return
        logger.info("%s", status.line(step // tick if tick else 1, step * stage_config.batch_size))
        with averages.swapped(model):
            grids.write(model, step, device)
        if stage_config.ema_snapshots:
            store_averages(out, averages, stage_config.ema_power, stage_config.batch_size)

    def loss_fn(batch: StageBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        if tick and step and step % tick == 0:
            show(step)
        learns = step < stage_config.encoder_share * stage_config.loop.max_steps
        temperature = stage_config.temperature.at(step)
        if levels is not None:
            sigma, weight = levels.draw(batch.sigma)
            batch = batch._replace(sigma=sigma, weight=weight)
        parts, count = batch.parts(stage_config.batch_gpu), len(batch.sigma)
        seen: list[Tensor] = []
        loss, means = torch.zeros((), device=device), torch.zeros(len(METRICS), device=device)
        for place, part in enumerate(parts):
            losses = step_function(part.to(device, layout), temperature, learns)
            share = len(part.sigma) / count
            if levels is not None:
                seen.append(levels.seen(part.sigma, losses.error.detach().cpu()))
            means += share * torch.stack([value.detach().mean() for value in losses])
            mean = share * losses.total.mean()
            if place + 1 < len(parts):
                mean.backward()  # the last part's gradient is added by the loop
                mean = mean.detach()
            loss = loss + mean
        if levels is not None:
            sums = torch.stack(seen).sum(0)
            levels.follow(total(sums.to(device)).cpu() if group.size > 1 else sums)
        metrics = dict(zip(METRICS, means.tolist(), strict=True))
        return loss, {**metrics, "images": float(count * group.size)}

    def export() -> None:
        known = {
            **facts,
            "steps": run.step,
            "seconds": run.seconds,
            "sampled_images": run.step * batches.batch_size,
        }
        with averages.swapped(model):
            save_part(out / FOLDER, "denoiser", model.denoiser, shape, known)
            if model.encoder is not None:
                save_part(out / FOLDER, "encoder", model.encoder, shape, known)

    try:
        done = run.progress() >= 1
        run.run(prefetch, loss_fn, export, on_step=counted)
        if not done:
            show(run.step)
    finally:
        prefetch.close()
        batches.close()
