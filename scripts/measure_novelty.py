"""Store how often docking succeeds by distance from the training set beside a checkpoint, from finished evaluations.

    python scripts/measure_novelty.py --checkpoint CHECKPOINT --data COMPLEXES --source "test complexes" \
        [--evaluated CHECKPOINT_AS_EVALUATED] EVALUATION [EVALUATION ...]

The checkpoint needs its training index (`disco-dock data index`). Each method of an evaluation that docked blindly with
this checkpoint is stored; rows of several evaluations of the same method are taken together. Prints a table.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from disco_dock.data.novelty import FORMAT, MeasuredRates, NoveltyRates, write_rates
from disco_dock.data.training_index import read_index
from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.fit.novelty_rates import cells, nearest_of_cases
from disco_dock.evaluation.rows import Row, RowFile
from disco_dock.physics.settings import NO_PHYSICS
from disco_dock.runtime.config import from_dict, to_dict
from disco_dock.runtime.errors import DiscoError, InputError
from disco_dock.runtime.files import sha256_file
from disco_dock.weights.networks import PARTS, checkpoint_sha256


def main() -> int:
    """Read rows, find neighbours, count, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluations", type=Path, nargs="+")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--source", required=True, help="which complexes these are, for the sentence")
    parser.add_argument("--evaluated", type=Path, help="the same weights with the configuration of the evaluation")
    args = parser.parse_args()
    try:
        same_weights(args.checkpoint, args.evaluated or args.checkpoint)
        sha256 = checkpoint_sha256(args.evaluated or args.checkpoint)
        rates = measure(args.evaluations, args.checkpoint, sha256, args.data, args.source)
        write_rates(args.checkpoint, rates)
    except DiscoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for one in rates.measured:
        print(one.physics, one.num_poses)
        for cell in one.cells:
            print(f"  {cell.protein:>14} {cell.ligand:>12} {cell.complexes:4} {cell.under_2:4} {cell.under_5:4}")
    return 0


def same_weights(first: Path, second: Path) -> None:
    """Refuse checkpoints whose networks differ."""
    for part in PARTS:
        paths = [folder / f"{part}.safetensors" for folder in (first, second)]
        if paths[0].is_file() and sha256_file(paths[0]) != sha256_file(paths[1]):
            raise InputError(f"{paths[1]}: has other weights than {paths[0]}; give the checkpoint that was evaluated")


def measure(evaluations: list[Path], checkpoint: Path, sha256: str, data: Path, source: str) -> NoveltyRates:
    """Rates of every method of some evaluations that docked with the checkpoint of that hash."""
    index = read_index(checkpoint)
    if index is None:
        raise InputError(f"{checkpoint}: has no training index; make it with `disco-dock data index`")
    methods: dict[tuple[str, int], dict[str, Row]] = {}
    for path in (path for folder in evaluations for path in sorted(folder.glob("*.jsonl"))):
        header = json.loads(path.open(encoding="utf-8").readline())
        blind = "in_pocket" not in header
        if header.get("checkpoint") == sha256 and "sampling" in header and blind:
            physics = json.dumps(header.get("physics", to_dict(NO_PHYSICS)), sort_keys=True)
            key = (physics, header["sampling"]["num_poses"])
            methods.setdefault(key, {}).update(RowFile(path, header, Row).rows)
    if not methods:
        raise InputError(f"no evaluation here docked with the checkpoint {sha256[:12]}; evaluate it first")
    ids = sorted({name for rows in methods.values() for name in rows})
    nearest = nearest_of_cases(index, FileCases(data, ids, seed=0))
    measured = [
        MeasuredRates(
            physics=from_dict(type(NO_PHYSICS), json.loads(physics)),
            num_poses=num_poses,
            source=source,
            cells=cells(list(rows.values()), nearest),
        )
        for (physics, num_poses), rows in methods.items()
    ]
    return NoveltyRates(format=FORMAT, measured=tuple(measured))


if __name__ == "__main__":
    sys.exit(main())
