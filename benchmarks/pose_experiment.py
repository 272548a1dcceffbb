"""Plain diffusion against discrete latents on the same complexes: losses, docking, latent usage, curvature of the ODE.

    python benchmarks/pose_experiment.py shards/val --run plain-0=runs/plain-0 --run disco-0=runs/disco-0 ... \
        [--plot docs/figures/docking_experiment.png] [--out benchmarks/results/pose_experiment.jsonl]

Each run is a folder of `disco-dock train`. A run with discrete latents is measured with the latents of its encoder on
the crystal pose (oracle), of its prior, and without (null). Runs whose names differ in the number after the last dash
are seeds of the same setting; the table has their mean and range. One JSON line per run and kind of latents.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from disco_dock.data.dataset import ComplexDataset
from disco_dock.diffusion.sampler_config import EXACT, LowTemperature
from disco_dock.diffusion.schedule import Scores
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.graph.batch import collate
from disco_dock.latents.autoregressive import sample_codes
from disco_dock.latents.spaces import one_hot
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.curvature import PathShape, path_shape
from disco_dock.sampling.initial import initial_poses
from disco_dock.sampling.sample import DockingSettings
from disco_dock.training.score.step import ScoreStage
from disco_dock.training.score.validation_losses import validation_batches, validation_losses
from disco_dock.training.settings import ValidationConfig
from disco_dock.training.validation_docking import cases_of, oracle_codes, pose_errors
from disco_dock.weights.networks import Models, load_models

RESULTS = Path(__file__).parent / "results" / "pose_experiment.jsonl"
INTERVALS = 10  # of t, for the losses
SEED = 0
EARLY = 0.5  # the table's curvature is the mean over t from here; below, poses hardly move and any noise bends paths
COLD = LowTemperature(sampling=(4.0, 4.0, 4.0), sigma_data=(0.5, 0.5, 0.5))
SAMPLER = replace(EXACT, integrator="exponential", temperature=COLD)
ODE = replace(EXACT, integrator="exponential", ode=True)


def codes_of(models: Models, example, case: str, poses: int) -> np.ndarray | None:
    """(poses, latents) nodes that the latents point at, or None for the null latent."""
    if case == "oracle":
        return oracle_codes(models, example, poses)
    if case == "null":
        return None
    prior = models.prior
    assert prior is not None
    graphs = collate([example.graph])
    latents, nodes = prior.config.trunk.num_latents, graphs.num_atoms + graphs.num_residues

    def logits(index: torch.Tensor, position: int) -> torch.Tensor:
        code = one_hot(torch.nn.functional.pad(index, (0, latents - position), value=-1), nodes)
        rows = graphs.repeat_interleave(len(index))
        return prior(rows, rows.conformer, code, position)

    random = PoseRandom(SEED, f"prior {example.name}", range(poses))
    index, _ = sample_codes(
        logits,
        num_latents=latents,
        uniform=random.uniform(latents),
        inverse_temperature=models.config.latent_inverse_temperature,
        mask=graphs.node_mask.expand(poses, -1),
    )
    return index.numpy()


def losses(models: Models, dataset: ComplexDataset, case: str) -> dict[str, list[float]]:
    """Score-matching losses by interval of t, from small to large noise; of prior latents like those of the oracle."""
    config = ValidationConfig(complexes=len(dataset), intervals=INTERVALS)
    batches = validation_batches(dataset, models.score.config, config, torch.device("cpu"))
    stage = ScoreStage(models.score, models.encoder, igso3_table())
    values = validation_losses(stage, batches, config)
    name = "oracle" if models.encoder is None else case
    return {
        part: [value for key, value in values.items() if key.startswith(f"val_{name}_{part}_sigma_")]
        for part in ("tr", "rot", "tor")
    }


def shapes(models: Models, dataset: ComplexDataset, case: str, poses: int, steps: int) -> Iterator[PathShape]:
    """Shapes of the ODE's paths, complex by complex."""
    trunk, noise, table = models.score.config.trunk, models.score.config.noise, igso3_table()
    for number in range(len(dataset)):
        example = dataset[number]
        batch = collate([example.graph], radius=trunk.receptor_radius, neighbours=trunk.receptor_neighbours)
        rows = batch.expand(poses)
        index = codes_of(models, example, case, poses) if trunk.num_latents else None
        nodes = batch.num_atoms + batch.num_residues
        code, null = None, None
        if trunk.num_latents:
            given = np.full((poses, trunk.num_latents), -1) if index is None else index
            code, null = one_hot(torch.from_numpy(given), nodes), torch.full((poses,), float(index is None))
        state = models.score.trunk.receptor_state(batch).expand(poses)
        random = PoseRandom(SEED, f"curvature {example.name}", range(poses))
        pos = initial_poses(rows.conformer, rows.topology, random, tr_sigma=noise.tr_max)

        def score(pos, t, rows=rows, code=code, null=null, state=state) -> Scores:
            time = torch.full((poses,), t)
            return models.score(rows, pos, time, table, code=code, null=null, receptor=state)

        yield path_shape(score, pos, rows.topology, noise=noise, sampler=models.config.sampler, steps=steps)


