"""Where search moves are best spent: the same sampled poses, searched on several schedules.

    python benchmarks/search_effort.py COMPLEXES --ids val.txt -o OUT [--pocket] [--every 2]
      [--schedules default search=maps,moves=300,restarts=3,scatter=1,apart=1]

A schedule is `default`, or settings of `PhysicsSettings` on top of the checkpoint's, with commas between them.
`--pocket` tells the place: 10 Angstrom around the crystal ligand's centroid. Docks once per complex, into
OUT/rows.jsonl; a run that was stopped goes on. Prints successes in the order of the schedule's ranking, the mean of the
lowest energy above that of the minimised crystal pose, and processor seconds of the search.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from disco_dock.cli.console import text_table
from disco_dock.data.sources import read_ids
from disco_dock.docking.engine import Engine, dock_fitting, docking_settings, load_engine
from disco_dock.docking.pocket import DEFAULT_RADIUS, Pocket
from disco_dock.docking.receptors import ReceptorFields
from disco_dock.docking.refinement import refine
from disco_dock.docking.settings import PredictSettings
from disco_dock.evaluation.cases import Case, FileCases
from disco_dock.evaluation.deviation import deviation
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.ranking.contact_score import contact_score_of
from disco_dock.runtime.capped_worker import CappedWorker
from disco_dock.runtime.errors import ConfigError, DiscoError

BETTER = "search=maps,moves=300,restarts=3,scatter=1,apart=1"
_KINDS: dict[str, Callable[[str], object]] = {"int": int, "float": float}


def schedule(text: str, base: PhysicsSettings) -> PhysicsSettings:
    """From `default` or `moves=300,restarts=3`, on top of a checkpoint's settings.

    Raises:
        ConfigError: a setting is unknown or wrong.
    """
    kinds: dict[str, Callable[[str], object]] = {f.name: _KINDS.get(str(f.type), str) for f in fields(PhysicsSettings)}
    changes: dict[str, Any] = {}
    for part in filter(None, text.removeprefix("default").split(",")):
        name, _, value = part.partition("=")
        if name not in kinds:
            raise ConfigError(f"{name!r} is no setting of physics; known: {', '.join(kinds)}")
        changes[name] = kinds[name](value)
    return replace(base, **changes)


def measure(engine: Engine, case: Case, args: argparse.Namespace, worker: CappedWorker) -> dict:
    """RMSDs in the order of rank and lowest energies by schedule."""
    assert case.receptor is not None
    pocket = Pocket(center=case.crystal.mean(0), radius=DEFAULT_RADIUS) if args.pocket else None
    restraint, sphere = (None, None) if pocket is None else (pocket.restraint(case.graph.origin), pocket.sphere())
    settings = docking_settings(engine.models, PredictSettings(num_poses=args.num_poses), restraint)
    docked, _ = dock_fitting(engine, case.graph, settings, name=case.name, on_step=None)
    base, receptor = engine.models.config.physics, ReceptorFields(receptor=case.receptor)
    score = None
    if engine.models.contacts is not None:
        score = contact_score_of(engine.models.contacts, receptor.contacts, case.ligand)
    options: dict[str, Any] = {"seed": 0, "stream": case.name, "with_strain": False, "contacts": score}
    minimised = partial(refine, case.receptor, receptor.field, case.ligand, **options)
    crystal = minimised(case.crystal[None], PhysicsSettings(minimize="vina", moves=0)).energy
    assert crystal is not None
    row: dict = {"id": case.name, "crystal": float(crystal[0]), "schedules": {}}
    for name in args.schedules:
        physics = schedule(name, base)
        begin = time.process_time()
        found = minimised(docked.pos, physics, sphere=sphere)
        seconds = time.process_time() - begin
        assert found.energy is not None
        ranked = found.contacts if physics.rank_by == "contacts" and found.contacts is not None else -found.energy
        order = np.argsort(-ranked, kind="stable")
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
        above = [min(one["energy"]) - row["crystal"] for one, row in zip(found, rows, strict=True)]
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
    parser.add_argument("--pocket", action="store_true", help="tell the place of the crystal ligand")
    parser.add_argument("--num-poses", type=int, default=40)
    parser.add_argument("--schedules", nargs="+", default=["default", BETTER])
    args = parser.parse_args()
    engine = load_engine(args.checkpoint, "cpu")
    for name in args.schedules:
        schedule(name, engine.models.config.physics)
    cases = FileCases(
        args.data, list(read_ids(args.ids))[:: args.every], seed=0, all_atoms=engine.models.expert is not None
    )
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    known = {row["id"] for row in rows}
    with CappedWorker() as worker, path.open("a") as file:
        for name in cases.ids:
            if name in known:
                continue
            try:
                rows.append(measure(engine, cases.load(name), args, worker))
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
