"""How often a prior's latents point at a residue that touches the ligand, without docking anything.

    python benchmarks/pocket_suggestion.py COMPLEXES --ids val.txt [--checkpoint DIR] [--limit 50]

COMPLEXES holds folders <id>/protein.pdb + ligand.sdf or another layout that `disco-dock data build` reads. The whole
protein file is searched, as in a blind docking. A residue is a contact when one of its heavy atoms (its C-alpha atom
where the file has no others) is within 5 Angstrom of a ligand heavy atom in the crystal pose. Reported are the share of
complexes with a contact among the 1, 3 and 10 most probable residues, the same for residues drawn at random (exact,
without replacement), and the share whose best one or three suggested sites have their centre within 8 Angstrom of the
ligand's centroid, with 95 % intervals by bootstrap over complexes. Prints one JSON line and appends it to
benchmarks/results/pocket_suggestion.jsonl; a complex that cannot be read is counted and left out.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import KDTree

from disco_dock.chem.conformers import embed
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor import Receptor
from disco_dock.data.prepare import read_source_ligand
from disco_dock.data.sources import SourceFolder
from disco_dock.docking.binding_modes import suggest_pockets
from disco_dock.graph.build import build_complex
from disco_dock.runtime.errors import DiscoError
from disco_dock.runtime.random import derive_seed
from disco_dock.sampling.sample import DockingSettings, survey_prior
from disco_dock.weights.networks import bundled_checkpoint, load_models

CONTACT = 5.0  # Angstrom between heavy atoms
CENTER = 8.0  # Angstrom between a suggested centre and the ligand's centroid
RANKS = (1, 3, 10)
RESULTS = Path(__file__).parent / "results" / "pocket_suggestion.jsonl"


def contact_residues(receptor: Receptor, ligand: np.ndarray) -> np.ndarray:
    """(residues,) bool, whether a heavy atom of a residue is within 5 Angstrom of a ligand atom (atoms, 3)."""
    heavy = np.array([element.strip().upper() not in ("H", "D") for element in receptor.atom_elements])
    distance, _ = KDTree(ligand).query(receptor.atom_pos[heavy])
    touching = np.zeros(len(receptor.restype), dtype=bool)
    touching[receptor.atom_residue[heavy][distance <= CONTACT]] = True
    return touching


def random_hit(contacts: int, residues: int, drawn: int) -> float:
    """Probability that at least one of so many residues drawn without replacement is a contact."""
    drawn = min(drawn, residues)
    return 1 - math.comb(residues - contacts, drawn) / math.comb(residues, drawn)


def interval(values: np.ndarray) -> list[float]:
    """95 % interval of a mean by bootstrap over complexes."""
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(1)
    return [round(float(value), 3) for value in np.percentile(draws, (2.5, 97.5))]


def rows(folder: SourceFolder, ids: list[str], checkpoint: Path) -> tuple[list[dict], int]:
    """One row per complex that can be read, and how many cannot."""
    models = replace(load_models(checkpoint), expert=None)  # the prior needs no atoms
    inverse = models.config.latent_inverse_temperature
    found, failed = [], 0
    for number, name in enumerate(ids, start=1):
        try:
            source = folder.find(name)
            ligand, receptor = read_source_ligand(source), read_receptor(source.protein)
            conformer = embed(ligand.mol, seed=derive_seed("conformer", 0, ligand.smiles))
        except DiscoError as error:
            failed += 1
            print(f"{name}: {error}", file=sys.stderr)
            continue
        assert ligand.pos is not None
        touching = contact_residues(receptor, ligand.pos)
        graph = build_complex(receptor, ligand, conformer.pos, None)
        survey = survey_prior(models, graph, DockingSettings(latent_inverse_temperature=inverse))
        atoms = ligand.num_atoms
        order = np.argsort(-survey.marginal[atoms:], kind="stable")
        sites = suggest_pockets(survey, atoms, receptor).sites
        away = [float(np.linalg.norm(np.array(site["center"]) - ligand.pos.mean(0))) for site in sites]
        row = {f"top{k}": float(touching[order[:k]].any()) for k in RANKS}
        row |= {f"random{k}": random_hit(int(touching.sum()), len(touching), k) for k in RANKS}
        row |= {"site1": float(away[0] <= CENTER), "site3": float(min(away) <= CENTER)}
        row |= {"on_ligand": float(survey.marginal[:atoms].sum()), "contacts": float(touching.sum())}
        found.append(row)
        print(f"[{number}/{len(ids)}] {name} {row}", file=sys.stderr)
    return found, failed


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("complexes", type=Path)
    parser.add_argument("--ids", type=Path, help="file with one id per line (all)")
    parser.add_argument("--checkpoint", type=Path, help="folder of a checkpoint (the bundled one)")
    parser.add_argument("--limit", type=int, help="take only the first ids")
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder = SourceFolder(args.complexes)
    ids = folder.names() if args.ids is None else args.ids.read_text().split()
    checkpoint = args.checkpoint or bundled_checkpoint()
    found, failed = rows(folder, ids[: args.limit], checkpoint)
    from machine import report

    table = {key: np.array([row[key] for row in found]) for key in found[0]}
    line = {
        "checkpoint": load_models(checkpoint).sha256[:12],
        "complexes": len(found),
        "unreadable": failed,
        **{key: round(float(value.mean()), 3) for key, value in table.items()},
        **{f"{key}_interval": interval(table[key]) for key in ("top1", "top3", "top10", "site1", "site3")},
    }
    report(line, RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
