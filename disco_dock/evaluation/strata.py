"""Groups of complexes that are reported apart: seen or unseen protein and ligand, ligand size, rotatable bonds."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from disco_dock.evaluation.rows import MeasuredComplex
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.user_files import read_text

SIZES = (("up to 15", 15), ("16 to 25", 25), ("26 to 35", 35), ("over 35", None))  # heavy atoms
TORSIONS = (("0 to 3", 3), ("4 to 7", 7), ("8 to 12", 12), ("over 12", None))  # rotatable bonds
COLUMNS = ("id", "cluster", "inchikey", "split")


@dataclass(frozen=True)
class Manifest:
    """Sequence clusters of complexes, and what was trained on.

    Attributes:
        cluster: by id.
        training_clusters: clusters of training complexes.
        training_ligands: InChIKeys of training ligands.
    """

    cluster: Mapping[str, str] = field(default_factory=dict)
    training_clusters: frozenset[str] = frozenset()
    training_ligands: frozenset[str] = frozenset()


def read_manifest(path: Path, training: Sequence[str] | None = None) -> Manifest:
    """The manifest in a CSV file with columns id, cluster, inchikey and split, such as `data split` writes.

    Args:
        path: of the file; further columns are not read.
        training: ids of the training complexes; None takes the rows whose split is "train".

    Raises:
        InputError: it cannot be read, lacks a column, or names no training complex.
    """
    try:
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
        lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if lacking:
            raise InputError(f"{path}: has no column {lacking[0]}; it needs {', '.join(COLUMNS)}")
        rows = [{name: (row[name] or "").strip() for name in COLUMNS} for row in reader]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error}); check the path") from error
    wanted = None if training is None else set(training)
    trained = [row for row in rows if (row["split"] == "train" if wanted is None else row["id"] in wanted)]
    if not trained:
        raise InputError(f"{path}: holds no training complex; check the split column or the training ids")
    return Manifest(
        {row["id"]: row["cluster"] for row in rows},
        frozenset(row["cluster"] for row in trained),
        frozenset(row["inchikey"] for row in trained),
    )


def strata(rows: Sequence[MeasuredComplex], manifest: Manifest | None) -> dict[str, dict[str, list[MeasuredComplex]]]:
    """Rows by kind of group and group; a complex that the manifest lacks is in "unknown"."""
    out: dict[str, dict[str, list[MeasuredComplex]]] = {}
    for row in rows:
        labels = {"ligand heavy atoms": _bin(row.atoms, SIZES), "rotatable bonds": _bin(row.torsions, TORSIONS)}
        if not row.atoms:  # the ligand could not be read
            labels = dict.fromkeys(labels, "unknown")
        if manifest is not None:
            cluster = manifest.cluster.get(row.id)
            seen = "seen" if cluster in manifest.training_clusters else "unseen"
            labels["protein cluster"] = "unknown" if cluster is None else seen
            ligand = "seen" if row.inchikey in manifest.training_ligands else "unseen"
            labels["ligand"] = ligand if row.inchikey else "unknown"
        for kind, label in labels.items():
            out.setdefault(kind, {}).setdefault(label, []).append(row)
    order = [name for name, _ in (*SIZES, *TORSIONS)] + ["seen", "unseen", "unknown"]
    return {kind: dict(sorted(groups.items(), key=lambda item: order.index(item[0]))) for kind, groups in out.items()}


def _bin(value: int, bins: Sequence[tuple[str, int | None]]) -> str:
    return next(name for name, limit in bins if limit is None or value <= limit)
