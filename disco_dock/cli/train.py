"""`disco-dock train`: one stage of training on shards; run again with the same folder, it goes on where it stopped."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

STAGES = {
    "score": ("disco_dock.training.train_score", "train_score"),
    "prior": ("disco_dock.training.train_prior", "train_prior"),
    "confidence": ("disco_dock.training.train_confidence", "train_confidence"),
}
"""Stage: (module, function of (shards, validation, out, config, device))."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "stage", choices=tuple(STAGES), help="score (with the latent encoder), then prior, then confidence"
    )
    parser.add_argument(
        "--shards", type=Path, required=True, metavar="DIR", help="training shards of `disco-dock data build`"
    )
    parser.add_argument("--validation", type=Path, metavar="DIR", help="validation shards")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="DIR", help="run folder; the checkpoint is DIR/checkpoint"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in YAML; the command line wins")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, such as loop.max_steps=2000"
    )
    parser.add_argument("--minutes", type=float, metavar="M", help="training time in all, over every resume")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Train the stage and say where the checkpoint is."""
    from disco_dock.runtime.config import apply_overrides, from_dict, read_yaml, to_dict, write_yaml
    from disco_dock.runtime.device import resolve_device
    from disco_dock.runtime.log import setup_logging
    from disco_dock.training.settings import TrainConfig

    setup_logging(1)
    overrides = list(args.set)
    if args.minutes is not None:
        overrides.append(f"loop.max_seconds={args.minutes * 60}")
    values = read_yaml(args.config) if args.config is not None else {}
    config = from_dict(TrainConfig, apply_overrides(values, overrides), where="settings")
    args.out.mkdir(parents=True, exist_ok=True)
    write_yaml(args.out / f"{args.stage}.yaml", to_dict(config))
    module, name = STAGES[args.stage]
    getattr(import_module(module), name)(args.shards, args.validation, args.out, config, resolve_device(args.device))
    print(f"checkpoint: {args.out / 'checkpoint'}")
    return 0
