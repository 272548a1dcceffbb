"""Run stage 2: train the latent prior of a score checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.plan import BatchPlan
from disco_dock.models.prior import LatentPrior
from disco_dock.runtime.distributed import Processes, processes
from disco_dock.runtime.errors import ConfigError
from disco_dock.training.earlier_stages import copy_matching, part_hashes, require_same_inputs
from disco_dock.training.feeding import make_plan, own_share, training_set, validation_set
from disco_dock.training.kept_tensors import KeptTensors
from disco_dock.training.networks import networks, start_from
from disco_dock.training.prior.latent_labels import latent_labels
from disco_dock.training.prior.marginal import Marginal
from disco_dock.training.prior.step import PriorBatch, PriorStage, make_prior_batch
from disco_dock.training.score.run import docking_is_due
from disco_dock.training.settings import TrainConfig
from disco_dock.training.stage import VALIDATION_SEED, RunOptions, Stage, run_stage, shared_means
from disco_dock.training.validation_docking import validation_docking
from disco_dock.weights.config import CheckpointConfig
from disco_dock.weights.networks import Models, load_models

VALIDATION_BATCH = 4  # complexes


@dataclass(frozen=True, kw_only=True)
class PriorBatches:
    """The batch of a step; pickles, so that worker processes can make it."""

    dataset: ComplexDataset
    labels: KeptTensors
    plan: BatchPlan
    hard: bool
    seed: int
    rank: int
    size: int

    def __call__(self, step: int) -> PriorBatch:
        """This process's share of the batch."""
        numbers, counts = own_share(self.plan.batch(step), Processes(self.rank, self.size))
        examples, labels = [self.dataset[i] for i in numbers], [self.labels[i] for i in numbers]
        batch = make_prior_batch(examples, labels, hard=self.hard, seed=self.seed, step=step)
        return batch if counts else batch._replace(weight=torch.zeros_like(batch.weight))


def train_prior(
    shards: Path,
    validation: Path | None,
    out: Path,
    config: TrainConfig,
    device: torch.device,
    options: RunOptions | None = None,
) -> CheckpointConfig:
    """Train until the loop's end and add the prior to `out/checkpoint`; rerunning resumes.

    Args:
        shards: training shards.
        validation: shards for the validation, or None.
        out: folder of the run, with the checkpoint of the score stage.
        config: settings; its networks must be those of the score stage.
        device: to train on.
        options: how this call watches and limits the run.

    Raises:
        CheckpointError: the score stage has not been run, or was run again after this one began.
        ConfigError: the preset or the checkpoint has no discrete latents, or they differ.
    """
    options = options or RunOptions()
    models = load_models(out / "checkpoint", device, with_encoder=True)
    sizes = networks(config)
    if sizes.prior is None or models.encoder is None or models.encoder.config.gaussian:
        raise ConfigError(
            f"{out / 'checkpoint'}: a model without discrete latents needs no prior; leave this stage out"
        )
    if sizes.score != models.config.score:
        raise ConfigError(
            f"preset {config.preset!r} is not that of {out / 'checkpoint'}; "
            "give it and the other settings of the score stage"
        )
    require_same_inputs(out / "prior", part_hashes(models, ("score", "encoder")))
    dataset = training_set(shards, config)
    labels = latent_labels(
        models, dataset, out / "prior" / "labels", _waiting(options, "latents of training complexes")
    )
    graphs = [dataset[number].graph for number in range(len(dataset))]
    marginal = Marginal.of(graphs, [labels[number].softmax(-1) for number in range(len(dataset))])
    torch.manual_seed(config.seed)
    prior = LatentPrior(sizes.prior)
    copy_matching(models.score.trunk, prior.trunk)
    start_from(config, "prior", prior)
    stage = PriorStage(prior, marginal).to(device)
    plan = make_plan(dataset, config, 1)
    group = processes()
    frozen = round(config.frozen_epochs * len(plan.steps(0)))

    def loss_fn(batch: PriorBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        losses = stage(batch.to(device))
        return losses.loss, losses.values()

    measure = None
    if validation is not None:
        held_out = validation_set(validation, config, config.max_residues)
        measure = _Measure(stage, models, prior, held_out, out / "prior" / "validation_labels", config, plan, options)
    return run_stage(
        Stage(
            name="prior",
            module=stage,
            parts={"prior": prior},
            checkpoint=lambda: replace(models.config, prior=sizes.prior),
            make=PriorBatches(
                dataset=dataset,
                labels=labels,
                plan=plan,
                hard=config.targets == "hard",
                seed=config.seed,
                rank=group.rank,
                size=group.size,
            ),
            loss_fn=loss_fn,
            measure=measure,
            steps_per_epoch=len(plan.steps(0)),
            facts={"complexes": len(dataset), "targets": config.targets, **marginal.usage()},
            groups=[
                {"params": list(prior.trunk.parameters()), "frozen_steps": frozen},
                {"params": list(prior.head.parameters())},
            ],
        ),
        out,
        config,
        options,
    )


def _waiting(options: RunOptions, what: str):
    return lambda done, count: options.on_wait(f"{what}: part {done} of {count}")


class _Measure:
    """Values on held-out complexes with fixed orientations and draws, and docking with the prior's latents."""

    def __init__(
        self,
        stage: PriorStage,
        models: Models,
        prior: LatentPrior,
        dataset: ComplexDataset,
        folder: Path,
        config: TrainConfig,
        plan: BatchPlan,
        options: RunOptions,
    ) -> None:
        self._stage, self._config, self._dataset = stage, config.validation, dataset
        self._models = replace(models, prior=prior, config=replace(models.config, prior=prior.config))
        labels = latent_labels(models, dataset, folder, _waiting(options, "latents of validation complexes"))
        self._period = config.validation.period(len(plan.steps(0)))
        self._batches = self._fixed(labels, config.targets == "hard", models.device)

    def _fixed(self, labels: KeptTensors, hard: bool, device: torch.device) -> Sequence[PriorBatch]:
        atoms, residues = self._dataset.sizes()
        count = min(self._config.complexes, len(self._dataset))
        plan = BatchPlan(atoms[:count], residues[:count], batch_size=VALIDATION_BATCH, seed=VALIDATION_SEED)
        batches = []
        for step in plan.steps(0):  # every process has all: they are small, and the means are the same everywhere
            numbers = plan.batch(step)
            examples = [self._dataset[i] for i in numbers]
            batch = make_prior_batch(examples, [labels[i] for i in numbers], hard=hard, seed=VALIDATION_SEED, step=0)
            batches.append(batch.to(device))
        return batches

    def __call__(self, step: int) -> dict[str, float]:
        sums: dict[str, float] = {}
        for batch in self._batches:
            for name, value in self._stage(batch).values().items():
                sums[name] = sums.get(name, 0.0) + batch.graphs.size * value
        rows = sum(batch.graphs.size for batch in self._batches)
        means = shared_means(sums, dict.fromkeys(sums, float(rows)))
        means["perplexity"] = float(torch.tensor(means["loss"]).exp())
        values = {f"val_{name}": value for name, value in means.items()}
        if docking_is_due(step, self._period, self._config.dock_every):
            values |= validation_docking(self._models, self._dataset, self._config)
        return values
