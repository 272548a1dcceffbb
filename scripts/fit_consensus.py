"""Fit the weights of `--rank-by consensus` on training complexes and store them in a checkpoint's config.

    python scripts/fit_consensus.py --checkpoint CHECKPOINT --data COMPLEXES --split TRAIN_IDS \
        [--count 200] [--num-poses 20] [--minimize vina] [--search-moves 100]

Never give complexes that results will be reported on. Complexes are taken evenly from the split.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from disco_dock.data.sources import read_ids
from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.consensus_fit import fit_consensus, judged_poses
from disco_dock.models.build import write_config
from disco_dock.models.physics_settings import PhysicsSettings
from disco_dock.pipeline.engine import load_engine
from disco_dock.runtime.errors import DiscoError
from disco_dock.sampling.docking import DockingSettings


def main() -> int:
    """Dock, refine, fit and write the config."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", type=Path, required=True, help="ids of training complexes")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--num-poses", type=int, default=20)
    parser.add_argument("--minimize", choices=("none", "vina", "mmff"), default="vina")
    parser.add_argument("--search-moves", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    try:
        engine = load_engine(args.checkpoint, args.device)
        config = engine.models.config
        ids = read_ids(args.split)
        ids = ids[:: max(1, len(ids) // args.count)][: args.count]
        settings = DockingSettings(
            num_poses=args.num_poses,
            seed=args.seed,
            sampler=config.sampler,
            latent_inverse_temperature=config.latent_inverse_temperature,
            guidance=config.guidance,
        )
        physics = PhysicsSettings(minimize=args.minimize, moves=args.search_moves, score=True)
        cases = FileCases(args.data, ids, seed=args.seed, lm_dim=config.lm_dim)
        judged = judged_poses(
            engine, cases, settings, physics, on_case=lambda name, problem: print(name, problem or "ok", flush=True)
        )
        weights = fit_consensus(judged, physics)
        write_config(args.checkpoint, replace(config, consensus=weights))
    except DiscoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(weights)
    return 0


if __name__ == "__main__":
    sys.exit(main())
