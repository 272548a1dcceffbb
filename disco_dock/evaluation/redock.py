"""Dock the complexes of shards and measure each pose against the crystal; one row per complex, resumable."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from disco_dock.chem.symmetry import automorphisms, symmetric_rmsd
from disco_dock.data.dataset import ComplexDataset
from disco_dock.graph.skeleton import skeleton
from disco_dock.models.build import Models
from disco_dock.runtime.errors import DiscoError
from disco_dock.runtime.files import atomic_write
from disco_dock.sampling.docking import DockingSettings, dock


@dataclass(frozen=True, kw_only=True)
class Row:
    """One complex.

    Attributes:
        id: of the complex.
        rmsd: Angstrom of each pose in the order of the ranking; empty when it failed.
        centroid: Angstrom between centroids, in the same order.
        confidence: of each pose, in the same order; empty without a confidence model.
        seconds: time for all poses.
        error: why it failed, or "".
        exact: False where the ligand has more symmetries than are tried, so that its RMSDs are upper bounds.
    """

    id: str
    rmsd: tuple[float, ...] = ()
    centroid: tuple[float, ...] = ()
    confidence: tuple[float, ...] = ()
    seconds: float = 0.0
    error: str = ""
    exact: bool = True


def redock(models: Models, dataset: ComplexDataset, number: int, settings: DockingSettings) -> Row:
    """Dock a complex and rank its poses by confidence (in sampling order without a confidence model)."""
    example = dataset[number]
    begin = time.perf_counter()
    try:
        docked = dock(models, example.graph, settings, name=example.name)
    except DiscoError as error:
        return Row(id=example.name, seconds=round(time.perf_counter() - begin, 3), error=str(error))
    seconds = time.perf_counter() - begin
    crystal = example.pos_crystal.double().numpy()
    pos = docked.pos - example.graph.origin
    mol = skeleton(example.graph)
    symmetry = automorphisms(mol)
    rmsd = symmetric_rmsd(mol, pos, crystal, symmetry=symmetry)
    centroid = np.linalg.norm(pos.mean(1) - crystal.mean(0), axis=-1)
    order = np.arange(len(pos)) if docked.confidence is None else np.argsort(-docked.confidence, kind="stable")
    confidence = () if docked.confidence is None else _rounded(docked.confidence[order])
    return Row(
        id=example.name,
        rmsd=_rounded(rmsd[order]),
        centroid=_rounded(centroid[order]),
        confidence=confidence,
        seconds=round(seconds, 3),
        exact=symmetry.complete,
    )


def redock_all(
    models: Models,
    dataset: ComplexDataset,
    settings: DockingSettings,
    path: Path,
    *,
    on_row: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Rows of all complexes; those already in the file are taken from it.

    Args:
        models: networks of a checkpoint.
        dataset: complexes with crystal poses.
        settings: how to sample.
        path: JSON lines, appended to after each complex; it is started anew when its settings differ.
        on_row: called with (finished, all).
    """
    header = json.dumps({"checkpoint": models.sha256, "settings": _plain(settings)}, sort_keys=True)
    known = _read(path, header)
    with atomic_write(path, "w") as file:  # without a line that a kill cut short, so that appending is safe
        file.write("\n".join([header, *(json.dumps(asdict(row)) for row in known.values()), ""]))
    rows = []
    for number, name in enumerate(dataset.ids):
        if name not in known:
            known[name] = redock(models, dataset, number, settings)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(known[name])) + "\n")
        rows.append(known[name])
        if on_row is not None:
            on_row(number + 1, len(dataset))
    return rows


def _plain(settings: DockingSettings) -> dict:
    """What changes the poses."""
    plain = asdict(settings)
    plain.pop("batch_size")
    return json.loads(json.dumps(plain, default=str))


def _read(path: Path, header: str) -> dict[str, Row]:
    """Rows of a file with this header; a line cut short by a kill is dropped."""
    if not path.exists():
        return {}
    first, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    rows: dict[str, Row] = {}
    if first != header:
        return rows
    for line in lines:
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue
        lists = {key: tuple(values.pop(key)) for key in ("rmsd", "centroid", "confidence")}
        rows[values["id"]] = Row(**{**values, **lists})
    return rows


def _rounded(values: np.ndarray | Sequence[float]) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
