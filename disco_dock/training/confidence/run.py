"""Run stage 3: dock training complexes with the checkpoint, then train the confidence model on their poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.plan import BatchPlan
from disco_dock.diffusion.schedule import NoiseConfig
from disco_dock.models.confidence import ConfidenceModel
from disco_dock.ranking.confidence_calibration import Calibration
from disco_dock.runtime.distributed import Processes, processes
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.random import generator
from disco_dock.training.confidence.calibrate import calibrate
from disco_dock.training.confidence.pose_errors import PoseErrors
from disco_dock.training.confidence.sampled_poses import sampled_poses
from disco_dock.training.confidence.step import (
    ConfidenceBatch,
    ConfidenceStage,
    areas_under_roc,
    docked_batch,
    labels_share,
    make_confidence_batch,
    ranking_values,
)
from disco_dock.training.earlier_stages import copy_matching, part_hashes, require_same_inputs
from disco_dock.training.feeding import make_plan, own_share, training_set, validation_set
from disco_dock.training.kept_tensors import KeptTensors
from disco_dock.training.networks import networks, start_from
from disco_dock.training.settings import TrainConfig
from disco_dock.training.stage import VALIDATION_SEED, RunOptions, Stage, run_stage
from disco_dock.weights.config import CheckpointConfig
from disco_dock.weights.networks import Models, load_models

VALIDATION_BATCH = 4  # complexes


@dataclass(frozen=True, kw_only=True)
class ConfidenceBatches:
    """The batch of a step; pickles, so that worker processes can make it."""

    dataset: ComplexDataset
    numbers: list[int]
    poses: KeptTensors
    plan: BatchPlan
    noise: NoiseConfig
    copies: int
    seed: int
    rank: int
    size: int
    errors: PoseErrors = field(default_factory=PoseErrors)

    def __call__(self, step: int) -> ConfidenceBatch:
        """This process's share of the batch."""
        places, counts = own_share(self.plan.batch(step), Processes(self.rank, self.size))
        chosen = [self.numbers[i] for i in places]
        batch = make_confidence_batch(
            [self.dataset[i] for i in chosen],
            [self.poses[i] for i in chosen],
            self.noise,
            copies=self.copies,
            seed=self.seed,
            step=step,
            errors=self.errors,
        )
        return batch if counts else batch._replace(weight=torch.zeros_like(batch.weight))


