"""What `predict` shows: a progress bar on a terminal, plain lines in a log, notes, and a small table at the end."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco_dock.cli.bar import BarConsole
from disco_dock.cli.group_table import group_table
from disco_dock.cli.wording import WIDTH, cut, wrapped
from disco_dock.runtime.errors import one_line
from disco_dock.runtime.notes import Caution
from disco_dock.runtime.tables import cell_text

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from disco_dock.docking.runs.inputs import DockingJob
    from disco_dock.docking.runs.summary import ComplexSummary
    from disco_dock.docking.settings import PredictSettings

SHOWN_POSES = 5
SHOWN_ROWS = 20
MAX_CELL = 60
MAX_NAME = 28  # of a complex in a table
SAMPLING = 0.7  # share of the bar that sampling fills
LOG_STEPS = 4  # lines per complex when the output is no terminal


class Console(BarConsole):
    """Progress on stderr, results on stdout; use it as a context manager around the work."""

    def __init__(self, *, batch: bool, verbose: bool = False) -> None:
        """Show one complex with its warnings (and other notes when verbose), or a batch with a line for each."""
        super().__init__()
        self._batch = batch
        self._verbose = verbose
        self._all = None
        self._name = ""
        self._shown = 0
        self._notes = 0

    def _columns(self) -> tuple[ProgressColumn, ...]:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

        percent = TextColumn("{task.percentage:3.0f}%")
        return TextColumn("{task.description}"), BarColumn(), percent, TimeRemainingColumn()

    def start(self, name: str, number: int, total: int) -> None:
        """Show the complex that begins."""
        self._name = f"[{number}/{total}] {name}" if self._batch else name
        self._shown = self._notes = 0
        if self._bar is not None:
            if self._batch and self._all is None:
                self._all = self._bar.add_task("all complexes", total=total)
            self._task = self._bar.add_task(self._escaped(), total=None)

    def step(self, done: int, total: int) -> None:
        """Show how far the sampling is; the bar is full when the poses are refined and checked too."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=SAMPLING * done, total=total)
            if done >= total and not self._batch:
                self._bar.update(self._task, description=f"{self._escaped()}: refining and checking")
        elif not self._batch and done * LOG_STEPS // max(total, 1) > self._shown:
            self._shown = done * LOG_STEPS // total
            ahead = "; refining and checking" if done >= total else ""
            self.say(f"{self._name}: sampled {100 * done // total} %{ahead}")

    def _escaped(self) -> str:
        from rich.markup import escape

        return escape(self._name)

    def note(self, text: str) -> None:
        """Show a warning, other notes when verbose; in a batch only count warnings, they are in its run.json."""
        must_read = isinstance(text, Caution)
        self._notes += must_read
        if not self._batch and (must_read or self._verbose):
            self.say(f"{'warning' if must_read else 'note'}: {text}")

    def finish(self, row: ComplexSummary) -> None:
        """Show how a complex of a batch ended, and what happened to earlier results."""
        if self._bar is not None and self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
            if self._all is not None:
                self._bar.advance(self._all)
        message = f": {row.message}" if row.message else ""
        if self._batch:
            count = f"{self._notes} warning{'' if self._notes == 1 else 's'}"
            notes = f" ({count} in its run.json)" if self._notes else ""
            self.say(f"{self._name}: {row.status} in {row.seconds:.1f} s{notes}{message}")
        elif message:
            self.say(f"note{message}")

    def say(self, text: str) -> None:
        """Show one line above the bar."""
        text = one_line(text)
        if self._bar is not None:
            self._bar.console.print(wrapped(text), markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def print_results(self, out: Path, rows: Sequence[ComplexSummary], *, report: bool = False) -> None:
        """Print the table of poses of a single complex, or of the complexes of a batch; `report`: it follows."""
        if self._batch:
            print(_batch_table(rows))
            counts = ", ".join(
                f"{sum(row.status == status for row in rows)} {status}" for status in ("ok", "reused", "failed")
            )
            print(*_best_states(rows), sep="", end="")
            print(f"{len(rows)} complexes: {counts}; results in {out}")
            if not report:
                print(f"next: disco-dock report {out}")
            return
        with (out / "results.csv").open(newline="", encoding="utf-8") as file:
            poses = list(csv.DictReader(file))
        record = json.loads((out / "run.json").read_text(encoding="utf-8"))
        print(pose_table(poses))
        left = len(distinct_poses(poses)) - SHOWN_POSES
        if left > 0:
            print(f"... and {left} more in results.csv")
        print(*_latent_tables(record), sep="\n", end="")
        groups = group_table(record.get("receptor", {}), verbose=self._verbose)
        if groups:
            print(f"\n{groups}\n")
        print(*_facts(rows[0], record), sep="", end="")
        count = "1 pose" if rows[0].num_poses == 1 else f"{rows[0].num_poses} poses"
        print(f"{count} {'reused' if rows[0].status == 'reused' else 'written'} in {out}")
        if not (report or (out / "report.html").exists()):
            print(f"next: disco-dock report {out}")


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns under their names; long cells are cut."""
    cut = [[one_line(cell) for cell in row] for row in [columns, *rows]]
    cut = [[cell if len(cell) <= MAX_CELL else cell[: MAX_CELL - 3] + "..." for cell in row] for row in cut]
    widths = [max(len(row[index]) for row in cut) for index in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cut
    )


def pose_table(poses: Sequence[Mapping[str, str]]) -> str:
    """One row for each distinct pose of a results.csv, in 80 columns; columns that are empty are left out."""
    distinct = distinct_poses(poses)[:SHOWN_POSES]
    found = {
        "pose": [first["rank"] for first, _ in distinct],
        "given as": [first.get("given_as", "") for first, _ in distinct],
        "P(<2 A)": [_percent(first["p_rmsd_under_2"]) for first, _ in distinct],
        "Vina": [_number(first["vina_score"], 1) for first, _ in distinct],
        "contacts": [_number(first["contact_score"], 2) for first, _ in distinct],
        "core": [_number(first.get("core_rmsd", ""), 1) for first, _ in distinct],
        "RMSD": [_number(first.get("rmsd", ""), 1) for first, _ in distinct],
        "valid": [{"true": "yes", "false": "NO"}.get(first["valid"], "") for first, _ in distinct],
        "clashes": [first["clash_count"] for first, _ in distinct],
        "copies": [str(len(others)) for _, others in distinct],
    }
    if any(found["valid"]) or not any(value.strip("0") for value in found["clashes"]):
        del found["clashes"]
    shown = {name: cells for name, cells in found.items() if any(cells)}
    if not {"P(<2 A)", "Vina", "contacts"} & shown.keys():
        shown["confidence"] = [_number(first["confidence"], 2) for first, _ in distinct]
    used = sum(max(len(name), *map(len, cells)) + 2 for name, cells in shown.items())
    residues = [_fitting((first.get("key_residues") or "").split(), WIDTH - used) for first, _ in distinct]
    if any(residues):
        shown["key residues"] = residues
    return text_table(tuple(shown), list(zip(*shown.values(), strict=True)))


def distinct_poses(
    poses: Sequence[Mapping[str, str]],
) -> list[tuple[Mapping[str, str], list[Mapping[str, str]]]]:
    """The best pose of each group of like ones, with all of its group."""
    groups: dict[str, list[Mapping[str, str]]] = {}
    for pose in poses:
        known = pose.get("copy_of") if "copy_of" in pose else pose["cluster"]
        groups.setdefault(known or pose["rank"], []).append(pose)
    return [(group[0], group) for group in groups.values()]


def _fitting(words: Sequence[str], width: int) -> str:
    text = ""
    for word in words:
        if len(text) + len(word) + 1 > width:
            break
        text = f"{text} {word}".strip()
    return text


def _percent(value: str) -> str:
    return f"{100 * float(value):.0f} %" if value else ""


def _number(value: str, digits: int) -> str:
    return f"{float(value):.{digits}f}" if value else ""


def headline(job: DockingJob, settings: PredictSettings) -> str:
    """What is docked into what, where, and how often."""
    atoms = job.ligand.num_atoms
    where = "anywhere in" if settings.pocket is None else "into the pocket of"
    if settings.start_pose is not None:
        where = f"from the pose of {settings.start_pose} in"
    if settings.core is not None:
        where = f"on the core of {settings.core} in"
    poses = "1 pose" if settings.num_poses == 1 else f"{settings.num_poses} poses"
    begin, end = f"docking {job.ligand.name} ({atoms} heavy atoms) {where} ", f": {poses}"
    protein = str(job.protein) if len(f"{begin}{job.protein}{end}") <= WIDTH else job.protein.name
    return f"{begin}{protein}{end}"


def _facts(row: ComplexSummary, record: Mapping[str, Any]) -> list[str]:
    """Lines on the validity of the poses of a complex; none where they were not checked."""
    if row.valid_poses is None:
        return []
    if row.draws > row.num_poses:
        share = f"{row.valid_poses} valid poses of {row.draws} draws ({100 * row.valid_poses / row.draws:.0f} %)"
        return [f"{share}; the others are in poses_rejected.sdf\n"]
    checked = (record.get("validity") or {}).get("checked", row.num_poses)
    return [f"{row.valid_poses} of {checked} checked poses {'is' if checked == 1 else 'are'} valid\n"]


def _latent_tables(record: Mapping[str, Any]) -> list[str]:
    """The enumerated modes and the suggested pockets of a run.json as blocks of lines; none when not asked for."""
    blocks = []
    if record["settings"]["modes"]:
        rows = [
            [
                str(mode["number"]),
                " ".join(mode["latents"]),
                f"{mode['probability']:.4f}",
                str(mode["poses"]),
                " ".join(map(str, mode["clusters"])),
                str(mode["best_rank"] or ""),
            ]
            for mode in record["modes"]
        ]
        blocks.append(text_table(("mode", "latents", "probability", "poses", "clusters", "best_rank"), rows))
    suggestion = record["pocket_suggestion"]
    if suggestion:
        rows = [
            [
                str(number),
                f"{site['probability']:.3f}",
                ",".join(f"{value:.1f}" for value in site["center"]),
                " ".join(site["residues"][:4]),
            ]
            for number, site in enumerate(suggestion["sites"], start=1)
        ]
        blocks.append(text_table(("suggested_site", "probability", "center", "residues"), rows))
        best = ", ".join(f"{name} {share:.3f}" for name, share in suggestion["residues"][:5])
        blocks.append(f"the prior's latents point at {best}")
    return [f"\n{block}\n" for block in blocks]


def _best_states(rows: Sequence[ComplexSummary]) -> list[str]:
    """A line for each ligand that was docked in several states, with the best one."""
    lines = []
    for row in rows:
        if row.best_state:
            states = sum(one.state_of == row.state_of and one.protein == row.protein for one in rows)
            score = "" if row.vina_score is None else f", {row.vina_score:.1f} kcal/mol"
            lines.append(f"best of {states} states of {row.state_of}: {row.name} ({row.smiles}{score})\n")
    return lines


def _batch_table(rows: Sequence[ComplexSummary]) -> str:
    """The complexes of a batch; failures first when there are too many to show."""
    shown = list(rows) if len(rows) <= SHOWN_ROWS else sorted(rows, key=lambda row: row.status != "failed")[:SHOWN_ROWS]
    cells = [
        [
            cut(row.name, MAX_NAME),
            row.status,
            _percent(cell_text(row.p_rmsd_under_2)),
            _number(cell_text(row.vina_score), 1),
            {None: "", True: "yes", False: "NO"}[row.valid],
            row.message,
        ]
        for row in shown
    ]
    heads = ("name", "status", "P(<2 A)", "Vina", "valid", "message")
    used = (
        sum(2 + max(len(head), *(len(one[at]) for one in cells)) for at, head in enumerate(heads[:-1])) if cells else 0
    )
    table = text_table(heads, [[*one[:-1], cut(one[-1], WIDTH - used)] for one in cells])
    return table if len(shown) == len(rows) else f"{table}\n... and {len(rows) - len(shown)} more in results.csv"
