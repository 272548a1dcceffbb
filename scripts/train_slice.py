"""One slice of a training run on a machine that is lent for minutes: unpack, go on, pause, pack.

    python scripts/train_slice.py --pieces CARRIED --out OUT --minutes 8.5 -- all --shards SHARDS --validation VAL \
        --preset small --set loop.precision=bf16

What follows `--` goes to `disco-dock train`, which gets `-o` and `--stop-after` from here. The run's folder comes from
the pieces in CARRIED (none for the first slice), and to OUT as pieces of at most 15 MB: carry them to the next.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # a lent machine has the sources, not an installation

from disco_dock.cli.main import main as disco_dock
from disco_dock.runtime.pieces import pack_folder, unpack_folder

NAME = "run"
PIECE_BYTES = 15_000_000


def main() -> int:
    """Exit status of the training command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=Path, required=True, help="folder with the pieces of the slice before")
    parser.add_argument("--out", type=Path, required=True, help="gets the new pieces")
    parser.add_argument("--minutes", type=float, default=8.5, help="of training in this slice (%(default)s)")
    parser.add_argument("train", nargs="+", help="arguments of `disco-dock train`, after --")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / NAME
        print("goes on" if unpack_folder(args.pieces, NAME, run) else "starts anew", flush=True)
        status = disco_dock(["train", *args.train, "-o", str(run), "--stop-after", str(args.minutes)])
        if run.exists():
            args.out.mkdir(parents=True, exist_ok=True)
            for piece in pack_folder(run, args.out, NAME, piece_bytes=PIECE_BYTES):
                print(piece, piece.stat().st_size)
    return status


if __name__ == "__main__":
    sys.exit(main())
