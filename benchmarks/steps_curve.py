"""Success against score evaluations, for both integrators, SDE and ODE.

    python benchmarks/steps_curve.py shards/val [--checkpoint DIR] [--num-poses 10] [--plot docs/figures/steps.png]

Docks every complex of the shards with each number of steps and reports the shares of complexes whose best pose, and of
poses that are, within 2 and 5 Angstrom (symmetry-corrected, no superposition), and the median over complexes of the
mean distance of the centroid. The confidence model takes no part: the curve is that of the sampler. JSON lines go to
benchmarks/results/steps_curve.jsonl.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results" / "steps_curve.jsonl"
STEPS = (3, 5, 10, 20, 40)


def measure(models, dataset, settings) -> dict:
    """Shares and distances over all complexes."""
    from disco_dock.chem.symmetry import symmetric_rmsd
    from disco_dock.graph.molecule import skeleton
    from disco_dock.sampling.sample import dock

    rmsd, centre, seconds = [], [], 0.0
    for number in range(len(dataset)):
        example = dataset[number]
        begin = time.perf_counter()
        docked = dock(models, example.graph, settings, name=example.name)
        seconds += time.perf_counter() - begin
        pos = docked.pos - example.graph.origin
        crystal = example.pos_crystal.double().numpy()
        rmsd.append(symmetric_rmsd(skeleton(example.graph), pos, crystal))
        centre.append(np.linalg.norm(pos.mean(1) - crystal.mean(0), axis=-1))
    values = np.array(rmsd)
    line: dict = {"complexes": len(values), "seconds": round(seconds, 1)}
    for limit in (2, 5):
        line[f"best_under_{limit}"] = round(float((values.min(1) < limit).mean()), 4)
        line[f"mean_under_{limit}"] = round(float((values < limit).mean()), 4)
    line["centroid"] = round(float(np.median(np.mean(centre, 1))), 3)
    return line


def plot(lines: list[dict], path: Path) -> None:
    """Shares below 5 Angstrom and centroid distances against steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    titles = {
        "best_under_5": "best pose < 5 Å",
        "mean_under_5": "all poses < 5 Å",
        "centroid": "centroid distance, Å (median)",
    }
    for axis, (key, title) in zip(axes, titles.items(), strict=True):
        for ode in (False, True):
            for integrator, style in (("euler", "o--"), ("exponential", "s-")):
                rows = [row for row in lines if row["ode"] == ode and row["integrator"] == integrator]
                label = f"{'ODE' if ode else 'SDE'}, {integrator}"
                axis.plot([row["steps"] for row in rows], [row[key] for row in rows], style, label=label)
        axis.set_xscale("log")
        axis.set_xticks(STEPS, [str(steps) for steps in STEPS])
        axis.minorticks_off()
        axis.set_yscale("log" if key == "centroid" else "linear")
        axis.set_xlabel("score evaluations")
        axis.set_title(title, fontsize=10)
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> int:
    """Measure every setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--num-poses", type=int, default=10)
    parser.add_argument("--steps", nargs="+", type=int, default=list(STEPS))
    parser.add_argument("--every", type=int, default=1, help="take every n-th complex")
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()

    from disco_dock.data.dataset import ComplexDataset
    from disco_dock.docking.engine import load_engine
    from disco_dock.sampling.sample import DockingSettings

    models = replace(load_engine(args.checkpoint, "cpu").models, expert=None)  # shards need no atoms
    models = replace(models, confidence=None)
    dataset = ComplexDataset(args.shards)
    dataset = ComplexDataset(args.shards, dataset.ids[:: args.every])
    lines = []
    for ode in (False, True):
        for integrator in ("euler", "exponential"):
            for steps in args.steps:
                sampler = replace(models.config.sampler, steps=steps, ode=ode, integrator=integrator)
                settings = DockingSettings(
                    num_poses=args.num_poses,
                    sampler=sampler,
                    latent_inverse_temperature=models.config.latent_inverse_temperature,
                )
                line = {"integrator": integrator, "ode": ode, "steps": steps, "num_poses": args.num_poses}
                line |= {"checkpoint": models.sha256[:12], **measure(models, dataset, settings)}
                lines.append(line)
                print(json.dumps(line), flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("".join(json.dumps(line) + "\n" for line in lines))
    if args.plot:
        plot(lines, args.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
