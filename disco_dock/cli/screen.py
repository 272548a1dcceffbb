"""`disco-dock screen`: dock a library of ligands into a protein, with a ledger that survives everything."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from disco_dock.cli.checks import check_files
from disco_dock.cli.options import (
    add_core,
    add_listing,
    add_physics_group,
    add_pocket,
    add_protein,
    add_reading,
    add_sampling,
    add_states,
    check_core,
    check_pocket,
    check_states,
    core_choice,
    group_choice,
    listing,
    physics_choice,
    pocket_hint,
    quiet_libraries,
)
from disco_dock.cli.parsing import UsageError
from disco_dock.runtime.command_line import Parser

if TYPE_CHECKING:
    from disco_dock.screening.ledger.identity import ScreenSettings, StoreIdentity
    from disco_dock.screening.plan import Shard
    from disco_dock.screening.screen import PoolMaker, ScreenRequest

NUM_POSES = 8  # one group of a CPU
BATCH_SIZE = 128  # poses on an accelerator, of 16 ligands; halved where it does not fit
ENGINES = ("processes", "ray")


def add_arguments(parser: Parser) -> None:
    """Add the options of `screen` and its actions on a store."""
    parser.usage = (
        "disco-dock screen --protein FILE --ligands FILE... --store FILE.sqlite [options]\n"
        "       disco-dock screen (status | retry-failed | merge) ...   (each with its own --help)"
    )
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", title="actions on a store", prog="disco-dock screen"
    )
    _add_actions(actions)
    _add_inputs(parser)
    add_pocket(parser)
    add_sampling(parser, num_poses=NUM_POSES, batch_size=BATCH_SIZE)
    _add_stops(parser)
    add_physics_group(parser)
    add_listing(parser)
    _add_asked(parser)
    _add_engine(parser)
    first = "--protein --ligands --store --num-poses --keep --workers --pocket-ligand --pocket-residues --require"
    parser.show_first(*first.split(), "--verbose")


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    hidden = argparse.SUPPRESS
    inputs = parser.add_argument_group("inputs and store")
    add_protein(inputs)
    inputs.add_argument(
        "-l",
        "--ligands",
        metavar="FILE",
        nargs="+",
        default=hidden,
        help=".smi, .sdf, .mol2, .csv, .tsv (also .gz), .parquet",
    )
    inputs.add_argument(
        "--store", metavar="FILE", default=hidden, help="ledger and poses; an existing one is continued"
    )
    inputs.add_argument("--smiles-column", metavar="NAME", default=None, help="column of a table with the SMILES")
    inputs.add_argument("--name-column", metavar="NAME", default=None, help="column of a table with the names")
    add_reading(inputs, short=False)
    add_states(inputs)
    add_core(inputs)
    inputs.add_argument(
        "--shard", metavar="I/N", default=None, help="every N-th record from the I-th (in a SLURM array: its task)"
    )


def _add_stops(parser: argparse.ArgumentParser) -> None:
    stops = parser.add_argument_group("how much is sampled and kept")
    stops.add_argument("--keep", type=int, metavar="K", default=3, help="poses kept of each ligand (%(default)s)")
    stops.add_argument(
        "--stop-when-converged",
        action="store_true",
        help="stop sampling a ligand once its best poses agree; --num-poses is the most",
    )
    stops.add_argument(
        "--time-budget",
        type=float,
        metavar="S",
        default=None,
        help="start no more poses of a ligand after S seconds (results then depend on the machine)",
    )
    stops.add_argument(
        "--stop-after", type=float, metavar="S", default=None, help="start no more ligands after S seconds"
    )


def _add_asked(parser: argparse.ArgumentParser) -> None:
    asked = parser.add_argument_group("interactions that kept poses must have")
    asked.add_argument(
        "--require",
        metavar="WHAT",
        action="append",
        default=[],
        help="keep poses with this interaction: hbond:A:MET793, or A:793 for any kind (repeatable); ligands without "
        "such a pose are counted and listed apart",
    )
    asked.add_argument(
        "--exclude", metavar="WHAT", action="append", default=[], help="interaction that they must not have"
    )


def _add_engine(parser: argparse.ArgumentParser) -> None:
    hidden = argparse.SUPPRESS
    engine = parser.add_argument_group("running")
    engine.add_argument("--engine", choices=ENGINES, default="processes", help="where ligands are docked (%(default)s)")
    engine.add_argument(
        "--workers", type=int, metavar="N", default=1, help="processes or Ray actors; 0: this process (%(default)s)"
    )
    engine.add_argument("--ray-address", metavar="HOST:PORT", default=None, help="a running Ray cluster (default: own)")
    engine.add_argument(
        "--ligand-timeout", type=float, metavar="S", default=900.0, help="time limit of a ligand (%(default)s)"
    )
    engine.add_argument(
        "--checkpoint", metavar="DIR", default=hidden, help="another checkpoint folder; the bundled one by default"
    )
    engine.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (%(default)s)")
    engine.add_argument(
        "--progress",
        choices=("auto", "json", "none"),
        default="auto",
        help="a bar on a terminal and lines in a log, lines of JSON on stderr, or nothing (%(default)s)",
    )
    engine.add_argument("--progress-file", metavar="FILE", default=None, help="also append lines of JSON to a file")
    engine.add_argument("-v", "--verbose", action="count", default=0, help="say more; twice for debugging")


def _add_actions(actions: argparse._SubParsersAction) -> None:
    status = actions.add_parser("status", help="counts, rate, time left and failures of a store, also during a run")
    status.add_argument("file", type=Path, metavar="STORE")
    status.add_argument("--json", action="store_true", help="as one line of JSON")
    retry = actions.add_parser("retry-failed", help="reset failed ligands to pending; the next screen docks them")
    retry.add_argument("file", type=Path, metavar="STORE")
    retry.add_argument("--code", action="append", default=[], metavar="CODE", help="only failures of this code")
    merge = actions.add_parser("merge", help="join stores of shards, or save what a damaged store still holds")
    merge.add_argument("file", type=Path, metavar="NEW_STORE")
    merge.add_argument("stores", type=Path, nargs="+", metavar="STORE")


def run(args: argparse.Namespace) -> int:
    """Screen, or do the action on a store."""
    from disco_dock.cli.screen_console import print_status
    from disco_dock.runtime.log import setup_logging

    if args.action is None:
        return _screen(args)
    setup_logging(0)
    if args.action == "status":
        print_status(args.file, as_json=args.json)
        return 0
    if args.action == "retry-failed":
        return _retry(args)
    return _merge(args)


def _retry(args: argparse.Namespace) -> int:
    from disco_dock.screening.ledger.lock import only_run
    from disco_dock.screening.ledger.store import Store

    with only_run(args.file), Store.open(args.file) as store:
        count = store.retry_failed(args.code)
    print(f"{count} ligands wait again; run the same disco-dock screen to dock them")
    return 0


def _merge(args: argparse.Namespace) -> int:
    from disco_dock.screening.ledger.merge import merge

    report = merge(args.file, args.stores)
    print(f"{report.rows} rows of {len(args.stores)} stores in {args.file}")
    for note in report.notes:
        print(f"note: {note}")
    return 0


def _screen(args: argparse.Namespace) -> int:
    """Screen; 0 when every record is in the ledger, whatever became of it."""
    given = vars(args)
    missing = [f"--{option}" for option in ("protein", "ligands", "store") if option not in given]
    if missing:
        raise UsageError(f"{' and '.join(missing)} missing; give --protein, --ligands and --store")
    check_pocket(given)
    check_states(given)
    check_core(given)
    check_files(given)

    from disco_dock.cli.screen_console import ScreenConsole, end_on_signals, screen_headline
    from disco_dock.interactions.fingerprint import asked_in_words
    from disco_dock.runtime.errors import ConfigError
    from disco_dock.runtime.log import setup_logging
    from disco_dock.screening.screen import run_screen

    setup_logging(args.verbose)
    quiet_libraries(args.verbose)
    try:
        settings, shard = _settings(given), _shard(args.shard)
    except ConfigError as error:
        raise UsageError(str(error)) from error
    request = _request(given, settings, shard)
    make_pool = _engine(args, settings, request.identity)
    with end_on_signals(), ScreenConsole(args.progress, args.progress_file) as console:
        console.begin(screen_headline(given, settings))
        try:
            end = run_screen(request, make_pool, console)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(
                f"interrupted; what was done is in {request.store}, run the same command to go on"
            ) from stop
    console.print_end(request.store, end, asked=asked_in_words(settings.require, settings.exclude))
    return int(bool(end.broken))


def _settings(given: dict) -> ScreenSettings:
    """The settings that the options mean."""
    from disco_dock.docking.settings import PredictSettings
    from disco_dock.screening.ledger.identity import ScreenSettings

    predict = PredictSettings(
        num_poses=given["num_poses"],
        steps=given["steps"],
        seed=given["seed"],
        batch_size=given["batch_size"],
        ode=given["ode"],
        latent_temperature=given.get("latent_temperature"),
        guidance_weight=given.get("guidance_weight"),
        guidance_interval=given.get("guidance_interval"),
        pocket=pocket_hint(given),
        groups=group_choice(given),
        chains=given.get("chains"),
        chains_within=given.get("chains_within"),
        largest_fragment=given["largest_fragment"],
        embeddings=Path(given["embeddings"]) if "embeddings" in given else None,
        physics=replace(  # they would double the time
            physics_choice(given), **{name: given.get(name, 0) for name in ("restarts", "scatter", "finalists")}
        ),
        protonate=given.get("protonate"),
        **listing(given),
        **core_choice(given),
        check_poses=0,  # as long as the docking of a ligand, and the ledger keeps no verdicts
    )
    return ScreenSettings(
        predict=predict,
        keep=given["keep"],
        stop_when_converged=given["stop_when_converged"],
        time_budget=given["time_budget"],
        stereo_isomers=given.get("stereo_isomers", 0),
        require=tuple(dict.fromkeys(given["require"])),
        exclude=tuple(dict.fromkeys(given["exclude"])),
    )


def _shard(text: str | None) -> Shard:
    from disco_dock.screening.plan import Shard

    if text is not None:
        return Shard.parse(text)
    return Shard.of_slurm(os.environ) or Shard()


def _checkpoint(given: dict) -> Path | None:
    return Path(given["checkpoint"]).absolute() if "checkpoint" in given else None


def _request(given: dict, settings: ScreenSettings, shard: Shard) -> ScreenRequest:
    from disco_dock.runtime.device import resolve_device
    from disco_dock.runtime.versions import versions
    from disco_dock.screening.ledger.identity import store_identity
    from disco_dock.screening.library.library import TableColumns
    from disco_dock.screening.screen import ScreenRequest
    from disco_dock.screening.workers.batching import batch_policy
    from disco_dock.weights.networks import bundled_checkpoint, checkpoint_sha256

    checkpoint, device = _checkpoint(given) or bundled_checkpoint(), given["device"]
    kind = resolve_device(device).type if device == "auto" else device.partition(":")[0]  # others may lack it
    protein = Path(given["protein"])
    about = {"protein": str(protein.absolute()), "checkpoint": str(checkpoint)}
    return ScreenRequest(
        libraries=tuple(map(Path, given["ligands"])),
        columns=TableColumns(smiles=given["smiles_column"], name=given["name_column"]),
        store=Path(given["store"]),
        largest_fragment=settings.predict.largest_fragment,
        stereo_isomers=settings.stereo_isomers,
        identity=store_identity(settings, protein, checkpoint_sha256(checkpoint), shard),
        about={**about, **{f"version {name}": text for name, text in versions().items()}},
        shard=shard,
        stop_after=given["stop_after"],
        batching=batch_policy(settings, kind),
    )


def _engine(args: argparse.Namespace, settings: ScreenSettings, identity: StoreIdentity) -> PoolMaker:
    """The engine that the options name.

    Raises:
        UsageError: numbers out of range.
    """
    from disco_dock.screening.workers.ligand_docker import DockerPlan

    if args.workers < 0 or not args.ligand_timeout > 0:
        raise UsageError("--workers must not be negative, and --ligand-timeout must be positive")
    plan = DockerPlan(
        settings=settings,
        protein=Path(args.protein).absolute(),
        checkpoint=_checkpoint(vars(args)),
        device=args.device,
        identity=identity,
    )
    if args.engine == "ray":
        from disco_dock.screening.workers.ray import RayPool

        return lambda: RayPool(
            plan, args.workers, address=args.ray_address, device=args.device, ligand_seconds=args.ligand_timeout
        )
    if args.workers == 0:
        from disco_dock.screening.workers.inline import InlinePool

        return lambda: InlinePool(plan)
    from disco_dock.screening.workers.processes import ProcessPool

    return lambda: ProcessPool(plan, args.workers, ligand_seconds=args.ligand_timeout)
