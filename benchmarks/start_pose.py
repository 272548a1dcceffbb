"""Lead optimisation by partial diffusion: ligands of a congeneric series docked from the pose of another one of it.

    python benchmarks/start_pose.py COMPLEXES --ids series.txt [--series 10] [--ligands 2] [--poses 8] [--rows FILE]

Complexes of one receptor file are a series. Its first ligand is the template, whose pose is known; ligands spread over
the others are docked as SMILES: blindly, in the template's pocket, with the template as core, from its pose at several
noise levels, and without the networks (conformers laid over the template's pose, then physics). RMSD is to the ligand's
own pose in the data. Processor seconds are of docking alone, and of one thread with OMP_NUM_THREADS=1. Rows are kept in
a file, and the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rdkit import Chem

from disco_dock.api.docker import Docker
from disco_dock.api.rescore import rescore
from disco_dock.api.result import Result
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.docking.settings import PocketHint
from disco_dock.docking.start_pose import read_starts
from disco_dock.physics.settings import PhysicsChoice
from disco_dock.runtime.errors import DiscoError

MINIMISED, SEARCHED = PhysicsChoice(minimize="vina", moves=0), PhysicsChoice()
MOVES = 100  # of the search around conformers that are laid over the template


class Case(NamedTuple):
    """A ligand, the pose that it has, and the template's."""

    protein: Path
    smiles: str
    own: Path
    template: Path


def cases(folder: Path, ids: list[str], series: int, ligands: int) -> Iterator[Case]:
    """Ligands spread evenly over each of the largest series."""
    by_receptor: dict[str, list[str]] = defaultdict(list)
    for name in ids:
        if (folder / name / "protein.pdb").exists():
            by_receptor[hashlib.sha256((folder / name / "protein.pdb").read_bytes()).hexdigest()].append(name)
    for names in sorted(by_receptor.values(), key=lambda names: (-len(names), names))[:series]:
        template, *others = sorted(names)
        places = (np.arange(ligands) + 0.5) * len(others) / ligands
        for place in places.astype(int) if len(others) >= ligands else ():
            own = folder / others[place] / "ligand.sdf"
            smiles = Chem.MolToSmiles(read_ligand(str(own)).mol)
            yield Case(folder / others[place] / "protein.pdb", smiles, own, folder / template / "ligand.sdf")


def laid_over(case: Case) -> list[Chem.Mol]:
    """Conformers of the ligand laid over the template's pose, which is where partial diffusion starts from."""
    ligand = read_ligand(case.smiles)
    mols = []
    for pos in read_starts(case.template, ligand, seed=0).pos:
        mol = Chem.Mol(ligand.mol)
        conformer = Chem.Conformer(mol.GetNumAtoms())
        conformer.Set3D(True)
        conformer.SetPositions(np.ascontiguousarray(pos))
        mol.AddConformer(conformer)
        mols.append(mol)
    return mols


def ways(docker: Docker, poses: int, times: list[float]) -> dict[str, Callable[[Case], Result]]:
    """How a case is docked, by name."""
    shared = {"num_poses": poses, "check_poses": 0}

    def dock(case: Case, **more) -> Result:
        return docker.dock(case.protein, case.smiles, reference=case.own, **shared, **more)

    def over(case: Case, **more) -> Result:
        return rescore(case.protein, laid_over(case), reference=case.own, check_poses=0, **more)

    found: dict[str, Callable[[Case], Result]] = {
        "blind": dock,
        "template's pocket": lambda case: dock(case, pocket=PocketHint(ligand=case.template)),
        "the template as core": lambda case: dock(case, core=case.template),
        "laid over, scored": over,
        "laid over, minimised": lambda case: over(case, minimize="vina"),
        "laid over, searched": lambda case: over(case, minimize="vina", search_moves=MOVES),
    }
    for t in times:
        for name, physics in (("minimised", MINIMISED), ("searched", SEARCHED)):
            found[f"from its pose, t = {t:g}, {name}"] = lambda case, t=t, physics=physics: dock(
                case, start_pose=case.template, start_noise=t, physics=physics
            )
    return found


def main() -> None:
    """Dock and print a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("complexes", type=Path)
    parser.add_argument("--ids", type=Path, required=True)
    parser.add_argument("--series", type=int, default=10)
    parser.add_argument("--ligands", type=int, default=2)
    parser.add_argument("--poses", type=int, default=8)
    parser.add_argument("--times", type=float, nargs="*", default=[0.1, 0.3, 0.5])
    parser.add_argument("--rows", type=Path, default=Path("start_pose.jsonl"))
    args = parser.parse_args()
    docker, done = Docker.from_pretrained(), read_rows(args.rows)
    for case in cases(args.complexes, args.ids.read_text().split(), args.series, args.ligands):
        name = case.own.parent.name
        for way, dock in ways(docker, args.poses, args.times).items():
            if (name, way) in done:
                continue
            begin = time.process_time()
            try:
                rmsd = [row["rmsd"] for row in dock(case).prediction.table]
            except DiscoError as error:
                rmsd = []
                print(f"{name}: {way}: {error}", flush=True)
            row = {"name": name, "way": way, "rmsd": rmsd, "seconds": round(time.process_time() - begin, 2)}
            with args.rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    print_table(read_rows(args.rows))


def read_rows(path: Path) -> dict[tuple[str, str], dict]:
    """The rows of earlier calls by complex and way."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return {(row["name"], row["way"]): row for row in rows}


def print_table(rows: dict[tuple[str, str], dict]) -> None:
    """A line for each way, over the ligands that every way docked."""
    names, found = (list(dict.fromkeys(key)) for key in zip(*rows, strict=True))
    whole = [name for name in names if all(rows.get((name, way), {}).get("rmsd") for way in found)]
    print(f"| {len(whole)} of {len(names)} ligands | first < 2 Å | first < 1 Å | best < 2 Å | median first, Å | s |")
    print("|---|---|---|---|---|---|")
    for way in found:
        own = [rows[name, way] for name in whole]
        first, best = (np.array([pick(row["rmsd"]) for row in own]) for pick in (lambda each: each[0], min))
        seconds = np.mean([row["seconds"] for row in own])
        print(
            f"| {way} | {(first < 2).sum()} | {(first < 1).sum()} | {(best < 2).sum()} | {np.median(first):.2f} | "
            f"{seconds:.1f} |"
        )


if __name__ == "__main__":
    main()