def usage(models: Models, dataset: ComplexDataset) -> dict[str, float]:
    """What the encoder's latents point at: entropy in nats, at ligand atoms, distance of their node to the ligand."""
    encoder = models.encoder
    if encoder is None:
        return {}
    entropies, at_ligand, far = [], [], []
    for number in range(len(dataset)):
        example = dataset[number]
        graphs = collate([example.graph])
        p = encoder(graphs, example.pos_crystal.unsqueeze(0))[0].softmax(-1)
        entropies.append(-(p * p.clamp_min(1e-30).log()).sum(-1).mean().item())
        at_ligand.append(p[:, : graphs.num_atoms].sum(-1).mean().item())
        gap = torch.cdist(example.graph.rec_pos, example.pos_crystal).min(1).values
        weight = p[:, graphs.num_atoms :]
        far.append(((weight * gap).sum() / weight.sum().clamp_min(1e-9)).item())
    return {
        "code_entropy": float(np.mean(entropies)),
        "ligand_share": float(np.mean(at_ligand)),
        "pointed_residue_distance": float(np.mean(far)),
    }


@torch.no_grad()
def measure(name: str, folder: Path, dataset: ComplexDataset, args: argparse.Namespace) -> Iterator[dict]:
    """One line per kind of latents."""
    models = replace(load_models(folder / "checkpoint", with_encoder=True), confidence=None)
    used = usage(models, dataset)
    for case in cases_of(models):
        part = losses(models, dataset, case if case != "prior" else "oracle")
        line: dict = {"run": name, "latents": case, "complexes": len(dataset), "poses": args.num_poses, **used}
        if case != "prior":  # the loss of a pose given latents that were drawn for another one has no meaning
            line |= {f"loss_{key}": [round(x, 4) for x in values] for key, values in part.items()}
            line["loss"] = round(float(np.mean([np.mean(values) for values in part.values()])), 4)
        for kind, sampler in (("sde", SAMPLER), ("ode", ODE)):
            settings = DockingSettings(num_poses=args.num_poses, seed=SEED, sampler=sampler)
            errors = []
            for number in range(len(dataset)):
                example = dataset[number]
                codes = codes_of(models, example, case, args.num_poses)
                bare = models if case != "null" else replace(models, prior=None)
                errors.append(pose_errors(bare, example, replace(settings, codes=codes)))
            rmsd, centre = (np.array([getattr(e, key) for e in errors]) for key in ("rmsd", "centroid"))
            line |= {
                f"{kind}_under_2": float((rmsd < 2).mean()),
                f"{kind}_under_5": float((rmsd < 5).mean()),
                f"{kind}_best_under_2": float((rmsd.min(1) < 2).mean()),
                f"{kind}_best_under_5": float((rmsd.min(1) < 5).mean()),
                f"{kind}_median_rmsd": float(np.median(rmsd)),
                f"{kind}_median_centroid": float(np.median(centre)),
            }
        paths = list(shapes(models, dataset, case, args.curves, args.curve_steps))
        line["t"] = [round(x, 4) for x in paths[0].t.tolist()]
        for key in ("curvature", "tr", "rot"):
            values = torch.cat([getattr(path, key) for path in paths], 1)
            values = values[:, torch.isfinite(values).all(0)]
            line[f"kappa_{key}"] = [round(x, 5) for x in values.median(1).values.tolist()]
        line["tr_detour"] = round(float(torch.cat([path.tr_detour for path in paths]).median()), 4)
        yield line


