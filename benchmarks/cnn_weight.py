"""The weight of GNINA's network beside the contact score (`cnn_weight` of a checkpoint), from training complexes.

    python benchmarks/cnn_weight.py COMPLEXES --decoys OUT/decoys --ids ids.txt --manifest manifest.csv -o OUT

The poses are those that `disco-dock fit contacts` made (its folder `decoys`), scored by rustina, and by the member of
the checkpoint's contact score that was not fitted to the complex's cluster. One row per complex in OUT/cnn.jsonl; a run
that was stopped goes on. Prints, by weight, the loss (minus the logarithm of the softmax share of the poses within 2
Angstrom) and how often the first pose and one of five are within 2 Angstrom, where there is such a pose.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.special import logsumexp

from disco_dock.cli.console import text_table
from disco_dock.data.sources import read_ids
from disco_dock.docking.engine import load_engine
from disco_dock.docking.receptors import ReceptorFields
from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.fit.decoys import decoy_file, read_decoys
from disco_dock.evaluation.fit.ranking import members_by_id
from disco_dock.physics.vina_scorer import VinaScores
from disco_dock.ranking.cnn_score import cnn_probability, require_rustina
from disco_dock.ranking.contact_score import contact_score_of
from disco_dock.ranking.pose_scores import SMALLEST
from disco_dock.runtime.errors import DiscoError

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, np.inf)
NEAR = 2.0  # Angstrom


def row(cases: FileCases, name: str, args: argparse.Namespace, contacts, member: int) -> dict:
    """Scores and RMSDs of the poses of a complex."""
    case, found = cases.load(name), read_decoys(args.decoys, name)
    assert case.receptor is not None
    chosen = np.sort(np.random.default_rng(0).permutation(len(found.pos))[: args.poses])
    pos, rmsd = found.pos[chosen].astype(np.float64), found.rmsd[chosen]
    inter, intra = found.inter[chosen], found.intra[chosen]
    score = contact_score_of(contacts.member(member), ReceptorFields(receptor=case.receptor).contacts, case.ligand)
    energies = VinaScores(inter, inter, intra)
    begin = time.process_time()
    near = cnn_probability(case.receptor, case.ligand, pos)
    return {
        "id": name,
        "seconds": round((time.process_time() - begin) / len(pos), 4),
        "groups": sorted({group.name for group in case.receptor.kept_groups}),
        "rmsd": np.round(rmsd, 3).tolist(),
        "energy": np.round(inter + intra, 4).tolist(),
        "contacts": np.round(score(pos, energies), 4).tolist(),
        "cnn": np.round(near, 6).tolist(),
    }


def summary(rows: list[dict]) -> list[list[str]]:
    """A line per weight; infinity is the network alone."""
    rows = [one for one in rows if min(one["rmsd"]) < NEAR]
    lines = []
    for weight in WEIGHTS:
        losses, first, five = [], [], []
        for one in rows:
            rmsd, contacts = np.array(one["rmsd"]), np.array(one["contacts"])
            near = np.clip(one["cnn"], SMALLEST, 1 - SMALLEST)
            logit = np.log(near / (1 - near))
            score = logit if np.isinf(weight) else contacts + weight * logit
            losses.append(logsumexp(score) - logsumexp(score[rmsd < NEAR]))
            ranked = rmsd[np.argsort(-score, kind="stable")]
            first.append(ranked[0] < NEAR)
            five.append(ranked[:5].min() < NEAR)
        rates = (f"{100 * np.mean(one):.1f} %" for one in (first, five))
        lines.append([f"{weight:g}", f"{np.mean(losses):.3f}", *rates])
    return [*lines, [f"{len(rows)} complexes", "", "", ""]]


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--decoys", type=Path, required=True)
    parser.add_argument("--ids", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--poses", type=int, help="of each complex, drawn at random; all by default")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    require_rustina()
    engine = load_engine(args.checkpoint, "cpu")
    contacts = engine.models.contacts
    ids = [name for name in read_ids(args.ids) if decoy_file(args.decoys, name).exists()]
    members = members_by_id(contacts, args.manifest, ids)
    if members is None:
        parser.error("the checkpoint has no contact score")
    cases = FileCases(args.data, ids, seed=0)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "cnn.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    known = {one["id"] for one in rows}
    with path.open("a") as file:
        for name in ids:
            if name in known:
                continue
            try:
                rows.append(row(cases, name, args, contacts, members[name]))
            except DiscoError as error:
                print(f"{name}: {error}")
                continue
            file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
    print(text_table(("weight", "loss", "first < 2", "one of 5 < 2"), summary(rows)))


if __name__ == "__main__":
    main()
