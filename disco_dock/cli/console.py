"""What `predict` shows: a progress bar on a terminal, plain lines in a log, notes, and a small table at the end."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from disco_dock.runtime.errors import one_line

if TYPE_CHECKING:
    from disco_dock.docking.runs.summary import ComplexSummary

SHOWN_POSES = 5
SHOWN_ROWS = 20
MAX_CELL = 60
LOG_STEPS = 4  # lines per complex when the output is no terminal


class Console:
    """Progress on stderr, results on stdout; use it as a context manager around the work."""

    def __init__(self, *, batch: bool) -> None:
        """Show one complex with its notes, or a batch with a line for each complex."""
        self._batch = batch
        self._bar = None
        self._task = None
        self._all = None
        self._name = ""
        self._shown = 0
        self._notes = 0

    def __enter__(self) -> Console:
        """Start the progress bar when stderr is a terminal."""
        if sys.stderr.isatty():
            from rich.console import Console as Terminal
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:3.0f}%"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Terminal(stderr=True), transient=True)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the progress bar."""
        if self._bar is not None:
            self._bar.stop()

    def start(self, name: str, number: int, total: int) -> None:
        """Show the complex that begins."""
        self._name = f"[{number}/{total}] {name}" if self._batch else name
        self._shown = self._notes = 0
        if self._bar is not None:
            from rich.markup import escape

            if self._batch and self._all is None:
                self._all = self._bar.add_task("all complexes", total=total)
            self._task = self._bar.add_task(escape(self._name), total=None)

    def step(self, done: int, total: int) -> None:
        """Show how far the sampling is."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total)
        elif not self._batch and done * LOG_STEPS // max(total, 1) > self._shown:
            self._shown = done * LOG_STEPS // total
            self._line(f"{self._name}: {100 * done // total} %")

    def note(self, text: str) -> None:
        """Show a note; in a batch only count it, it is in the complex's run.json."""
        self._notes += 1
        if not self._batch:
            self._line(f"note: {text}")

    def finish(self, row: ComplexSummary) -> None:
        """Show how a complex of a batch ended, and what happened to earlier results."""
        if self._bar is not None and self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
            if self._all is not None:
                self._bar.advance(self._all)
        message = f": {row.message}" if row.message else ""
        if self._batch:
            notes = f" ({self._notes} notes in its run.json)" if self._notes else ""
            self._line(f"{self._name}: {row.status} in {row.seconds:.1f} s{notes}{message}")
        elif message:
            self._line(f"note{message}")

    def _line(self, text: str) -> None:
        text = one_line(text)
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def print_results(self, out: Path, rows: Sequence[ComplexSummary]) -> None:
        """Print the table of poses of a single complex, or of the complexes of a batch."""
        if self._batch:
            print(_batch_table(rows))
            counts = ", ".join(
                f"{sum(row.status == status for row in rows)} {status}" for status in ("ok", "reused", "failed")
            )
            print(f"{len(rows)} complexes: {counts}; results in {out}")
            return
        print(_pose_table(out / "results.csv"))
        print(*_latent_tables(out / "run.json"), sep="\n", end="")
        print(*_facts(rows[0]), sep="\n", end="")
        print(f"{rows[0].num_poses} poses {'reused' if rows[0].status == 'reused' else 'written'} in {out}")


def _facts(row: ComplexSummary) -> list[str]:
    """Lines on the validity of the poses of a complex; none where they were not checked."""
    if row.valid_poses is None:
        return []
    if row.draws > row.num_poses:
        share = f"{row.valid_poses} valid poses of {row.draws} draws ({100 * row.valid_poses / row.draws:.0f} %)"
        return [f"{share}; the others are in poses_rejected.sdf\n"]
    return [f"{row.valid_poses} of {row.num_poses} poses are valid\n"]


PHYSICS = ("vina_score", "contact_score", "vina_score_before", "minimize_rmsd", "strain")


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns under their names; long cells are cut."""
    cut = [[one_line(cell) for cell in row] for row in [columns, *rows]]
    cut = [[cell if len(cell) <= MAX_CELL else cell[: MAX_CELL - 3] + "..." for cell in row] for row in cut]
    widths = [max(len(row[index]) for row in cut) for index in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cut
    )


def _pose_table(path: Path) -> str:
    """The first poses of a results.csv, without the columns that are empty."""
    with path.open(newline="", encoding="utf-8") as file:
        poses = list(csv.DictReader(file))[:SHOWN_POSES]
    wanted = (
        "rank",
        "given_as",
        "confidence",
        "p_rmsd_under_2",
        "p_rmsd_under_5",
        "trust",
        "latents",
        "mode",
        "cluster",
        "pocket_distance",
        "clash_count",
        "stereo_kept",
        "valid",
        *PHYSICS,
    )
    columns = [name for name in wanted if any(pose.get(name) for pose in poses)]
    return text_table(columns, [[pose[name] for name in columns] for pose in poses])


def _latent_tables(path: Path) -> list[str]:
    """The enumerated modes and the suggested pockets of a run.json as blocks of lines; none when not asked for."""
    record = json.loads(path.read_text(encoding="utf-8"))
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


def _batch_table(rows: Sequence[ComplexSummary]) -> str:
    """The complexes of a batch; failures first when there are too many to show."""
    shown = list(rows) if len(rows) <= SHOWN_ROWS else sorted(rows, key=lambda row: row.status != "failed")[:SHOWN_ROWS]
    cells = [
        [
            row.name,
            row.status,
            "" if row.confidence is None else f"{row.confidence:.2f}",
            "" if row.clash_count is None else str(row.clash_count),
            "" if row.valid_poses is None else f"{row.valid_poses}/{row.draws}",
            row.message,
        ]
        for row in shown
    ]
    table = text_table(("name", "status", "confidence", "clash_count", "valid/draws", "message"), cells)
    return table if len(shown) == len(rows) else f"{table}\n... and {len(rows) - len(shown)} more in results.csv"
