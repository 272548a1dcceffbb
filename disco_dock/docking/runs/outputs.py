"""The folder of one complex: ranked poses, tables and the record that marks them complete."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from disco_dock.chem.write_complex import fits_pdb, write_complex_cif, write_complex_pdb
from disco_dock.chem.write_sdf import write_sdf
from disco_dock.chem.write_trajectory import write_trajectory_pdb
from disco_dock.docking.prediction import Prediction
from disco_dock.docking.runs.summary import BEST_NUMBERS
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.files import sha256_file
from disco_dock.runtime.tables import write_json

POSES, BEST, COMPLEX, TABLE, RECORD = "poses.sdf", "rank1.sdf", "complex_rank1.pdb", "results.csv", "run.json"
COMPLEX_CIF = "complex_rank1.cif"
"""The complex again, where PDB columns do not hold its names and numbers as they are."""
TRAJECTORY = "trajectory_rank1.pdb"
LOCK = ".lock"
SAMPLED = "poses_sampled.sdf"
"""Poses as the networks gave them, beside minimised ones."""
REJECTED = "poses_rejected.sdf"
"""Invalid samples, where only valid ones are wanted."""
VIEWS = ("report.html", "view.pml", "view.cxc", "view.mvsj")
"""Written from the other files by `disco_dock.report`."""
FORMAT = 4


def other_run(folder: Path, fingerprint: str) -> str:
    """Name of the complex whose poses a folder holds, docked from other inputs or with other settings; else ""."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""  # nothing there, or nothing that was finished
    known = record.get("fingerprint") if isinstance(record, dict) else None
    if not isinstance(known, str) or known == fingerprint:
        return ""
    return str(record.get("name") or "another complex")


def is_batch(folder: Path) -> bool:
    """Whether a folder holds the summary table of a batch."""
    try:
        with (folder / TABLE).open(encoding="utf-8") as file:
            return file.readline().startswith("name,")
    except (OSError, ValueError):
        return False


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold an output folder in the block, so that two runs never mix their files.

    Raises:
        InputError: another run holds it.
    """
    make_folder(folder)
    lock = FileLock(folder / LOCK)
    try:
        with lock.acquire(timeout=0):
            try:
                yield
            finally:
                (folder / LOCK).unlink(missing_ok=True)
    except Timeout as error:
        raise InputError(
            f"{folder}: another run writes into it; wait for it, or choose another folder with -o"
        ) from error


def make_folder(folder: Path) -> None:
    """Make an output folder.

    Raises:
        InputError: it cannot be made, or a file stands there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InputError(f"{folder}: is a file, not a folder; choose another one with -o") from error
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); choose another folder with -o") from error


def write_prediction(folder: Path, prediction: Prediction, record: Mapping[str, Any]) -> None:
    """Write all files of a complex, each atomically, the record last.

    An interrupted call leaves valid files and no record, so that the complex is docked again.

    Args:
        folder: made when absent.
        prediction: ranked poses.
        record: what run.json says beside the hashes of the other files.
    """
    make_folder(folder)
    for name in (RECORD, *VIEWS):  # remove views of the previous poses
        (folder / name).unlink(missing_ok=True)
    prediction.to_sdf(folder / POSES)
    write_sdf(folder / BEST, prediction.ligand, prediction.records[:1])
    write_complex_pdb(folder / COMPLEX, prediction.receptor, prediction.poses[0])
    prediction.to_csv(folder / TABLE)
    written = [POSES, BEST, COMPLEX, TABLE]
    (folder / COMPLEX_CIF).unlink(missing_ok=True)  # of an earlier run
    if not fits_pdb(prediction.receptor):
        write_complex_cif(folder / COMPLEX_CIF, prediction.receptor, prediction.poses[0])
        written.append(COMPLEX_CIF)
    (folder / TRAJECTORY).unlink(missing_ok=True)  # of an earlier run
    if prediction.trajectory is not None:
        write_trajectory_pdb(folder / TRAJECTORY, prediction.ligand.mol, prediction.trajectory)
        written.append(TRAJECTORY)
    (folder / SAMPLED).unlink(missing_ok=True)
    if prediction.sampled is not None:
        prediction.sampled_to_sdf(folder / SAMPLED)
        written.append(SAMPLED)
    (folder / REJECTED).unlink(missing_ok=True)
    if prediction.rejected:
        prediction.rejected_to_sdf(folder / REJECTED)
        written.append(REJECTED)
    hashes = {name: sha256_file(folder / name) for name in written}
    write_json(folder / RECORD, {"format": FORMAT, **record, "outputs": hashes})


def finished_record(folder: Path, needed: Iterable[str] = ()) -> dict[str, Any] | None:
    """The run.json of a folder whose files are complete and unchanged, else None.

    Args:
        folder: of a complex.
        needed: files that must be among them beside the usual ones.
    """
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            return None
        outputs, best = record.get("outputs"), record.get("best")
        if not isinstance(outputs, dict) or not set(outputs) >= {POSES, BEST, COMPLEX, TABLE, *needed}:
            return None
        if (
            not isinstance(best, dict)
            or set(best) != set(BEST_NUMBERS)
            or not isinstance(record.get("fingerprint"), str)
        ):
            return None
        return record if all(sha256_file(folder / name) == known for name, known in outputs.items()) else None
    except (OSError, ValueError):
        return None
