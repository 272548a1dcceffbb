"""A whole evaluation: networks, baselines, report, figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.posebusters_checks import require_posebusters
from disco_dock.data.sources import read_ids
from disco_dock.docking.engine import Engine, load_engine
from disco_dock.docking.judging import check_physics
from disco_dock.evaluation.baseline import Budget
from disco_dock.evaluation.baselines import (
    PROGRAMS,
    Baseline,
    baseline_methods,
    effort_text,
    require_baselines,
    seconds_used,
)
from disco_dock.evaluation.cases import Cases, open_cases
from disco_dock.evaluation.docked_once import SharedDocking
from disco_dock.evaluation.figures import require_matplotlib, write_figures
from disco_dock.evaluation.measure import evaluate
from disco_dock.evaluation.method import NetworkMethod
from disco_dock.evaluation.report import write_report
from disco_dock.evaluation.strata import read_manifest
from disco_dock.physics.settings import NO_PHYSICS, PhysicsChoice, PhysicsSettings
from disco_dock.runtime.config import to_dict
from disco_dock.runtime.errors import InputError
from disco_dock.sampling.sample import DockingSettings

OnRow = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """What to evaluate and how.

    Attributes:
        data: folder of complexes or shards.
        split: file of ids, or None for all.
        out: folder for everything that is written.
        checkpoint: folder, or None for the bundled one.
        num_poses: poses per complex.
        batch_size: poses at a time.
        steps: reverse diffusion steps, or None for the checkpoint's.
        seed: random seed.
        device: "auto", "cpu", "cuda", ...
        check_poses: best-ranked poses that PoseBusters tests, -1 for all, 0 for none.
        figures: whether to write PNG files.
        manifest: CSV of clusters and splits, or None.
        training_ids: files of the ids that were trained on; empty takes the manifest's split "train".
        baselines: other programs to run beside the networks, each in a box around the receptor or the crystal ligand.
        efforts: "equal" (the same processor time) and "default" (what each program does by itself), or both.
        baseline_cpu_seconds: their processor time, or None for that of our own docking of the same complex.
        in_pocket: also dock with the place of the crystal ligand given to the networks.
        physics: measured beside the networks alone, on top of what the checkpoint says.
        rankings: by which the same poses after physics are ranked too.
        groups: which groups of the structure files are obstacles, by name for all complexes.
    """

    data: Path
    out: Path
    split: Path | None = None
    checkpoint: Path | None = None
    num_poses: int = 10
    batch_size: int = 10
    steps: int | None = None
    seed: int = 0
    device: str = "auto"
    check_poses: int = -1
    figures: bool = True
    manifest: Path | None = None
    training_ids: tuple[Path, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    efforts: tuple[str, ...] = ("equal",)
    baseline_cpu_seconds: float | None = None
    in_pocket: bool = False
    physics: PhysicsChoice = PhysicsChoice()
    rankings: tuple[str, ...] = ()
    groups: GroupChoice = GroupChoice()


def run_evaluation(settings: EvaluationSettings, *, on_row: OnRow | None = None) -> dict[str, Any]:
    """The summary of an evaluation, after writing all its files; finished complexes of an earlier run are kept.

    Raises:
        DiscoError: something needed is missing; this is checked before any docking.
    """
    ids = None if settings.split is None else read_ids(settings.split)
    trained = [name for file in settings.training_ids for name in read_ids(file)] or None
    manifest = None if settings.manifest is None else read_manifest(settings.manifest, trained)
    engine = load_engine(settings.checkpoint, settings.device)
    cases = open_cases(
        settings.data,
        ids,
        seed=settings.seed,
        lm_dim=engine.models.config.score.lm_dim,
        all_atoms=engine.models.config.expert is not None,
        groups=settings.groups,
    )
    _check_needs(settings, cases)
    physics = check_physics(settings.physics, engine.models)
    if not cases.has_files and not settings.physics.requested:
        physics = NO_PHYSICS  # shards hold no receptor atoms
    chosen = {} if settings.groups == GroupChoice() else {"groups": to_dict(settings.groups)}
    options = {
        "out": settings.out,
        "check_poses": settings.check_poses if cases.has_files else 0,
        "reading": chosen,
        "on_row": on_row,
    }
    shared = SharedDocking(engine, _sampling(engine, settings))
    network = NetworkMethod(shared)
    requested = settings.physics.requested
    ours = [NetworkMethod(shared, one, physics_requested=requested) for one in _rankings(settings, physics)]
    in_pocket = (
        [physics, *(one for one in _rankings(settings, physics) if one != physics)] if settings.in_pocket else []
    )
    told = [NetworkMethod(shared, one, physics_requested=requested, in_pocket=True) for one in in_pocket]
    rows = evaluate([network, *ours, *told], cases, **options)
    main = {"blind": (ours or [network])[0], "pocket": (told or ours or [network])[0]}
    against: list[tuple[str, str]] = []
    for baseline in settings.baselines:
        own, fixed = main[baseline.where], settings.baseline_cpu_seconds
        origin = own.settings if fixed is None else fixed
        budget = Budget(seconds_used(rows[own.name], fixed), origin)
        search = {"num_poses": settings.num_poses, "seed": settings.seed}
        for method in baseline_methods(baseline, settings.efforts, budget, **search):
            with method:
                rows |= evaluate([method], cases, **options)
            against.append((own.name, method.name))
    facts = {
        "checkpoint": {"name": engine.models.config.name, "sha256": engine.models.sha256},
        "data": str(settings.data),
        "split": None if settings.split is None else str(settings.split),
        "device": str(engine.device),
        "sampling": network.settings["sampling"],
        "budget": effort_text(settings.baselines, settings.efforts, settings.baseline_cpu_seconds, engine.device.type),
        "posebusters_poses": settings.check_poses if cases.has_files else 0,
        **chosen,
    }
    pairs = dict.fromkeys([*against, *((network.name, name) for name in rows if name != network.name)])
    summary = write_report(settings.out, rows, tuple(pairs), manifest=manifest, facts=facts)
    if settings.figures:
        write_figures(settings.out, rows)
    return summary


def _check_needs(settings: EvaluationSettings, cases: Cases) -> None:
    """Fail before any docking when an optional package or the files are missing."""
    if settings.figures:
        require_matplotlib()
    if settings.check_poses and cases.has_files:
        require_posebusters("give --check-poses 0")
    if settings.in_pocket and not cases.has_files:
        raise InputError(f"{settings.data}: shards have no frame to give a pocket in; give the files of the complexes")
    if (settings.physics.requested or settings.rankings) and not cases.has_files:
        raise InputError(f"{settings.data}: physics needs the files of the complexes, and these are shards")
    if settings.baselines:
        require_baselines(settings.baselines)
        if not cases.has_files:
            program = PROGRAMS[settings.baselines[0].program]
            raise InputError(f"{settings.data}: {program} needs the files of the complexes, and these are shards")


def _rankings(settings: EvaluationSettings, physics: PhysicsSettings) -> list[PhysicsSettings]:
    """Physics settings to measure beside the networks alone: the chosen one, and other rankings of its poses."""
    others = (replace(physics, rank_by=name) for name in settings.rankings if name != physics.rank_by)
    return [*([] if physics == NO_PHYSICS else [physics]), *others]


def _sampling(engine: Engine, settings: EvaluationSettings) -> DockingSettings:
    """The checkpoint's sampling settings with the user's steps."""
    config = engine.models.config
    return DockingSettings(
        num_poses=settings.num_poses,
        seed=settings.seed,
        batch_size=settings.batch_size,
        sampler=config.sampler if settings.steps is None else replace(config.sampler, steps=settings.steps),
        latent_inverse_temperature=config.latent_inverse_temperature,
        guidance=config.guidance,
    )
