"""One pose of a docked complex in sentences, from the files of its folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from disco_dock.interactions.fingerprint import WORDS
from disco_dock.report.trust import NOT_AN_AFFINITY, UNCALIBRATED, in_words
from disco_dock.runtime.errors import InputError


def explain_pose(rows: Sequence[Mapping[str, str]], record: Mapping[str, Any], rank: int) -> str:
    """What is known of a pose, one sentence a line, and what a user should know about the run.

    Args:
        rows: of results.csv, best first.
        record: run.json.
        rank: of the pose, from 1.

    Raises:
        InputError: there is no such pose.
    """
    if not 1 <= rank <= len(rows):
        raise InputError(f"there is no pose {rank}; this complex has poses 1 to {len(rows)}")
    row = rows[rank - 1]
    notes = [f"- {note}" for note in record["notes"]]
    return "\n".join(
        [
            f"Pose {rank} of {len(rows)} of {record['name']} ({record['inputs']['ligand']['smiles']}).",
            *_trust(row, record, rank),
            *_scores(row, len(rows)),
            *_place(row, rows),
            *_validity(row),
            *_interactions(row),
            *(["Notes on this run:", *notes] if notes else []),
        ]
    )


def _trust(row: Mapping[str, str], record: Mapping[str, Any], rank: int) -> Iterator[str]:
    """How likely the pose is right."""
    if not row.get("p_rmsd_under_2"):
        yield UNCALIBRATED
        return
    near = float(row["p_rmsd_under_2"])
    yield f"It is within 2 Å of the true pose with a probability of {near:.2f} ({row['trust']})."
    measured = in_words(record.get("reliability", []), 2.0, rank, near)
    if measured:
        yield measured
    yield NOT_AN_AFFINITY


def _scores(row: Mapping[str, str], total: int) -> Iterator[str]:
    """Energy, scores and ranks."""
    parts = {
        "vina_score": "Vina energy {} kcal/mol",
        "contact_score": "contact score {} (higher is better)",
        "strain": "strain of the ligand {} kcal/mol",
    }
    found = [text.format(row[name]) for name, text in parts.items() if row.get(name)]
    if found:
        yield f"{', '.join(found)}."
    ranks = {name.removeprefix("rank_"): value for name, value in row.items() if name.startswith("rank_") and value}
    if ranks:
        yield "Its rank is " + ", ".join(f"{value} of {total} by {name}" for name, value in ranks.items()) + "."


def _place(row: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Agreement with other poses, pocket and overlap."""
    alike = sum(other["cluster"] == row["cluster"] for other in rows)
    yield f"{alike} of {len(rows)} poses are in its cluster, number {row['cluster']} (within 2 Å of its best)."
    if row.get("pocket_distance"):
        yield f"Its centroid is {row['pocket_distance']} Å from the pocket's centre."
    if row["clash_count"] != "0":
        yield f"{row['clash_count']} of its atoms overlap the receptor."
    if row["stereo_kept"] == "false":
        yield "Its stereochemistry is not that of the input."


def _validity(row: Mapping[str, str]) -> Iterator[str]:
    """PoseBusters' verdict."""
    if row.get("valid") == "true":
        yield "It passes all checks of PoseBusters."
    elif row.get("valid"):
        yield f"It is not valid by PoseBusters: it fails {row['failed_checks'].replace(' ', ', ').replace('_', ' ')}."
    else:
        yield "It was not checked by PoseBusters."


def _interactions(row: Mapping[str, str]) -> Iterator[str]:
    """What holds the pose, by kind."""
    words = (row.get("interactions") or "").split()
    for kind, short in WORDS.items():
        residues = [word.partition(":")[2] for word in words if word.partition(":")[0] == short]
        if residues:
            yield f"{kind.capitalize()}: {', '.join(residues)}."
