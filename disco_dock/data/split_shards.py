"""From shards to split files and a leakage report."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from disco_dock.data.clusters import chain_sequences, scaffold, sequence_clusters
from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.leakage import Member, Neighbour, nearest_neighbours, summarise
from disco_dock.data.splits import SET_ASIDE, SPLITS, SplitConfig, assign
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.files import atomic_write


@dataclass(frozen=True, kw_only=True)
class SplitRow:
    """One complex of `clusters.csv`: id, split, sequence cluster (named by its first complex), scaffold, InChIKey."""

    id: str
    split: str
    cluster: str
    scaffold: str
    inchikey: str


def split_shards(
    shards: Sequence[Path],
    out: Path,
    config: SplitConfig,
    *,
    given: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Write `train.txt`, `val.txt`, `test.txt`, `clusters.csv`, `leakage.csv` and `leakage.json`; returns the last.

    Args:
        shards: folders of shards, taken together.
        out: folder to write into.
        config: how to split.
        given: ids of existing splits by name, which are then reported on and not drawn anew; "train" is one of them.

    Raises:
        InputError: no shards, an id in two splits, or no complex to train on.
    """
    members, inchikeys = _members(shards)
    clusters = sequence_clusters(
        [member.chains for member in members], identity=config.identity, coverage=config.coverage
    )
    scaffolds = [member.scaffold for member in members]
    splits = assign(clusters, scaffolds, config) if given is None else _given(members, given)
    names = {int(cluster): member.id for cluster, member in zip(reversed(clusters), reversed(members), strict=True)}
    rows = [
        SplitRow(id=member.id, split=split, cluster=names[int(cluster)], scaffold=member.scaffold, inchikey=inchikey)
        for member, split, cluster, inchikey in zip(members, splits, clusters, inchikeys, strict=True)
    ]
    training = [member for member, split in zip(members, splits, strict=True) if split == "train"]
    held_out = [
        (split, member) for member, split in zip(members, splits, strict=True) if split not in ("", "train", SET_ASIDE)
    ]
    if not training:
        raise InputError("the training split is empty; lower the fractions of the others, or name one `train`")
    neighbours = nearest_neighbours(training, held_out)
    report = {
        "complexes": {name: splits.count(name) for name in sorted(set(splits) - {""})},
        "clusters": len(names),
        "clusters_in_several_splits": _crossing(rows, "cluster"),
        "scaffolds_in_several_splits": _crossing(rows, "scaffold"),
        "settings": asdict(config) if given is None else {"given": sorted(given)},
        "nearest_training_neighbour": summarise(neighbours),
    }
    if given is None:
        for name in (*SPLITS, *([SET_ASIDE] if config.by_scaffold else [])):
            ids = [row.id for row in rows if row.split == name]
            _write(out / f"{name}.txt", "".join(f"{one}\n" for one in ids))
    _write(out / "clusters.csv", _table(SplitRow, rows))
    _write(out / "leakage.csv", _table(Neighbour, neighbours))
    _write(out / "leakage.json", json.dumps(report, indent=2) + "\n")
    return report


def _members(shards: Sequence[Path]) -> tuple[list[Member], list[str]]:
    """All complexes of some folders ordered by id, and the InChIKeys of their ligands."""
    found: dict[str, tuple[Member, str]] = {}
    for folder in shards:
        dataset = ComplexDataset(folder)
        for number, row in enumerate(dataset.facts):
            member = Member(row["id"], chain_sequences(dataset, number), row["smiles"], scaffold(row["smiles"]))
            found[row["id"]] = (member, row["inchikey"])
    ordered = [found[name] for name in sorted(found)]
    return [member for member, _ in ordered], [inchikey for _, inchikey in ordered]


def _given(members: Sequence[Member], given: Mapping[str, Sequence[str]]) -> list[str]:
    """The split of each complex in existing split files, "" for one in none."""
    place: dict[str, str] = {}
    for name, ids in given.items():
        for one in ids:
            if place.setdefault(one, name) != name:
                raise InputError(f"{one} is in the splits {place[one]} and {name}; remove it from one")
    return [place.get(member.id, "") for member in members]


def _crossing(rows: Sequence[SplitRow], field: str) -> int:
    """How many clusters or scaffolds have complexes in more than one split."""
    seen: dict[str, set[str]] = {}
    for row in rows:
        if row.split not in ("", SET_ASIDE):
            seen.setdefault(getattr(row, field), set()).add(row.split)
    return sum(len(splits) > 1 for splits in seen.values())


def _table(kind: type, rows: Sequence[Any]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [field.name for field in fields(kind)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return buffer.getvalue()


def _write(path: Path, text: str) -> None:
    with atomic_write(path, "w") as file:
        file.write(text)
