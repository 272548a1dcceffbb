"""`disco-dock evaluate`: dock complexes with known poses and report success rates."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--shards", type=Path, required=True, metavar="DIR", help="shards of `disco-dock data build`")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="gets rows.jsonl and summary.json")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="DIR", help="another checkpoint than the one that comes along"
    )
    parser.add_argument("--num-poses", type=int, metavar="N", default=10, help="poses per complex (%(default)s)")
    parser.add_argument("--steps", type=int, metavar="N", help="reverse diffusion steps; the checkpoint's by default")
    parser.add_argument("--seed", type=int, metavar="N", default=0, help="random seed (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Dock all complexes, going on where an earlier run stopped, and print the summary."""
    import json
    from dataclasses import replace

    from disco_dock.data.dataset import ComplexDataset
    from disco_dock.evaluation.redock import redock_all
    from disco_dock.evaluation.summary import summarise
    from disco_dock.models.build import bundled_checkpoint, load_models
    from disco_dock.runtime.device import resolve_device
    from disco_dock.runtime.files import atomic_write
    from disco_dock.sampling.docking import DockingSettings

    models = load_models(args.checkpoint or bundled_checkpoint(), resolve_device(args.device))
    config = models.config
    settings = DockingSettings(
        num_poses=args.num_poses,
        seed=args.seed,
        batch_size=args.num_poses,
        sampler=config.sampler if args.steps is None else replace(config.sampler, steps=args.steps),
        latent_inverse_temperature=config.latent_inverse_temperature,
        guidance=config.guidance,
    )

    def report(done: int, total: int) -> None:
        if done % 10 == 0 or done == total:
            print(f"{done} of {total} complexes", flush=True)

    rows = redock_all(models, ComplexDataset(args.shards), settings, args.out / "rows.jsonl", on_row=report)
    summary = {"checkpoint": models.sha256, "steps": settings.sampler.steps, "seed": args.seed, **summarise(rows)}
    with atomic_write(args.out / "summary.json", "w") as file:
        json.dump(summary, file, indent=2)
    print(json.dumps(summary, indent=2))
    return 0
