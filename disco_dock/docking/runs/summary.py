"""The summary table of a run: one row per complex."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal

from disco_dock.docking.best_state import state_order
from disco_dock.runtime.tables import csv_text, write_text

Status = Literal["ok", "failed", "reused"]

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
    "p_rmsd_under_2",
    "trust",
    "vina_score",
    "contact_score",
    "strain",
    "key_residues",
    "ligand_efficiency",
)
"""Fields of a row that describe the poses, from `confidence` on the first-ranked one."""


@dataclass(frozen=True, kw_only=True)
class ComplexSummary:
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
        p_rmsd_under_2: probability of an RMSD below 2 Angstrom, or None.
        trust: the same in words.
        vina_score: kcal/mol, not an affinity, or None.
        contact_score: of the checkpoint, higher is better, or None.
        strain: kcal/mol, or None.
        key_residues: those that hold the pose, strongest first.
        seconds: wall time spent on the complex in this run.
        ligand_efficiency: kcal/mol of the Vina score for each heavy atom, higher is better, or None.
        state_of: the ligand of which this is one protonation state or configuration of several, else empty.
        best_state: whether it is the best of these (`mark_best_states`), or None for the only one.
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
    p_rmsd_under_2: float | None = None
    trust: str | None = None
    vina_score: float | None = None
    contact_score: float | None = None
    strain: float | None = None
    key_residues: str | None = None
    ligand_efficiency: float | None = None
    state_of: str = ""
    best_state: bool | None = None


ROW_COLUMNS = tuple(field.name for field in fields(ComplexSummary))


def mark_best_states(rows: Sequence[ComplexSummary]) -> list[ComplexSummary]:
    """The rows, with the best state of each ligand marked: that of the lowest Vina score, else highest confidence.

    Neither score counts what a state costs in water; the states that are compared are those that are not rare there.
    """
    groups: dict[tuple[str, str, str], list[int]] = {}
    for index, row in enumerate(rows):
        if row.state_of and row.status != "failed":
            groups.setdefault((row.protein, row.ligand, row.state_of), []).append(index)
    best = {
        min(group, key=lambda index: state_order(rows[index].vina_score, rows[index].confidence))
        for group in groups.values()
    }
    among = {index for group in groups.values() for index in group}
    return [replace(row, best_state=index in best) if index in among else row for index, row in enumerate(rows)]


def write_summary(path: Path, rows: Sequence[ComplexSummary]) -> None:
    """Write the summary table of a batch atomically."""
    write_text(path, csv_text(ROW_COLUMNS, [asdict(row) for row in rows]))
