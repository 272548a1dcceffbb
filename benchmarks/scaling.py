"""Time and memory against receptor size, ligand size and number of poses, on made-up complexes with random weights.

    python benchmarks/scaling.py [--preset disco-diffdock-s] [--plot docs/figures/scaling.png]

A receptor is a jittered lattice of the density of a protein (one C-alpha per 135 cubic Angstrom), a ligand a chain of
glycines around its centre. Each measurement is a process of its own, so that its peak memory is its own. Prints JSON
lines and writes them to benchmarks/results/scaling-PRESET.jsonl.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"
RESIDUES = (100, 200, 400, 800, 1600)
ATOMS = (11, 21, 41, 81)
POSES = (1, 8, 40, 200)
TYPICAL = {"residues": 400, "atoms": 21, "poses": 40}
VOLUME_PER_RESIDUE = 135.0  # cubic Angstrom
TIMES = (0.9, 0.5, 0.1)
REPEATS = 3


def lattice(residues: int) -> np.ndarray:
    """(residues, 3) a compact ball of C-alpha positions in Angstrom."""
    draws = np.random.default_rng(0)
    spacing = VOLUME_PER_RESIDUE ** (1 / 3)
    side = int(np.ceil((residues * 2) ** (1 / 3))) + 1
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3).astype(float)
    grid = (grid - grid.mean(0)) * spacing
    nearest = grid[np.argsort(np.linalg.norm(grid, axis=1), kind="stable")[:residues]]
    return nearest + draws.normal(0, 0.5, nearest.shape)


def made_up_complex(residues: int, atoms: int):
    """Graph of a lattice receptor and a chain of glycines with about `atoms` heavy atoms, and its conformer."""
    from rdkit import Chem

    from disco_dock.chem.conformers import embed
    from disco_dock.chem.ligands.read_ligand import read_ligand
    from disco_dock.chem.read_receptor import read_receptor
    from disco_dock.graph.build import build_complex

    names = ("ALA", "LEU", "SER", "GLU", "LYS", "PHE", "GLY", "VAL")
    lines = [
        f"ATOM  {n + 1:5d}  CA  {names[n % 8]} A{n + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           C"
        for n, (x, y, z) in enumerate(lattice(residues))
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lattice.pdb"
        path.write_text("\n".join([*lines, "END", ""]))
        receptor = read_receptor(path)
    mol = Chem.MolFromSmiles("CC(=O)" + "NCC(=O)" * ((atoms - 3) // 4) + "C" * ((atoms - 3) % 4))
    ligand = read_ligand(Chem.MolToSmiles(mol))
    conformer = embed(ligand.mol, seed=0).pos
    return build_complex(receptor, ligand, conformer), conformer - conformer.mean(0)


def measure(preset_name: str, residues: int, atoms: int, poses: int) -> dict:
    """One measurement, in this process: score evaluations of all poses, in the groups that docking uses."""
    import torch
    from machine import gemm_seconds

    from disco_dock.diffusion.schedule import sigmas
    from disco_dock.diffusion.so3 import igso3_table
    from disco_dock.graph.batch import collate
    from disco_dock.kernels.compiled import torch_on_one_thread
    from disco_dock.models.score import ScoreModel
    from disco_dock.sampling.sample import CPU_GROUP
    from disco_dock.training.presets import preset

    torch.set_num_threads(2)
    torch.manual_seed(0)
    graph, conformer = made_up_complex(residues, atoms)
    sizes = preset(preset_name)
    score, table = ScoreModel(sizes.score).eval(), igso3_table()
    latents = sizes.score.trunk.num_latents
    line: dict = {"preset": preset_name, "residues": residues, "atoms": graph.num_atoms, "poses": poses}
    gemm = gemm_seconds()
    with torch.no_grad(), torch_on_one_thread():
        begin = time.perf_counter()
        batch = collate([graph])
        state = score.trunk.receptor_state(batch).expand(CPU_GROUP)
        line["prepare_seconds"] = round(time.perf_counter() - begin, 4)
        rows = batch.expand(CPU_GROUP)
        given = {}
        if latents:
            code = torch.zeros(CPU_GROUP, latents, batch.num_atoms + batch.num_residues)
            given = {"code": code, "null": torch.ones(CPU_GROUP)}
        for t in TIMES:
            sigma = float(sigmas(t, sizes.score.noise).tr)
            pos = torch.from_numpy(conformer).float() + sigma * torch.randn(poses, 1, 3)
            times = []
            for _ in range(REPEATS):
                begin = time.perf_counter()
                for start in range(0, poses, CPU_GROUP):
                    part = pos[start : start + CPU_GROUP]
                    live = len(part)
                    part = torch.cat([part, part[:1].expand(CPU_GROUP - live, -1, -1)])
                    group = rows.only(torch.arange(CPU_GROUP) < live)
                    score(group, part, torch.full((CPU_GROUP,), t), table, **given, receptor=state)
                times.append(time.perf_counter() - begin)
            line[f"ms_per_pose_t{t}"] = round(1e3 * statistics.median(times) / poses, 3)
            line[f"units_t{t}"] = round(statistics.median(times) / poses / gemm, 4)
    line["gemm_seconds"] = round(gemm, 4)
    line["peak_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3)
    return line


def plot(lines: list[dict], path: Path) -> None:
    """Time and memory against each size, the other sizes being typical."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(11, 6), sharex="col", layout="constrained")
    for column, (name, label) in enumerate(
        (("residues", "residues"), ("atoms", "ligand heavy atoms"), ("poses", "poses"))
    ):
        rows = sorted((line for line in lines if line["axis"] == name), key=lambda line: line[name])
        for t in TIMES:
            axes[0, column].plot(
                [r[name] for r in rows], [r[f"ms_per_pose_t{t}"] for r in rows], "o-", label=f"t = {t}"
            )
        axes[1, column].plot([row[name] for row in rows], [row["peak_gib"] for row in rows], "o-", color="black")
        for axis in axes[:, column]:
            axis.set_xscale("log" if name == "poses" else "linear")
            axis.set_ylim(bottom=0)
            axis.grid(alpha=0.3)
        axes[1, column].set_xlabel(label)
    axes[0, 0].set_ylabel("ms per pose and step")
    axes[1, 0].set_ylabel("peak memory, GiB")
    axes[0, 0].legend(frameon=False)
    figure.suptitle(f"{lines[0]['preset']}, 2 CPU cores; other sizes: {TYPICAL}", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> int:
    """Measure along each axis, each point in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="disco-diffdock-s")
    parser.add_argument("--plot", type=Path, help="write a PNG (needs matplotlib)")
    parser.add_argument("--one", nargs=3, type=int, metavar=("RESIDUES", "ATOMS", "POSES"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.preset, *args.one)))
        return 0
    lines = []
    for axis, values in (("residues", RESIDUES), ("atoms", ATOMS), ("poses", POSES)):
        for value in values:
            sizes = {**TYPICAL, axis: value}
            command = [sys.executable, __file__, "--preset", args.preset, "--one", *map(str, sizes.values())]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            lines.append({"axis": axis, **json.loads(done.stdout.splitlines()[-1])})
            print(json.dumps(lines[-1]), flush=True)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"scaling-{args.preset}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    if args.plot:
        plot(lines, args.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
