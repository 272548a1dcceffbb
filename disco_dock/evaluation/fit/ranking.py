"""Fit of a checkpoint's judge on training complexes, measured and compared on held-out ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from disco_dock.data.sources import read_ids
from disco_dock.docking.engine import Engine, docking_settings
from disco_dock.docking.settings import PredictSettings
from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.fit.ablation import ablation
from disco_dock.evaluation.fit.contact_training import held_out_member
from disco_dock.evaluation.fit.judge import (
    JudgeOf,
    check_training,
    cross_fitted,
    cross_validated,
    fit_judge,
    judge_reliability,
    log_loss,
)
from disco_dock.evaluation.fit.pose_rows import PoseRow, dock_rows
from disco_dock.evaluation.strata import read_manifest
from disco_dock.physics.settings import PhysicsChoice, PhysicsSettings
from disco_dock.ranking.contact_network import ContactScorer
from disco_dock.ranking.evidence import EVIDENCE
from disco_dock.ranking.judge import HowMade
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.tables import write_json
from disco_dock.sampling.sample import DockingSettings
from disco_dock.weights.config import write_config
from disco_dock.weights.networks import Models

OF_ENERGY = ("energy_per_atom", "lead", "basin")
OF_CONTACTS = ("energy_per_atom", "contacts_recurrence")
"""By cross-validation on training complexes, see docs/ranking.md."""
RANKING_FILE = "ranking.json"
OnRow = Callable[[PoseRow, int, int], None]


@dataclass(frozen=True, kw_only=True)
class RankingSettings:
    """Settings of the fit and the measurement.

    Attributes:
        data: folder of the complexes' files.
        train: file of ids of training complexes, or None to fit on the validation complexes and measure by
            cross-validation: networks that know the training complexes by heart make other poses of them.
        validation: file of ids to measure on.
        out: folder for rows and results; an interrupted run continues there.
        held_out: files of more ids that must not be fitted on.
        manifest: CSV of clusters, to take one training complex of each; None takes any.
        count: training complexes.
        evidence: names of the features, or None for the best ones that the checkpoint gives.
        num_poses: samples per complex.
        moves: Monte-Carlo steps of each pose, or None for the checkpoint's.
        restarts: further searches of each pose, or None for the checkpoint's.
        finalists: places that are searched further, or None for the checkpoint's.
        rank_by: the ranking that the checkpoint gets, or None for the one it has.
        seed: random seed.
    """

    data: Path
    train: Path | None
    validation: Path
    out: Path
    held_out: tuple[Path, ...] = ()
    manifest: Path | None = None
    count: int = 150
    evidence: tuple[str, ...] | None = None
    num_poses: int = 40
    moves: int | None = None
    restarts: int | None = None
    finalists: int | None = None
    rank_by: str | None = None
    seed: int = 0


def fit_ranking(engine: Engine, settings: RankingSettings, *, on_row: OnRow | None = None) -> dict[str, Any]:
    """What `ranking.json` says, after writing it, and the judge and the ranking into the checkpoint's config.

    Raises:
        DiscoError: ids are in both sets, files are unusable, or there is too little to fit on.
    """
    config = engine.models.config
    choice = PhysicsChoice(
        minimize="vina",
        moves=settings.moves,
        restarts=settings.restarts,
        finalists=settings.finalists,
        rank_by=settings.rank_by,  # type: ignore[arg-type]
    )
    physics = choice.over(config.physics)
    names = _evidence(engine.models, settings.evidence)
    validation = read_ids(settings.validation)
    held_out = {*validation, *(name for file in settings.held_out for name in read_ids(file))}
    docking = docking_settings(
        engine.models, PredictSettings(num_poses=settings.num_poses, seed=settings.seed), restraint=None
    )
    searched = {one.name: getattr(physics, one.name) for one in fields(HowMade) if hasattr(physics, one.name)}
    made = HowMade(num_poses=settings.num_poses, steps=docking.sampler.steps, **searched)
    measuring: JudgeOf
    if settings.train is None:
        fitted = measured = _rows(engine, settings, "validation", validation, docking, physics, None, on_row)
        judge = replace(fit_judge(fitted, names, made), cross_validated=True)
        measuring = cross_fitted(fitted, names, made)
    else:
        training = chosen_ids(read_ids(settings.train), settings.manifest, settings.count)
        check_training(training, held_out)
        unseen = members_by_id(engine.models.contacts, settings.manifest, training)
        fitted, measured = (
            _rows(engine, settings, name, ids, docking, physics, members, on_row)
            for name, ids, members in (("train", training, unseen), ("validation", validation, None))
        )
        judge = measuring = fit_judge(fitted, names, made, held_out=held_out)
    found = measure_ranking(measuring, measured, physics.rank_by)
    judge = replace(judge, reliability=judge_reliability(measuring, measured, physics.rank_by))
    summary = {"judge": asdict(judge), "cross_validated_loss": evidence_losses(fitted, names), **found}
    write_json(settings.out / RANKING_FILE, summary)
    write_config(engine.models.directory, replace(config, pose_judge=judge, physics=physics))
    return summary


def _evidence(models: Models, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """Names of the features.

    Raises:
        ConfigError: the checkpoint cannot compute one of them.
    """
    given = {"confidence": models.confidence, "contacts": models.contacts}
    lacking = [part for part, module in given.items() if module is None]
    if wanted is None:
        return OF_ENERGY if "contacts" in lacking else OF_CONTACTS
    impossible = [name for name in wanted if name.split("_")[0] in lacking]
    if impossible:
        raise ConfigError(f"this checkpoint has nothing to compute {impossible[0]} with; leave it out of the evidence")
    return wanted


def measure_ranking(judge: JudgeOf | None, rows: Sequence[PoseRow], rank_by: str) -> dict[str, Any]:
    """Ablation of the rankings and reliability of the probabilities on rows of held-out complexes."""
    reliability = () if judge is None else judge_reliability(judge, rows, rank_by)
    return {"ablation": ablation(rows, judge), "reliability": [asdict(one) for one in reliability]}


def evidence_losses(rows: Sequence[PoseRow], names: tuple[str, ...]) -> dict[str, float]:
    """Cross-validated log loss (nat) of the evidence as chosen, and with one name more or one less."""
    docked = [row for row in rows if row.rmsd]
    lacking = {"confidence"} if not all(row.confidence for row in docked) else set()
    if not all(row.contacts for row in docked):
        lacking |= {name for name in EVIDENCE if name.startswith("contacts_")}
    known = [name for name in EVIDENCE if name not in lacking]
    changed = (tuple(name for name in known if (name in names) != (name == other)) for other in known)
    return {
        " + ".join(one): round(log_loss(docked, cross_validated(docked, one)), 4) for one in (names, *changed) if one
    }


def members_by_id(contacts: ContactScorer | None, manifest: Path | None, ids: Collection[str]) -> dict[str, int] | None:
    """The held-out member of the contact score for each training complex; None without a contact score.

    Raises:
        ConfigError: clusters are not known, so the judge would be fitted to scores that were trained on the same poses.
    """
    if contacts is None:
        return None
    if manifest is None:
        raise ConfigError(
            "the contact score was fitted to training complexes, and without their clusters it is not known by which "
            "members; give the manifest (--one-per-cluster)"
        )
    cluster = read_manifest(manifest, list(ids)).cluster
    return {name: held_out_member(cluster.get(name, name), contacts.config.members) for name in ids}


def chosen_ids(ids: Collection[str], manifest: Path | None, count: int) -> list[str]:
    """Up to `count` ids in a fixed random order, at most one of each cluster where there is a manifest.

    Raises:
        InputError: the manifest cannot be read.
    """
    mixed = random.Random(0).sample(sorted(ids), len(ids))
    if manifest is not None:
        cluster = read_manifest(manifest, mixed).cluster
        first: dict[str, str] = {}
        for name in mixed:
            first.setdefault(cluster.get(name, name), name)
        mixed = list(first.values())
    return mixed[:count]


def _rows(
    engine: Engine,
    settings: RankingSettings,
    name: str,
    ids: list[str],
    docking: DockingSettings,
    physics: PhysicsSettings,
    members: Mapping[str, int] | None,
    on_row: OnRow | None,
) -> list[PoseRow]:
    cases = FileCases(
        settings.data,
        ids,
        seed=settings.seed,
        lm_dim=engine.models.config.lm_dim,
        all_atoms=engine.models.config.expert is not None,
    )
    return dock_rows(engine, cases, docking, physics, settings.out / f"{name}.jsonl", members=members, on_row=on_row)
