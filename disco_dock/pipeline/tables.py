"""Tables and records of a run: one row per complex, one row per pose, JSON and CSV on disk."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from disco_dock.runtime.files import atomic_write

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""

Status = Literal["ok", "failed", "reused"]
POSE_COLUMNS = (
    "rank",
    "confidence",
    "p_rmsd_under_2",
    "p_rmsd_under_5",
    "trust",
    "rank_confidence",
    "rank_vina",
    "rank_contacts",
    "rank_consensus",
    "latents",
    "latent_log_prob",
    "mode",
    "cluster",
    "pocket_distance",
    "clash_count",
    "stereo_kept",
    "valid",
    "failed_checks",
    "vina_score",
    "contact_score",
    "vina_score_before",
    "minimize_rmsd",
    "strain",
    "train_identity",
    "train_tanimoto",
    "seed",
    "sample",
)

BEST_NUMBERS = (
    "num_poses",
    "valid_poses",
    "draws",
    "confidence",
    "pocket_distance",
    "clash_count",
    "valid",
    "train_identity",
    "train_tanimoto",
)
"""Fields of a row that describe the poses, from `confidence` on the first-ranked one."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One complex of a run in the summary table; the numbers are those of its first-ranked pose.

    Attributes:
        name: of the complex, and of its folder in a batch.
        status: docked now, failed, or taken from an earlier run.
        error_code: "input", "config", "checkpoint" or "numerics" of a failure, else empty.
        message: the failure's sentence, or what happened to earlier results, else empty.
        protein: receptor file as given.
        ligand: ligand file or SMILES as given.
        smiles: canonical SMILES of the docked molecule.
        num_poses: poses written.
        valid_poses: those of them that are valid, or None where none was checked.
        draws: samples drawn; more than the poses where only valid ones are wanted.
        confidence: logit, or None without a confidence model.
        pocket_distance: Angstrom from the pocket centre, or None when docked blindly.
        clash_count: ligand atoms that overlap the receptor.
        valid: whether it passes PoseBusters, or None when it was not checked.
        train_identity: sequence identity of the nearest training protein, or None without a training index.
        train_tanimoto: Tanimoto similarity of the nearest training ligand.
        seconds: wall time spent on the complex in this run.
    """

    name: str
    status: Status
    error_code: str = ""
    message: str = ""
    protein: str
    ligand: str
    smiles: str = ""
    num_poses: int = 0
    valid_poses: int | None = None
    draws: int = 0
    confidence: float | None = None
    pocket_distance: float | None = None
    clash_count: int | None = None
    valid: bool | None = None
    train_identity: float | None = None
    train_tanimoto: float | None = None
    seconds: float = 0.0


ROW_COLUMNS = tuple(field.name for field in fields(Row))


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """CSV of some columns; None is an empty cell, True and False are "true" and "false".

    A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(row[column]) for column in columns] for row in rows)
    return buffer.getvalue()


def _plain(value: Any) -> str:
    text = cell_text(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text


def cell_text(value: Any) -> str:
    """A table value as text: None is empty, True and False are "true" and "false"."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically; bytes of a file's name that are not UTF-8 are written as escapes."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8", errors="backslashreplace"))


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write the summary table of a batch atomically."""
    write_text(path, csv_text(ROW_COLUMNS, [asdict(row) for row in rows]))


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON atomically."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
