"""The same poses ranked by confidence, Vina energy, consensus and an oracle, on complexes that nothing was fitted on.

    python benchmarks/ranking_ablation.py COMPLEXES --split-file IDS -o OUT [--checkpoint CHECKPOINT] [--num-poses 40]

Docks as the checkpoint says, into OUT/rows.jsonl; a stopped run continues.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from disco_dock.cli.console import text_table
from disco_dock.data.sources import read_ids
from disco_dock.docking.engine import docking_settings, load_engine
from disco_dock.docking.settings import PredictSettings
from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.fit.ablation import ablation_table
from disco_dock.evaluation.fit.pose_rows import dock_rows
from disco_dock.evaluation.fit.ranking import measure_ranking
from disco_dock.runtime.tables import write_json


def main() -> None:
    """Dock, rank and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split-file", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--num-poses", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    engine = load_engine(args.checkpoint, "cpu")
    config = engine.models.config
    settings = docking_settings(engine.models, PredictSettings(num_poses=args.num_poses, seed=args.seed), None)
    options = {"seed": args.seed, "lm_dim": config.lm_dim, "all_atoms": config.expert is not None}
    cases = FileCases(args.data, read_ids(args.split_file), **options)
    args.out.mkdir(parents=True, exist_ok=True)
    rows = dock_rows(engine, cases, settings, config.physics, args.out / "rows.jsonl")
    found = measure_ranking(config.pose_judge, rows, config.physics.rank_by)
    write_json(args.out / "ranking.json", found)
    print(text_table(*ablation_table(found["ablation"])))
    for one in found["reliability"]:
        print({name: value for name, value in one.items() if name != "bins"})


if __name__ == "__main__":
    main()
