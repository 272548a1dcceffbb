"""A whole evaluation: networks, baselines, report, figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.posebusters_checks import require_posebusters
from disco_dock.data.sources import read_ids
from disco_dock.docking.engine import Engine, load_engine
from disco_dock.docking.judging import check_physics
from disco_dock.evaluation.cases import Cases, open_cases
from disco_dock.evaluation.docked_once import SharedDocking
from disco_dock.evaluation.figures import require_matplotlib, write_figures
from disco_dock.evaluation.measure import evaluate
from disco_dock.evaluation.method import NetworkMethod
from disco_dock.evaluation.report import write_report
from disco_dock.evaluation.rows import MeasuredComplex
from disco_dock.evaluation.strata import read_manifest
from disco_dock.evaluation.vina.method import VinaMethod, Where, require_vina
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
        blind: run Vina in a box around the receptor.
        pocket: run Vina in a box around the crystal ligand.
        vina_cpu_seconds: processor time of Vina, or None for that of the networks on the same complex.
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
    blind: bool = False
    pocket: bool = False
    vina_cpu_seconds: float | None = None
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
    told = [NetworkMethod(shared, physics, physics_requested=requested, in_pocket=True)] if settings.in_pocket else []
    rows = evaluate([network, *ours, *told], cases, **options)
    wheres: list[Where] = [where for where in ("blind", "pocket") if getattr(settings, where)]
    for where in wheres:
        budget = _budget(settings, rows[(ours or [network])[0].name])
        origin = (
            {**network.settings, "physics": asdict(physics)}
            if settings.vina_cpu_seconds is None
            else settings.vina_cpu_seconds
        )
        search = {"num_poses": settings.num_poses, "seed": settings.seed}
        with VinaMethod(where, **search, budget=budget, budget_origin=origin) as vina:
            rows |= evaluate([vina], cases, **options)
    facts = {
        "checkpoint": {"name": engine.models.config.name, "sha256": engine.models.sha256},
        "data": str(settings.data),
        "split": None if settings.split is None else str(settings.split),
        "device": str(engine.device),
        "sampling": network.settings["sampling"],
        "budget": _budget_text(settings, engine, bool(wheres)),
        "posebusters_poses": settings.check_poses if cases.has_files else 0,
        **chosen,
    }
    summary = write_report(settings.out, rows, network.name, manifest=manifest, facts=facts)
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
    if settings.blind or settings.pocket:
        require_vina()
        if not cases.has_files:
            raise InputError(f"{settings.data}: Vina needs the files of the complexes, and these are shards")


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


def _budget(settings: EvaluationSettings, rows: Sequence[MeasuredComplex]) -> dict[str, float]:
    """Processor seconds of Vina by complex: as given, or as the networks took (their mean where they failed)."""
    if settings.vina_cpu_seconds is not None:
        return {row.id: settings.vina_cpu_seconds for row in rows}
    used = [row.cpu_seconds for row in rows if row.rmsd]
    mean = sum(used) / max(len(used), 1)
    return {row.id: row.cpu_seconds if row.rmsd else mean for row in rows}


def _budget_text(settings: EvaluationSettings, engine: Engine, baselines: bool) -> str:
    if not baselines:
        return "no baseline was run"
    if settings.vina_cpu_seconds is not None:
        return f"Vina got {settings.vina_cpu_seconds:g} CPU seconds per complex and box, at least one Monte-Carlo run"
    remark = "" if engine.device.type == "cpu" else f"; the networks also used the device {engine.device}"
    return (
        "Vina got, per complex and box, the CPU seconds that the networks took for it, at least one Monte-Carlo run"
        f"{remark}"
    )
