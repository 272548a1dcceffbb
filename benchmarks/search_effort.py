"""Where search moves are best spent: the same sampled poses, minimised on several schedules.

    python benchmarks/search_effort.py COMPLEXES --ids val.txt -o OUT [--every 2] [--schedules 100 300 100+10x300]

`100` are moves of every pose; `100+10x300` gives the ten places of lowest energy 300 more each. Docks once per
complex, into OUT/rows.jsonl; a run that was stopped goes on. Prints successes by Vina energy, the mean of the lowest
energy above that of the minimised crystal pose, and processor seconds of the search.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from disco_dock.cli.console import text_table
from disco_dock.data.sources import read_ids
from disco_dock.docking.engine import Engine, dock_fitting, docking_settings, load_engine
from disco_dock.docking.refinement import refine
from disco_dock.docking.settings import PredictSettings
from disco_dock.evaluation.cases import Case, FileCases
from disco_dock.evaluation.deviation import deviation
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.physics.vina_scorer import VinaField
from disco_dock.runtime.capped_worker import CappedWorker
from disco_dock.runtime.errors import DiscoError
from disco_dock.sampling.sample import DockingSettings


def schedule(text: str) -> PhysicsSettings:
    """From `100` or `100+10x300`."""
    first, _, second = text.partition("+")
    finalists, _, more = second.partition("x")
    return PhysicsSettings(
        minimize="vina", moves=int(first), finalists=int(finalists or 0), final_moves=int(more or 0), rank_by="vina"
    )


def measure(engine: Engine, case: Case, settings: DockingSettings, schedules: Sequence[str], worker) -> dict:
    """RMSDs in the order of energy and lowest energies by schedule."""
    assert case.receptor is not None
    docked, _ = dock_fitting(engine, case.graph, settings, name=case.name, on_step=None)
    minimised = partial(refine, case.receptor, VinaField(case.receptor), case.ligand, seed=0, with_strain=False)
    crystal = minimised(case.crystal[None], schedule("0"), stream=case.name).energy
    assert crystal is not None
    row: dict = {"id": case.name, "crystal": float(crystal[0]), "schedules": {}}
    for name in schedules:
        begin = time.process_time()
        found = minimised(docked.pos, schedule(name), stream=case.name)
        seconds = time.process_time() - begin
        assert found.energy is not None
        order = np.argsort(found.energy)
        rmsd = deviation(worker, case.ligand.mol, found.pos[order], case.crystal).rmsd
        row["schedules"][name] = {
            "seconds": round(seconds, 3),
            "rmsd": np.round(rmsd, 3).tolist(),
            "energy": np.round(found.energy[order], 3).tolist(),
        }
    return row


def summary(rows: list[dict], schedules: Sequence[str]) -> list[list[str]]:
    """A line per schedule."""
    lines = []
    for name in schedules:
        found = [row["schedules"][name] for row in rows]
        first, five, best = (100 * np.mean([min(one["rmsd"][:count]) < 2 for one in found]) for count in (1, 5, 10**6))
        above = [one["energy"][0] - row["crystal"] for one, row in zip(found, rows, strict=True)]
        seconds = np.mean([one["seconds"] for one in found])
        rates = (f"{value:.1f} %" for value in (first, five, best))
        lines.append([name, *rates, f"{np.mean(above):.2f}", f"{seconds:.2f}"])
    return lines


def main() -> None:
    """Dock, minimise and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--ids", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every so many of the ids")
    parser.add_argument("--num-poses", type=int, default=40)
    parser.add_argument("--schedules", nargs="+", default=["100", "300", "100+10x300"])
    args = parser.parse_args()
    engine = load_engine(args.checkpoint, "cpu")
    settings = docking_settings(engine.models, PredictSettings(num_poses=args.num_poses), None)
    cases = FileCases(args.data, list(read_ids(args.ids))[:: args.every], seed=0)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    known = {row["id"] for row in rows}
    with CappedWorker() as worker, path.open("a") as file:
        for name in cases.ids:
            if name in known:
                continue
            try:
                rows.append(measure(engine, cases.load(name), settings, args.schedules, worker))
            except DiscoError as error:
                print(f"{name}: {error}")
                continue
            file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
    print(f"{len(rows)} complexes")
    header = ("schedule", "first < 2", "best of 5 < 2", "best < 2", "kcal/mol above crystal", "seconds")
    print(text_table(header, summary(rows, args.schedules)))


if __name__ == "__main__":
    main()