def plot(lines: list[dict], path: Path) -> None:
    """Losses and curvatures against t; seeds of a setting share a colour."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(13, 7), layout="constrained")
    keys = ["loss_tr", "loss_rot", "loss_tor", "kappa_tr", "kappa_rot", "kappa_curvature"]
    titles = [
        "translation loss",
        "rotation loss",
        "torsion loss",
        "curvature of translation, 1/Å",
        "curvature of rotation, 1/rad",
        "curvature of the whole path",
    ]
    names = sorted({(line["run"].rsplit("-", 1)[0], line["latents"]) for line in lines})
    for axis, key, title in zip(axes.flat, keys, titles, strict=True):
        for number, name in enumerate(names):
            group = [line for line in lines if (line["run"].rsplit("-", 1)[0], line["latents"]) == name and key in line]
            for k, line in enumerate(group):
                count = len(line[key])
                t = line["t"] if key.startswith("kappa") else [(i + 0.5) / count for i in range(count)]
                label = " ".join(dict.fromkeys(name)) if k == 0 else None
                axis.plot(t, line[key], color=f"C{number}", lw=1.3, label=label)
        if key.startswith("kappa"):
            axis.set_yscale("log")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("t")
        axis.grid(alpha=0.3)
    axes[0, 0].legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def table(lines: list[dict]) -> str:
    """Markdown: mean over seeds, and the range."""
    groups: dict[tuple[str, str], list[dict]] = defaultdict(list)
    for line in lines:
        groups[(line["run"].rsplit("-", 1)[0], line["latents"])].append(line)
    columns = {
        "loss": "loss",
        "sde_under_5": "poses < 5 Å",
        "sde_best_under_5": "best < 5 Å",
        "sde_best_under_2": "best < 2 Å",
        "sde_median_centroid": "centroid, Å",
        "ode_under_5": "ODE poses < 5 Å",
        "tr_detour": "detour",
        "kappa": "curvature, t from 0.5",
    }
    rows = ["| setting | latents | " + " | ".join(columns.values()) + " |", "|---" * (len(columns) + 2) + "|"]
    for (setting, latents), group in groups.items():
        cells = []
        for key in columns:
            if key == "kappa":
                values = [
                    float(np.mean([k for t, k in zip(line["t"], line["kappa_curvature"], strict=True) if t >= EARLY]))
                    for line in group
                ]
            else:
                values = [line[key] for line in group if key in line]
            scale, unit = (100, " %") if "under" in key else (1, "")
            spread = f" ({min(values) * scale:.3g}-{max(values) * scale:.3g})" if len(values) > 1 else ""
            cells.append(f"{np.mean(values) * scale:.3g}{unit}{spread}" if values else "")
        rows.append(f"| {setting} | {latents} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> int:
    """Measure every run, or print the table of what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--run", action="append", default=[], metavar="NAME=DIR")
    parser.add_argument("--num-poses", type=int, default=8)
    parser.add_argument("--curves", type=int, default=8, help="paths per complex for the curvature")
    parser.add_argument("--curve-steps", type=int, default=40)
    parser.add_argument("--every", type=int, default=1, help="take every n-th complex")
    parser.add_argument("--max-residues", type=int, default=0)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    dataset = ComplexDataset(args.shards, max_residues=args.max_residues)
    dataset = ComplexDataset(args.shards, dataset.ids[:: args.every])
    for run in args.run:
        name, _, folder = run.partition("=")
        for line in measure(name, Path(folder), dataset, args):
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            short = {key: value for key, value in line.items() if not isinstance(value, list)}
            print(json.dumps(short), flush=True)
    lines = [json.loads(text) for text in args.out.read_text(encoding="utf-8").splitlines()]
    print(table(lines))
    if args.plot:
        plot(lines, args.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
