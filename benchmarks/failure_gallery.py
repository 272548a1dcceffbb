"""Pictures of what fails: complexes of an evaluation sorted by how their first pose misses.

    python benchmarks/failure_gallery.py evaluation --data COMPLEXES --plot failures.png

Kinds, in this order: *elsewhere* (the first pose's centroid is more than 8 Angstrom off), *not ranked first* (another
pose is within 2 Angstrom), *turned* (right place, RMSD above 4 Angstrom), *near* (2 to 4 Angstrom). Prints how many
there are of each kind and draws the one of median size of the first three, projected on the plane of its ligand poses.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from rdkit import Chem

from disco_dock.chem.read_receptor import read_receptor
from disco_dock.evaluation.rows import MeasuredComplex

ELSEWHERE, TURNED, RIGHT = 8.0, 4.0, 2.0  # Angstrom
KINDS = ("elsewhere", "not ranked first", "turned", "near")
DRAWN = KINDS[:3]
AROUND = 12.0  # Angstrom around the ligand poses in which C-alpha atoms are drawn


def kind_of(row: MeasuredComplex) -> str | None:
    """How the first pose misses; None where it does not, or there is none."""
    if not row.rmsd or row.rmsd[0] < RIGHT:
        return None
    if row.centroid[0] > ELSEWHERE:
        return "elsewhere"
    if min(row.rmsd) < RIGHT:
        return "not ranked first"
    return "turned" if row.rmsd[0] > TURNED else "near"


def read_rows(path: Path) -> list[MeasuredComplex]:
    """Rows of one method."""
    _, *lines = path.read_text().splitlines()
    return [MeasuredComplex(**json.loads(line)) for line in lines]


def draw(axis, folder: Path, sdf: Path, row: MeasuredComplex, title: str) -> None:
    """Crystal pose, first pose and C-alpha trace of one complex."""
    crystal = Chem.RemoveHs(Chem.MolFromMolFile(str(folder / "ligand.sdf")))
    first = Chem.RemoveHs(next(iter(Chem.SDMolSupplier(str(sdf)))))
    trace = read_receptor(folder / "protein.pdb").ca_pos
    poses = [mol.GetConformer().GetPositions() for mol in (crystal, first)]
    both = np.concatenate(poses)
    centre = both.mean(0)
    plane = np.linalg.svd(both - centre, full_matrices=False)[2][:2].T
    near = np.linalg.norm(trace[:, None] - both[None], axis=-1).min(1) < AROUND
    axis.scatter(*((trace[near] - centre) @ plane).T, s=8, color="0.8", label="C-alpha")
    for mol, pos, colour, label in zip((crystal, first), poses, ("0.3", "tab:red"), ("crystal", "first"), strict=True):
        flat = (pos - centre) @ plane
        for bond in mol.GetBonds():
            ends = flat[[bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()]]
            axis.plot(*ends.T, color=colour, lw=1.8)
        axis.plot([], [], color=colour, label=label)
    size, errors = f"{row.atoms} atoms, {row.torsions} torsions", f"first {row.rmsd[0]:.1f}, best {min(row.rmsd):.1f} Å"
    axis.set_title(f"{title}\n{row.id}: {size}\n{errors}", fontsize=8)
    axis.set_aspect("equal")
    axis.axis("off")


def main() -> int:
    """Count the kinds and draw one of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--method", default="disco-dock-vina-by-contacts")
    parser.add_argument("--plot", type=Path, required=True)
    args = parser.parse_args()
    import matplotlib.pyplot as plt

    rows = read_rows(args.evaluation / f"{args.method}.jsonl")
    missed: dict[str, list[MeasuredComplex]] = {kind: [] for kind in KINDS}
    for row in rows:
        kind = kind_of(row)
        if kind is not None:
            missed[kind].append(row)
    print(f"{len(rows)} complexes, missed: " + ", ".join(f"{len(found)} {kind}" for kind, found in missed.items()))
    figure, axes = plt.subplots(1, len(DRAWN), figsize=(3.2 * len(DRAWN), 3.6), layout="constrained")
    for axis, kind in zip(axes, DRAWN, strict=True):
        found = sorted(missed[kind], key=lambda row: (row.atoms, row.id))
        if found:
            row = found[len(found) // 2]
            draw(axis, args.data / row.id, args.evaluation / "poses" / args.method / f"{row.id}.sdf", row, kind)
    axes[0].legend(fontsize=7, frameon=False, loc="lower left")
    figure.savefig(args.plot, dpi=110)
    return 0


if __name__ == "__main__":
    sys.exit(main())
