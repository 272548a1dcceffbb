"""`disco-dock data`: training shards from a folder of complexes, splits, and the index of what was trained on."""

from __future__ import annotations

import argparse
from pathlib import Path

from disco_dock.cli.parsing import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="write compact shards from a folder of complexes")
    build.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="folders <id>/protein.pdb + ligand.sdf, PDBBind's <id>/<id>_protein_processed.pdb + <id>_ligand.sdf or "
        ".mol2, or files <id>.pdb or <id>.cif with the ligand inside (and ligands.csv, components/)",
    )
    build.add_argument("out", type=Path, metavar="OUT", help="folder for the shards; a killed build continues there")
    build.add_argument(
        "--split-file", type=Path, action="append", metavar="FILE", help="ids to take, one per line; may be repeated"
    )
    build.add_argument(
        "--all-atoms",
        action="store_true",
        help="include heavy atoms around the ligand, metals and cofactors, for `train expert`",
    )
    build.add_argument("--workers", type=int, metavar="N", default=2, help="processes (%(default)s)")
    fragments = actions.add_parser(
        "fragments", help="cut buried pieces out of proteins, as further complexes to train a pose expert on"
    )
    fragments.add_argument("source", type=Path, metavar="SOURCE", help="folder of complexes, as for build")
    fragments.add_argument("out", type=Path, metavar="OUT", help="gets a folder of complexes, for build")
    fragments.add_argument(
        "--split-file", type=Path, action="append", metavar="FILE", help="ids to take, one per line; may be repeated"
    )
    fragments.add_argument("--count", type=int, metavar="N", default=4, help="pieces of a complex (%(default)s)")
    fragments.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (%(default)s)")
    split = actions.add_parser("split", help="split complexes by sequence cluster and report leakage")
    split.add_argument("shards", type=Path, nargs="+", metavar="SHARDS", help="folders of shards, taken together")
    split.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="gets split files and the report")
    split.add_argument("--val", type=float, default=0.1, metavar="F", help="fraction to tune on (%(default)s)")
    split.add_argument("--test", type=float, default=0.1, metavar="F", help="fraction to report on (%(default)s)")
    split.add_argument(
        "--identity", type=float, default=0.3, metavar="F", help="sequence identity that joins chains (%(default)s)"
    )
    split.add_argument(
        "--scaffolds", action="store_true", help="keep ligand scaffolds apart too; conflicting complexes are set aside"
    )
    split.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (%(default)s)")
    split.add_argument(
        "--given",
        action="append",
        metavar="NAME=FILE",
        help="an existing split file (train=..., test=...): the report is on these and nothing is drawn",
    )
    index = actions.add_parser(
        "index", help="write the index of a checkpoint's training set, so that docking tells what is new to it"
    )
    index.add_argument("shards", type=Path, nargs="+", metavar="SHARDS", help="folders of shards, taken together")
    index.add_argument(
        "--split-file", type=Path, action="append", metavar="FILE", help="ids that were trained on; all by default"
    )
    index.add_argument(
        "-o", "--out", type=Path, required=True, metavar="CHECKPOINT", help="its folder; the index holds sequences"
    )


def run(args: argparse.Namespace) -> int:
    """Do the action and print what came of it."""
    return {"build": _build, "fragments": _fragments, "split": _split, "index": _index}[args.action](args)


def _index(args: argparse.Namespace) -> int:
    from disco_dock.data.sources import read_ids
    from disco_dock.data.training_index import FILE, build_index, write_index

    ids = None if not args.split_file else [name for file in args.split_file for name in read_ids(file)]
    index = build_index(args.shards, ids)
    size = write_index(args.out / FILE, index)
    print(
        f"{index.complexes} complexes with {len(index.chains)} distinct chains and {len(index.ligands)} distinct "
        f"ligands in {args.out / FILE} ({size / 1e6:.2f} MB)"
    )
    return 0


def _build(args: argparse.Namespace) -> int:
    from disco_dock.data.build import FAILURES_FILE, build
    from disco_dock.data.prepare import prepare, prepare_all_atoms
    from disco_dock.data.sources import read_ids

    ids = None if not args.split_file else [name for file in args.split_file for name in read_ids(file)]

    def report(done: int, total: int) -> None:
        print(f"part {done} of {total}", flush=True)

    reader = prepare_all_atoms if args.all_atoms else prepare
    summary = build(args.source, args.out, ids=ids, workers=args.workers, on_part=report, prepare=reader)
    print(f"{summary.complexes} complexes, {summary.failures} failures in {summary.parts} parts under {args.out}")
    if summary.failures:
        print(f"reasons: {args.out / FAILURES_FILE}")
    return 0


def _fragments(args: argparse.Namespace) -> int:
    from disco_dock.data.fragments import write_fragments
    from disco_dock.data.sources import SourceFolder, read_ids
    from disco_dock.runtime.errors import InputError

    if args.count < 1:
        raise UsageError(f"--count must be at least 1, got {args.count}")
    folder = SourceFolder(args.source)
    names = folder.names() if not args.split_file else [name for file in args.split_file for name in read_ids(file)]
    written, failed = 0, 0
    for name in names:
        try:
            written += len(write_fragments(folder.find(name), args.out, count=args.count, seed=args.seed))
        except InputError as error:
            failed += 1
            print(f"left out: {error}")
    print(f"{written} pieces of {len(names) - failed} proteins under {args.out}, {failed} failures")
    return 0 if written else 1


def _split(args: argparse.Namespace) -> int:
    import json

    from disco_dock.data.sources import read_ids
    from disco_dock.data.split_shards import split_shards
    from disco_dock.data.splits import SplitConfig

    given = None
    if args.given:
        pairs = [text.partition("=") for text in args.given]
        if any(not name or not file for name, _, file in pairs) or "train" not in {name for name, *_ in pairs}:
            raise UsageError("--given takes NAME=FILE, and one of the names must be train")
        given = {name: read_ids(Path(file)) for name, _, file in pairs}
    config = SplitConfig(
        val=args.val, test=args.test, identity=args.identity, by_scaffold=args.scaffolds, seed=args.seed
    )
    report = split_shards(args.shards, args.out, config, given=given)
    print(json.dumps(report, indent=2))
    return 0
