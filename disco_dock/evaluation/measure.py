"""Dock complexes with a method and measure every pose; one row per complex, saved at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from disco_dock.chem.posebusters_checks import Surroundings, check_validity
from disco_dock.chem.write_sdf import PoseRecord, pose_mol, write_sdf
from disco_dock.evaluation.cases import Case, Cases
from disco_dock.evaluation.deviation import deviation
from disco_dock.evaluation.method import Method, RankedPoses
from disco_dock.evaluation.rows import MeasuredComplex, RowFile
from disco_dock.runtime.capped_worker import CappedWorker, WorkerError
from disco_dock.runtime.errors import DiscoError, InputError
from disco_dock.runtime.user_files import is_file_name

ALL_POSES = -1


def evaluate(
    methods: Sequence[Method],
    cases: Cases,
    out: Path,
    *,
    check_poses: int = ALL_POSES,
    reading: Mapping[str, Any] | None = None,
    on_row: Callable[[str, int, int], None] | None = None,
) -> dict[str, list[MeasuredComplex]]:
    """Rows of all complexes by the names of the methods; those of an earlier run with the same settings are kept.

    All methods dock a complex before the next one is read.

    Args:
        methods: what docks.
        cases: complexes with crystal poses.
        out: gets `<method>.jsonl` and the poses as `poses/<method>/<id>.sdf`.
        check_poses: best-ranked poses that PoseBusters tests, all when -1, none when 0.
        reading: what else the poses depend on, as plain values: how the files are read.
        on_row: called with (method, finished, all).
    """
    given = {**(reading or {}), "check_poses": check_poses}
    files = {
        method.name: RowFile(out / f"{method.name}.jsonl", {**method.settings, **given}, MeasuredComplex)
        for method in methods
    }
    with CappedWorker() as worker:
        for number, name in enumerate(cases.ids, start=1):
            left = [method for method in methods if name not in files[method.name].rows]
            case = _loaded(cases, name) if left else None
            for method in left:
                if isinstance(case, Case):
                    sdf = out / "poses" / method.name / f"{name}.sdf"
                    row = evaluate_one(method, case, worker, check_poses=check_poses, sdf=sdf)
                else:
                    row = MeasuredComplex(id=name, error=str(case))
                files[method.name].add(row)
            if on_row is not None:
                for method in methods:
                    on_row(method.name, number, len(cases.ids))
    return {name: [file.rows[one] for one in cases.ids] for name, file in files.items()}


def _loaded(cases: Cases, name: str) -> Case | DiscoError:
    """A complex, or why it cannot be read."""
    try:
        if not is_file_name(name):
            raise InputError(f"id {name!r}: its poses cannot be written under that name; give an id without slashes")
        return cases.load(name)
    except DiscoError as error:
        return error


def evaluate_one(method: Method, case: Case, worker: CappedWorker, *, check_poses: int, sdf: Path) -> MeasuredComplex:
    """Dock one complex and measure its poses; errors go into the row."""
    facts = {
        "id": case.name,
        "atoms": case.ligand.num_atoms,
        "torsions": case.graph.num_torsions,
        "inchikey": Chem.MolToInchiKey(case.ligand.mol),
    }
    try:
        docked = method.dock(case)
    except DiscoError as error:
        return MeasuredComplex(**facts, error=str(error))
    found = deviation(worker, case.ligand.mol, docked.pos, case.crystal)
    centroid = np.linalg.norm(docked.pos.mean(1) - case.crystal.mean(0), axis=1)
    valid, failed, notes = _validity(worker, case, docked, check_poses)
    row = MeasuredComplex(
        **facts,
        rmsd=_rounded(found.rmsd),
        centroid=_rounded(centroid),
        score=() if docked.score is None else _rounded(docked.score),
        probability=() if docked.probability is None else _rounded(docked.probability),
        valid=valid,
        failed_checks=failed,
        exact=found.exact,
        agreed=found.agreed,
        seconds=round(docked.seconds, 3),
        cpu_seconds=round(docked.cpu_seconds, 3),
        notes=notes,
    )
    _write_poses(sdf, case, docked, row)
    return row


def _validity(
    worker: CappedWorker, case: Case, docked: RankedPoses, count: int
) -> tuple[tuple[bool, ...], tuple[str, ...], tuple[str, ...]]:
    """Validity of each of the first poses, tests that the first one failed, and notes.

    Poses that PoseBusters cannot judge in time count as not valid.
    """
    count = len(docked.pos) if count == ALL_POSES else min(count, len(docked.pos))
    if not count or case.receptor is None:
        return (), (), ()
    poses = [pose_mol(case.ligand, pos) for pos in docked.pos[:count]]
    try:
        crystal = pose_mol(case.ligand, case.crystal)
        verdict = check_validity(worker, poses, Surroundings(case.receptor), crystal=crystal)
    except WorkerError as error:
        return (False,) * count, (), (f"PoseBusters: {error}; all poses count as not valid",)
    return verdict.valid, verdict.failed[0], ()


def _write_poses(path: Path, case: Case, docked: RankedPoses, row: MeasuredComplex) -> None:
    records = []
    for number, pos in enumerate(docked.pos):
        tags = {"rank": str(number + 1), "rmsd": f"{row.rmsd[number]:.3f}"}
        tags |= {"score": f"{row.score[number]:.4f}"} if row.score else {}
        tags |= {"valid": str(row.valid[number]).lower()} if number < len(row.valid) else {}
        records.append(PoseRecord(pos=pos, tags=tags))
    write_sdf(path, case.ligand, records)


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