def train_confidence(
    shards: Path,
    validation: Path | None,
    out: Path,
    config: TrainConfig,
    device: torch.device,
    options: RunOptions | None = None,
) -> CheckpointConfig:
    """Train until the loop's end and add the model to `out/checkpoint`; rerunning resumes, also the docking.

    With validation data the checkpoint also gets the calibration of its probabilities on those complexes.

    Args:
        shards: training shards.
        validation: shards for validation and calibration, or None.
        out: folder of the run, with the checkpoint of the earlier stages.
        config: settings.
        device: to train on.
        options: how this call watches and limits the run.

    Raises:
        CheckpointError: the score stage has not been run, or an earlier stage was run again after this one began.
        InputError: no complex could be docked.
    """
    options = options or RunOptions()
    models = load_models(out / "checkpoint", device)
    require_same_inputs(out / "confidence", part_hashes(models, ("score", "prior")))
    sizes = networks(config).confidence
    dataset = training_set(shards, config)
    order = torch.randperm(len(dataset), generator=generator("pose complexes", config.seed))
    numbers = sorted(order[: config.pose_complexes].tolist())
    poses = _dock(models, dataset, numbers, out / "confidence" / "poses", config, options)
    numbers = [number for number in numbers if number in poses]
    if not numbers:
        raise InputError(f"{shards}: none of the complexes could be docked; train the score stage for longer")
    torch.manual_seed(config.seed)
    model = ConfidenceModel(sizes)
    copy_matching(models.score.trunk, model.trunk)
    start_from(config, "confidence", model)
    stage = ConfidenceStage(model).to(device)
    plan = make_plan(dataset, config, config.copies, numbers)
    group = processes()

    def loss_fn(batch: ConfidenceBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        losses = stage(batch.to(device))
        shares = labels_share(losses.labels, sizes.thresholds)
        rows = float(batch.weight.sum()) * group.size
        return losses.loss, {"loss": float(losses.loss.detach()), **shares, "rows": rows}

    measure = None
    if validation is not None:
        held_out = validation_set(validation, config, config.max_residues)
        measure = _Measure(stage, models, held_out, out / "confidence" / "validation_poses", config, options)

    def checkpoint() -> CheckpointConfig:
        calibration = None if measure is None else measure.calibration
        return replace(models.config, confidence=sizes, all_atom_confidence=None, calibration=calibration)

    return run_stage(
        Stage(
            name="confidence",
            module=stage,
            parts={"confidence": model},
            checkpoint=checkpoint,
            make=ConfidenceBatches(
                dataset=dataset,
                numbers=numbers,
                poses=poses,
                plan=plan,
                noise=models.config.score.noise,
                copies=config.copies,
                seed=config.seed,
                rank=group.rank,
                size=group.size,
            ),
            loss_fn=loss_fn,
            measure=measure,
            steps_per_epoch=len(plan.steps(0)),
            facts={"complexes": len(numbers), "poses_per_complex": config.poses},
        ),
        out,
        config,
        options,
    )


def _dock(
    models: Models, dataset: ComplexDataset, numbers: list[int], folder: Path, config: TrainConfig, options: RunOptions
) -> KeptTensors:
    return sampled_poses(
        models,
        dataset,
        numbers,
        folder,
        poses=config.poses,
        steps=config.sample_steps,
        seed=config.seed,
        on_part=lambda done, count: options.on_wait(f"docking: part {done} of {count}"),
    )


class _Measure:
    """Values on held-out complexes, on docked and noised poses mixed as in training and on all docked poses.

    Attributes:
        calibration: fitted to the docked poses at the last call.
    """

    def __init__(
        self,
        stage: ConfidenceStage,
        models: Models,
        dataset: ComplexDataset,
        folder: Path,
        config: TrainConfig,
        options: RunOptions,
    ) -> None:
        self._stage = stage
        self.calibration: Calibration | None = None
        numbers = list(range(min(config.validation.complexes, len(dataset))))
        poses = _dock(models, dataset, numbers, folder, config, options)
        numbers = [number for number in numbers if number in poses]
        if not numbers:
            raise InputError(f"{folder}: no validation complex could be docked; train the score stage for longer")
        atoms, residues = dataset.sizes()
        plan = BatchPlan(atoms[numbers], residues[numbers], batch_size=VALIDATION_BATCH, seed=VALIDATION_SEED)
        self._mixed: list[ConfidenceBatch] = []
        self._docked: list[ConfidenceBatch] = []
        for step in plan.steps(0):
            chosen = [numbers[i] for i in plan.batch(step)]
            examples, sampled = [dataset[i] for i in chosen], [poses[i] for i in chosen]
            noise = models.config.score.noise
            batch = make_confidence_batch(
                examples, sampled, noise, copies=2 * config.poses, seed=VALIDATION_SEED, step=0
            )
            self._mixed.append(batch.to(models.device))
            self._docked.append(docked_batch(examples, sampled).to(models.device))

    def __call__(self, step: int) -> dict[str, float]:
        return {**self._mixed_values(), **self._docked_values()}

    def _mixed_values(self) -> dict[str, float]:
        """Loss, share of positives and area under the ROC curve at each threshold."""
        logits, labels = self._outputs(self._mixed)
        thresholds = self._stage.confidence.config.thresholds
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
        values = {"val_loss": float(loss), **{f"val_{k}": v for k, v in labels_share(labels, thresholds).items()}}
        areas = areas_under_roc(logits, labels > 0.5, thresholds)
        return values | {f"val_{name}": area for name, area in areas.items()}

    def _docked_values(self) -> dict[str, float]:
        """Docked poses alone: ROC area, success of the pose with the highest first logit, and calibration."""
        logits, _ = self._outputs(self._docked)
        copies, thresholds = self._docked[0].copies, self._stage.confidence.config.thresholds
        rmsd = torch.cat([batch.rmsd for batch in self._docked]).cpu()
        values = ranking_values(logits[:, 0].view(-1, copies), rmsd.view(-1, copies), thresholds)
        values |= areas_under_roc(logits, rmsd[:, None] < torch.tensor(thresholds), thresholds)
        by_complex = logits.view(-1, copies, len(thresholds)).numpy()
        self.calibration = calibrate(by_complex, rmsd.view(-1, copies).numpy(), thresholds)
        for part in self.calibration.thresholds:
            values |= {f"ece_{part.threshold:g}": part.ece, f"brier_{part.threshold:g}": part.brier}
        return {f"val_docked_{name}": value for name, value in values.items()}

    def _outputs(self, batches: Sequence[ConfidenceBatch]) -> tuple[Tensor, Tensor]:
        results = [self._stage(batch) for batch in batches]
        return (
            torch.cat([result.logits for result in results]).cpu(),
            torch.cat([result.labels for result in results]).cpu(),
        )
