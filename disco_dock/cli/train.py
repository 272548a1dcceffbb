"""`disco-dock train`: a stage of training on shards, or all; run again with the same folder to continue."""

from __future__ import annotations

import argparse
from pathlib import Path

from disco_dock.cli.parsing import UsageError

STAGES = ("score", "prior", "confidence", "all", "expert")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "stage",
        choices=STAGES,
        help="score (with the latent encoder), then prior, then confidence; or all of them; "
        "expert: a pose expert beside the score model",
    )
    parser.add_argument("--shards", type=Path, metavar="DIR", help="training shards of `disco-dock data build`")
    parser.add_argument(
        "--validation", type=Path, metavar="DIR", help="validation shards, which choose the best weights"
    )
    parser.add_argument(
        "--split", type=Path, metavar="FILE", help="ids to train on, one per line, such as train.txt of `data split`"
    )
    parser.add_argument("--validation-split", type=Path, metavar="FILE", help="the same for the validation shards")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="run folder; the checkpoint is DIR/checkpoint")
    parser.add_argument("--preset", metavar="NAME", help="sizes of the networks, the same as --set preset=NAME")
    parser.add_argument(
        "--init", metavar="DIR", help="fine-tune the weights of this checkpoint, `default` for the bundled one"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in YAML; the command line wins")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, such as loop.max_steps=2000"
    )
    parser.add_argument("--minutes", type=float, metavar="M", help="training time in all, over every resume")
    parser.add_argument(
        "--stop-after", type=float, metavar="M", help="minutes after which this call stops; the next one continues"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the settings and parameter counts, train nothing")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say more; twice for debugging")


def run(args: argparse.Namespace) -> int:
    """Train and say where the checkpoint is."""
    missing = [f"--{name}" for name in ("shards", "out") if getattr(args, name) is None]
    if missing and not args.dry_run:
        raise UsageError(f"{' and '.join(missing)} missing; only --dry-run does without")
    from disco_dock.training.train import TrainRequest

    named = {"preset": args.preset, "init": args.init, "split": args.split, "validation_split": args.validation_split}
    overrides = [f"{name}={value}" for name, value in named.items() if value] + list(args.set)
    request = TrainRequest(
        stage=args.stage, run=args.out, file=args.config, overrides=tuple(overrides), minutes=args.minutes
    )
    return _dry_run(request) if args.dry_run else _train(request, args)


def _dry_run(request) -> int:
    """Print what would be trained, as YAML."""
    import yaml

    from disco_dock.training.networks import networks, parameter_counts
    from disco_dock.training.settings import plain

    for stage, config in request.settings():
        counts = parameter_counts(networks(config))
        text = yaml.safe_dump({stage: plain(config), "parameters": counts}, sort_keys=False)
        print(f"# {stage}{'' if request.run is None else f': {request.run}'}\n{text}")
    return 0


def _train(request, args: argparse.Namespace) -> int:
    from disco_dock.cli.train_console import TrainConsole
    from disco_dock.cli.wording import wrapped
    from disco_dock.runtime.device import resolve_device
    from disco_dock.runtime.distributed import process_group, processes
    from disco_dock.runtime.log import setup_logging
    from disco_dock.runtime.loop import PausedError
    from disco_dock.training.stage import RunOptions
    from disco_dock.training.train import train

    setup_logging(args.verbose)
    stages = dict(request.settings())  # so that a wrong setting of a late stage is told now
    stop_after = float("inf") if args.stop_after is None else 60 * args.stop_after
    with process_group(args.device) as device, TrainConsole(silent=not processes().first) as console:
        options = RunOptions(on_step=console.step, on_wait=console.wait, stop_after=stop_after)
        args.out.mkdir(parents=True, exist_ok=True)
        chosen, names = resolve_device(device), list(stages)
        console.begin(names[0], stages[names[0]], args.shards, str(chosen))
        try:
            for done, stage in enumerate(train(request, args.shards, args.validation, chosen, options), start=1):
                console.end(stage, args.out, last=done == len(names))
                if done < len(names):
                    console.begin(names[done], stages[names[done]], args.shards, str(chosen))
        except PausedError as pause:
            if processes().first:
                print(wrapped(str(pause)))
    return 0
