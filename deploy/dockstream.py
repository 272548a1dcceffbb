#!/usr/bin/env python
"""Docks where DockStream's docker.py is expected, such as by REINVENT's DockStream component.

    python deploy/dockstream.py -conf docking.json -smiles "CCO;c1ccccc1" -print_scores

The configuration is DockStream's. A run names its receptor and pocket as for `dock_smiles`,

    {"backend": "disco-dock", "input_pools": ["pool"], "parameters": {"protein": "protein.pdb",
     "pocket": {"ligand": "known.sdf"}, "number_poses": 1, "settings": {"num_poses": 10, "seed": 0}}, "output": ...}

or is one for AutoDockVina, whose receptor, box, seed and number of poses are taken. Ligands are docked as SMILES by
disco-dock's own preparation; embedding, alignment, enumeration and parallelisation of the configuration have no effect.
Scores are the Vina energy of the first-ranked pose, or NA. Source: github.com/MolecularAI/DockStream (1.1).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rdkit import Chem

from disco_dock import PocketHint, dock_smiles
from disco_dock.runtime.errors import ConfigError, DiscoError

COLUMNS = ("ligand_number", "enumeration", "conformer_number", "name", "score", "smiles", "lowest_conformer")
MODES = ("all", "best_per_ligand", "best_per_enumeration")
SAMPLES = 10  # poses that are made for each ligand, of which number_poses are given


class Pose(NamedTuple):
    """A row of the scores, and the molecule."""

    row: tuple[Any, ...]
    mol: Chem.Mol


def main(arguments: Sequence[str] | None = None) -> int:
    """Dock, write what the configuration asks for, and print a score a line; 1 where the configuration is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-conf", type=Path, required=True)
    parser.add_argument("-smiles", default="", help="separated by ;")
    parser.add_argument("-print_scores", action="store_true")
    parser.add_argument("-print_all", action="store_true", help="of all poses")
    parser.add_argument("-output_prefix", default="", help="of file names")
    parser.add_argument("-input_csv", type=Path)
    parser.add_argument("-input_csv_smiles_column", default="smiles")
    parser.add_argument("-input_csv_names_column", default="")
    args, others = parser.parse_known_args(arguments)
    if others:
        sys.stderr.write(f"no effect: {' '.join(others)}\n")
    try:
        config = json.loads(args.conf.read_text(encoding="utf-8"))["docking"]
        pools = {pool["pool_id"]: list(_ligands(pool, args)) for pool in _listed(config, "ligand_preparation")}
        for run in _listed(config, "docking_runs"):
            _dock(run, [one for pool in _as_list(run["input_pools"]) for one in pools[pool]], args)
    except (OSError, ValueError, KeyError, TypeError, DiscoError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else error
        sys.stderr.write(f"{args.conf}: {what}; correct the configuration\n")
        return 1
    return 0


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _listed(config: dict[str, Any], part: str) -> list[dict[str, Any]]:
    """The pools or runs of a configuration; a single one may stand without a list."""
    return _as_list(config[part]["embedding_pools"] if part == "ligand_preparation" else config[part])


def _ligands(pool: dict[str, Any], args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """SMILES and name (or "") of each ligand of a pool."""
    source = pool["input"]
    kind, path = str(source.get("type", "console")).upper(), source.get("input_path", "")
    if args.input_csv is not None:
        yield from _table(args.input_csv, ",", args.input_csv_smiles_column, args.input_csv_names_column)
    elif kind == "CONSOLE":  # REINVENT 4 hands its quotes over
        yield from ((smiles, "") for smiles in args.smiles.strip("\"'").split(";") if smiles)
    elif kind == "LIST":
        yield from ((smiles, "") for smiles in _as_list(path))
    elif kind == "SMI":
        yield from ((line.split()[0], "") for line in Path(path).read_text(encoding="utf-8").splitlines() if line)
    elif kind == "CSV":
        columns = source["columns"]
        yield from _table(Path(path), source.get("delimiter", ","), columns["smiles"], columns.get("names", ""))
    else:
        raise ConfigError(f"input of the type {kind} is not read here, but CONSOLE, LIST, SMI and CSV")


def _table(path: Path, delimiter: str, smiles: str, names: str) -> Iterator[tuple[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from ((row[smiles], row[names] if names else "") for row in csv.DictReader(file, delimiter=delimiter))


def _dock(run: dict[str, Any], ligands: Sequence[tuple[str, str]], args: argparse.Namespace) -> None:
    """Dock the ligands of a run, write its files, print its scores."""
    found: list[list[Pose]] = []
    with tempfile.TemporaryDirectory() as scratch:
        protein, pocket, settings = _asked(run, Path(scratch))
        for number, (smiles, name) in enumerate(ligands):
            try:
                details = dock_smiles(smiles, protein, pocket, **settings).details
            except DiscoError as error:
                sys.stderr.write(f"{smiles}: {error}\n")
                found.append([])
                continue
            found.append(_poses(number, smiles, name, details))
    output = run.get("output", {})
    for what, key, write in (("poses", "poses_path", _write_poses), ("scores", "scores_path", _write_scores)):
        if key in output.get(what, {}):
            path = _unused(output[what], Path(output[what][key]), args.output_prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, list(_chosen(found, output[what].get("mode", "all"))))
    if args.print_scores:
        for poses in found:
            shown = poses if args.print_all else poses[:1]
            sys.stdout.write("".join(f"{pose.row[4]}\n" for pose in shown) or "NA\n")
        sys.stdout.flush()


def _asked(run: dict[str, Any], scratch: Path) -> tuple[str, PocketHint | None, dict[str, Any]]:
    """Protein, pocket and settings of a run."""
    backend, given = run.get("backend"), run["parameters"]
    settings = {"num_poses": SAMPLES, "num_modes": given.get("number_poses", 1)}
    if backend == "disco-dock":
        pocket = PocketHint(**given["pocket"]) if given.get("pocket") else None
        return given["protein"], pocket, {**settings, **given.get("settings", {})}
    if backend != "AutoDockVina":
        raise ConfigError(f"the backend {backend} is not taken, but disco-dock and AutoDockVina")
    box = scratch / "box.txt"
    lines = [f"{name.removeprefix('--')} = {value}" for name, value in given["search_space"].items()]
    box.write_text("\n".join(lines), encoding="utf-8")
    return _as_list(given["receptor_pdbqt_path"])[0], PocketHint(box=box), {**settings, "seed": given.get("seed", 42)}


def _poses(number: int, smiles: str, name: str, details: dict[str, Any]) -> list[Pose]:
    """The poses of a ligand as DockStream numbers them, best first."""
    poses = []
    for place, (mol, score) in enumerate(zip(details["result"].mols, details["scores"], strict=True)):
        mol = Chem.Mol(mol)
        mol.SetProp("_Name", f"{number}:0:{place}")
        mol.SetProp("SCORE", str(score))
        poses.append(Pose((number, 0, place, name or f"{number}:0:{place}", score, smiles, place == 0), mol))
    return poses


def _chosen(found: Sequence[Sequence[Pose]], mode: str) -> Iterator[Pose]:
    """What is written; there is one enumeration of each ligand."""
    if mode not in MODES:
        raise ConfigError(f"the mode of an output is {', '.join(MODES)}, not {mode}")
    for poses in found:
        yield from poses if mode == "all" else poses[:1]


def _unused(output: dict[str, Any], path: Path, prefix: str) -> Path:
    """The path of an output with the prefix; with `overwrite` DockStream numbers a file that is there."""
    path = path.with_name(prefix + path.name)
    if not (output.get("overwrite") and path.exists()):
        return path
    numbered = (path.with_name(f"{number:04}_{path.name}") for number in range(1, 10000))
    return next(other for other in numbered if not other.exists())


def _write_poses(path: Path, poses: Sequence[Pose]) -> None:
    with Chem.SDWriter(str(path)) as writer:
        for pose in poses:
            writer.write(pose.mol)


def _write_scores(path: Path, poses: Sequence[Pose]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *(pose.row for pose in poses)])


if __name__ == "__main__":
    sys.exit(main())
