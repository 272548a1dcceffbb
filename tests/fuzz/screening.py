"""How libraries and stores are read: as `screen` enters a library into its ledger, and by the commands on a store."""

from __future__ import annotations

import csv
from pathlib import Path

from disco_dock.screening.ledger.query import SHOWN_COLUMNS
from disco_dock.screening.ledger.store import Store
from disco_dock.screening.library.ingest import Ingest
from disco_dock.screening.messages import STATUSES
from disco_dock.screening.plan import Shard
from tests.fuzz.readers import BadAnswerError, command, one_sentence
from tests.support.screening import IDENTITY, query


def library(path: Path) -> bool:
    """Enter a library into a new store, and once more, which must add nothing; whether any molecule can be docked."""
    ledger = path.parent / "out" / "s.sqlite"
    with Store.create(ledger, IDENTITY, {}) as store:
        counts = [_ingest(store, path), _ingest(store, path)]
    if counts[1] != 0:
        raise BadAnswerError(f"{counts[1]} records were entered a second time")
    rows = query(ledger, "SELECT name, status, error_code, message FROM ligand")
    if len(rows) != counts[0]:
        raise BadAnswerError(f"{counts[0]} records, {len(rows)} rows")
    for name, _, code, message in rows:
        one_sentence(name)
        if code is not None:
            one_sentence(message)
        if code not in (None, "input"):
            raise BadAnswerError(f"code {code}: {message}")
    return any(status == "pending" for _, status, _, _ in rows)


def _ingest(store: Store, path: Path) -> int:
    """Read a library to its end; returns how many records were added."""
    ingest = Ingest(store, path, shard=Shard(), largest_fragment=False)
    while not ingest.done:
        ingest.read_chunk()
    if ingest.broken is not None:
        one_sentence(ingest.broken)
    return ingest.added


def store(path: Path) -> bool:
    """Every command on a store; whether its results could be listed and exported."""
    out, folder = path.parent, path.parents[1] / "in"
    command(folder, ["screen", "merge", str(out / "merged.sqlite"), str(path), str(out / "sound.sqlite")])
    command(folder, ["screen", "status", str(path)])
    command(folder, ["screen", "status", "--json", str(path)])
    fine = command(folder, ["results", str(path)])
    for suffix, more in (("csv", ["--status", "all"]), ("sdf", ["--poses", "3"]), ("parquet", ["--status", "all"])):
        target = out / f"x.{suffix}"
        done = command(folder, ["results", str(path), "-o", str(target), *more])
        if done != target.exists():
            raise BadAnswerError(f"{target.name} is half written, or absent")
        fine &= done
    if (out / "x.csv").exists():
        _check_csv(out / "x.csv")
    if (out / "x.sdf").exists():
        _check_sdf(out / "x.sdf")
    command(folder, ["screen", "retry-failed", str(path)])
    return fine


def _check_csv(path: Path) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if None in row or set(row) != set(SHOWN_COLUMNS) or row["status"] not in STATUSES:
                raise BadAnswerError(f"a row of another shape: {str(row)[:200]}")


def _check_sdf(path: Path) -> None:
    """Every record is one molecule: a title's or tag's text has not ended it."""
    for record in path.read_text(encoding="utf-8").split("$$$$\n")[:-1]:
        if record.count("M  END") != 1 or "> <smiles>" not in record.replace(">  <", "> <"):
            raise BadAnswerError(f"a record that is no molecule: {record[:200]!r}")
