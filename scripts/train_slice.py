"""One slice of a training run on a machine that is lent for minutes: unpack, continue, pause, pack.

    python scripts/train_slice.py --pieces CARRIED --out OUT --minutes 8.5 -- all --shards SHARDS --validation VAL \
        --preset small --set loop.precision=bf16

What follows `--` goes to `disco-dock train`, which gets `-o` and `--stop-after` from here. The run's folder comes from
the pieces in CARRIED (none for the first slice), and to OUT as pieces of at most 15 MB: carry them to the next.
"""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # a lent machine has the sources, not an installation

from disco_dock.cli.main import main as disco_dock
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.files import sha256_bytes, write_together

NAME = "run"
PIECE, PIECE_BYTES = ".part", 15_000_000


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
        print("continues" if unpack_folder(args.pieces, NAME, run) else "starts anew", flush=True)
        status = disco_dock(["train", *args.train, "-o", str(run), "--stop-after", str(args.minutes)])
        if run.exists():
            args.out.mkdir(parents=True, exist_ok=True)
            for piece in pack_folder(run, args.out, NAME, piece_bytes=PIECE_BYTES):
                print(piece, piece.stat().st_size)
    return status


def pack_folder(folder: Path, out: Path, name: str, *, piece_bytes: int) -> list[Path]:
    """Write the files of a folder as ``name.<hash>.<k>of<n>.part``, all or none; older pieces are then removed.

    Raises:
        OSError: the disk is full; the pieces of before are kept.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.endswith(".tmp"):
                archive.add(path, str(path.relative_to(folder)))
    data = buffer.getvalue()
    digest, count = sha256_bytes(data)[:16], max(1, -(-len(data) // piece_bytes))
    pieces = {
        out / f"{name}.{digest}.{k + 1}of{count}{PIECE}": data[k * piece_bytes : (k + 1) * piece_bytes]
        for k in range(count)
    }
    write_together(pieces)
    for old in out.glob(f"{name}.*{PIECE}"):
        if old not in pieces:
            old.unlink()
    return list(pieces)


def unpack_folder(pieces: Path, name: str, folder: Path) -> bool:
    """Put back what `pack_folder` wrote; False when there are no pieces of that name.

    Raises:
        InputError: a piece is missing, or damaged, or belongs to another packing.
    """
    found = sorted(pieces.glob(f"{name}.*{PIECE}"), key=lambda path: int(path.name.split(".")[-2].split("of")[0]))
    if not found:
        return False
    digests = {path.name.split(".")[-3] for path in found}
    count = int(found[0].name.split(".")[-2].split("of")[1])
    data = b"".join(path.read_bytes() for path in found)
    if len(digests) != 1 or len(found) != count or sha256_bytes(data)[:16] != digests.pop():
        raise InputError(f"{pieces}: the pieces of {name} are not one complete set of {count}; copy them all again")
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(folder, filter="data")
    return True


if __name__ == "__main__":
    sys.exit(main())
