"""Success against processor seconds: ours, AutoDock Vina and Rustina, each with little and with much effort.

    python benchmarks/success_against_seconds.py COMPLEXES --ids val.txt -o OUT [--blind] [--every 2] [--plot PNG]
      [--ours poses=5,moves=20,restarts=0 poses=40 ...] [--seconds 1 3 10 30 100] [--without rustina]

Ours runs once for each schedule (`poses=N` and settings of `PhysicsSettings`, with commas between them, on top of the
checkpoint's), the others once for each budget of processor time, all on one core, from the same conformer, in the same
place: a 25 Angstrom box around the crystal ligand, of which ours is told the centre, or the whole receptor with
`--blind`. The groups of the receptor's file are kept as `predict` keeps them. Every docking is a row in OUT; a run that
was stopped goes on. Prints and plots, by mean processor seconds, the share of complexes whose first pose is within 2
Angstrom and PoseBusters-valid and whose best pose is within 2 Angstrom, with 95 % intervals by bootstrap.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from search_effort import schedule

from disco_dock.cli.console import text_table
from disco_dock.data.sources import read_ids
from disco_dock.docking.engine import Engine, load_engine
from disco_dock.evaluation.baseline import Budget, Where
from disco_dock.evaluation.baselines import Baseline, require_baselines
from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.docked_once import SharedDocking
from disco_dock.evaluation.measure import evaluate
from disco_dock.evaluation.method import NetworkMethod
from disco_dock.evaluation.rows import MeasuredComplex
from disco_dock.evaluation.rustina.method import RustinaMethod
from disco_dock.evaluation.success import hits, rate
from disco_dock.evaluation.vina.method import VinaMethod
from disco_dock.sampling.sample import DockingSettings

OURS = (
    "poses=5,moves=0,restarts=0",
    "poses=10,moves=50,restarts=0",
    "poses=20",
    "poses=40",
    "poses=40,search=maps,moves=300,restarts=3,scatter=1,apart=1",
    "poses=40,search=maps,moves=1000,restarts=7,scatter=4,apart=1",
)
SECONDS = (1.0, 3.0, 10.0, 30.0, 100.0)
LABELS = {"ours": "disco-dock", "vina": "AutoDock Vina", "rustina": "Rustina"}


def our_method(engine: Engine, text: str, in_pocket: bool) -> NetworkMethod:
    """Docking by a schedule."""
    parts = text.split(",")
    poses = next((int(part.removeprefix("poses=")) for part in parts if part.startswith("poses=")), 40)
    physics = schedule(",".join(part for part in parts if not part.startswith("poses=")), engine.models.config.physics)
    config = engine.models.config
    sampling = DockingSettings(
        num_poses=poses,
        sampler=config.sampler,
        latent_inverse_temperature=config.latent_inverse_temperature,
        guidance=config.guidance,
    )
    method = NetworkMethod(SharedDocking(engine, sampling), physics, in_pocket=in_pocket)
    method.name = f"ours {text}".replace(",", " ")
    return method


def methods(engine: Engine, args: argparse.Namespace, ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """(program, method) of all efforts, cheap ones first."""
    where: Where = "blind" if args.blind else "pocket"
    for text in args.ours:
        yield "ours", our_method(engine, text, not args.blind)
    for seconds in args.seconds:
        budget = Budget(dict.fromkeys(ids, seconds), seconds)
        options = {"num_poses": args.num_poses, "seed": 0}
        for program, make in (("vina", VinaMethod), ("rustina", RustinaMethod)):
            if program not in args.without:
                effort = {"effort" if program == "vina" else "budget": budget}
                method = make(where, **options, **effort)
                method.name = f"{program} {seconds:g} s"
                yield program, method


def point(rows: Sequence[MeasuredComplex]) -> dict[str, Any]:
    """Seconds and success of one effort."""
    docked = [row.cpu_seconds for row in rows if row.rmsd]
    return {
        "complexes": len(rows),
        "failures": len(rows) - len(docked),
        "cpu_seconds": round(float(np.mean(docked)), 2) if docked else None,
        "first_and_valid": rate(hits(rows, 1, 2.0, valid=True)),
        "first": rate(hits(rows, 1, 2.0)),
        "best": rate(hits(rows, 10**6, 2.0)),
    }


def plot(path: Path, found: dict[str, dict[str, Any]], where: str) -> None:
    """Two panels against seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 4.0), layout="constrained")
    panels = (("first_and_valid", "first pose < 2 Å and valid"), ("best", "best pose < 2 Å"))
    for axes, (key, title) in zip(figure.subplots(1, 2, sharey=True), panels, strict=True):
        for number, (program, label) in enumerate(LABELS.items()):
            chosen = [one for one in found.values() if one["program"] == program and one["cpu_seconds"]]
            chosen.sort(key=lambda one: one["cpu_seconds"])
            x, y = [one["cpu_seconds"] for one in chosen], np.array([one[key]["percent"] for one in chosen])
            if not x:
                continue
            low, high = np.array([one[key]["interval"] for one in chosen]).T
            error = np.stack([y - low, high - y]).clip(0)
            axes.errorbar(x, y, error, marker="o", capsize=2, color=f"C{number}", label=label)
        axes.set(title=title, xlabel="CPU seconds per complex", xscale="log")
        axes.grid(alpha=0.3)
    first = figure.axes[0]
    first.set(ylabel=f"complexes (%), {where}", ylim=(0, 100))
    first.legend(fontsize="small")
    figure.savefig(path, dpi=150, metadata={"Software": None})


def main() -> None:
    """Dock, measure, print and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--ids", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="take every so many of the ids")
    parser.add_argument("--count", type=int, help="take so many of them at most")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--blind", action="store_true")
    parser.add_argument("--num-poses", type=int, default=40, help="of the other programs")
    parser.add_argument("--ours", nargs="*", default=list(OURS))
    parser.add_argument("--seconds", nargs="*", type=float, default=list(SECONDS))
    parser.add_argument("--without", nargs="*", choices=("vina", "rustina"), default=[])
    parser.add_argument("--check-poses", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    where: Where = "blind" if args.blind else "pocket"
    require_baselines([Baseline(name, where) for name in ("vina", "rustina") if name not in args.without])
    engine = load_engine(args.checkpoint, "cpu")
    ids = list(read_ids(args.ids))[:: args.every][: args.count]
    cases = FileCases(args.data, ids, seed=0, all_atoms=engine.models.expert is not None)
    found: dict[str, dict[str, Any]] = {}
    args.out.mkdir(parents=True, exist_ok=True)
    for program, method in methods(engine, args, cases.ids):
        with nullcontext() if program == "ours" else method:
            rows = evaluate([method], cases, args.out, check_poses=args.check_poses)[method.name]
        found[method.name] = {"program": program, **point(rows)}
        print(method.name, json.dumps(found[method.name]), flush=True)
        (args.out / "points.json").write_text(json.dumps(found, indent=2) + "\n")
    lines = [
        [
            name,
            str(one["cpu_seconds"]),
            *(f"{one[key]['percent']:.1f} {one[key]['interval']}" for key in ("first_and_valid", "first", "best")),
        ]
        for name, one in found.items()
    ]
    print(text_table(("effort", "CPU seconds", "first < 2, valid", "first < 2", "best < 2"), lines))
    plot(args.plot or args.out / "success_against_seconds.png", found, "blind" if args.blind else "in the pocket")


if __name__ == "__main__":
    main()
