"""Run the pose expert's stage: train it and add its averaged weights to the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from disco_dock.data.dataset import ComplexDataset
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.models.pose_expert.config import PoseExpertConfig
from disco_dock.models.pose_expert.network import PoseExpert
from disco_dock.runtime.distributed import Processes, processes, wait_for_all
from disco_dock.runtime.errors import CheckpointError
from disco_dock.training.expert.drawing import WeightedPlan, cluster_weights
from disco_dock.training.expert.settings import ExpertTraining
from disco_dock.training.expert.step import ExpertBatch, ExpertStage, blank, make_expert_batch
from disco_dock.training.expert.validation import expert_losses, validation_batches
from disco_dock.training.feeding import own_share, training_set, validation_set
from disco_dock.training.networks import init_directory, networks, start_from, without_judge
from disco_dock.training.settings import TrainConfig
from disco_dock.training.stage import RunOptions, Stage, run_stage
from disco_dock.weights.config import CONFIG_FILE, PARTS, CheckpointConfig, read_config
from disco_dock.weights.networks import load_part, save_checkpoint


@dataclass(frozen=True, kw_only=True)
class ExpertBatches:
    """The batch of a step; pickles, so that worker processes can make it."""

    dataset: ComplexDataset
    plan: WeightedPlan
    model: PoseExpertConfig
    config: TrainConfig
    rank: int
    size: int

    def __call__(self, step: int) -> ExpertBatch:
        """This process's share of the batch."""
        config = self.config
        numbers, counts = own_share(self.plan.batch(step), Processes(self.rank, self.size))
        batch = make_expert_batch(
            [self.dataset[number] for number in numbers],
            self.model,
            config.expert,
            config.noise,
            igso3_table(),
            copies=config.copies,
            seed=config.seed,
            step=step,
        )
        return batch if counts else blank(batch)


def train_expert(
    shards: Path,
    validation: Path | None,
    out: Path,
    config: TrainConfig,
    device: torch.device,
    options: RunOptions | None = None,
) -> CheckpointConfig:
    """Train until the loop's end and add the expert to `out/checkpoint`; rerunning resumes.

    Args:
        shards: training shards with all atoms.
        validation: the same for the validation, or None.
        out: folder of the run, with the checkpoint of the score stage; without one it is begun from that in `init`.
        config: settings.
        device: to train on.
        options: how this call watches and limits the run.

    Raises:
        CheckpointError: there is neither a checkpoint in the run's folder nor one to start from.
        InputError: the shards hold C-alpha atoms only.
    """
    directory = _place_checkpoint(out, config)
    sizes = networks(config).expert
    torch.manual_seed(config.seed)
    expert = PoseExpert(sizes)
    start_from(config, "expert", expert)
    stage = ExpertStage(expert, igso3_table(), config.expert).to(device)
    dataset, weight = _with_fragments(training_set(shards, config), config.expert)
    plan = WeightedPlan(weight=weight, batch_size=config.batch_size, seed=config.seed)
    group = processes()
    batches = None
    if validation is not None:
        batches = validation_batches(validation_set(validation, config), config, stage, device)

    def loss_fn(batch: ExpertBatch, _: int) -> tuple[Tensor, dict[str, float]]:
        loss, values = stage.loss(batch.to(device))
        return loss, {**values, "rows": values["rows"] * group.size}

    parts: dict[str, nn.Module] = {"expert": expert}
    return run_stage(
        Stage(
            name="expert",
            module=stage,
            parts=parts,
            checkpoint=lambda: replace(read_config(directory), expert=sizes, handover=config.expert.handover),
            make=ExpertBatches(
                dataset=dataset, plan=plan, model=sizes, config=config, rank=group.rank, size=group.size
            ),
            loss_fn=loss_fn,
            measure=None if batches is None else lambda _: expert_losses(stage, batches, config),
            steps_per_epoch=plan.steps_per_epoch,
            facts={"complexes": len(dataset), "poses_per_step": config.batch_size * config.copies},
        ),
        out,
        config,
        options or RunOptions(),
    )


def _with_fragments(dataset: ComplexDataset, training: ExpertTraining) -> tuple[ComplexDataset, np.ndarray]:
    """What is trained on, and (complexes,) the probability of each."""
    weight = cluster_weights(dataset.ids, training.clusters)
    if not training.fragments:
        return dataset, weight
    pieces, share = ComplexDataset(training.fragments), training.fragment_share
    even = np.full(len(pieces), share / len(pieces))
    return dataset.joined(pieces), np.concatenate([(1 - share) * weight, even])


def _place_checkpoint(out: Path, config: TrainConfig) -> Path:
    """The folder of the run's checkpoint, begun from the one in `init` where there is none yet."""
    directory = out / "checkpoint"
    if not (directory / CONFIG_FILE).is_file():
        if not config.init:
            raise CheckpointError(
                f"{directory}: no checkpoint that the pose expert could work with; train the score stage first, or "
                "start from the bundled one with --init default"
            )
        source = init_directory(config)
        found = read_config(source)
        if processes().first:
            parts = {part: load_part(source, part, found) for part in PARTS if part != "expert"}
            kept = {part: module for part, module in parts.items() if module is not None}
            other = {"expert": None, "base": "", "pose_judge": None, "calibration": None}  # fitted to other poses
            save_checkpoint(directory, replace(found, **other, physics=without_judge(found)), kept)
        wait_for_all()
    return directory
