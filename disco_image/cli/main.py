"""The console script `disco-image`: chooses the command, which reads its own options."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from disco_image import __version__

COMMANDS = {
    "train": ("disco_image.cli.train", "train a denoiser with latents, and the prior of its latents"),
    "sample": ("disco_image.cli.sample", "sample images and grids from a trained model"),
    "dataset": ("disco_image.cli.dataset", "crop, resize and store images as one zip with labels"),
    "convert": ("disco_image.cli.convert", "import the weights of an EDM network"),
    "evaluate": ("disco_image.cli.evaluate", "measure a trained model against its images"),
    "choose": ("disco_image.cli.choose", "choose the best of the averages that a run kept"),
    "toy": ("disco_image.toy.__main__", "compare plain, discrete and continuous latents on 2-D data"),
}
"""Name: (module, what it does)."""
USAGE_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of a command line."""
    given = list(sys.argv[1:] if argv is None else argv)
    name = given[0] if given else "--help"
    if name in COMMANDS:
        return import_module(COMMANDS[name][0]).main(given[1:])
    if name in ("-h", "--help"):
        print(
            "usage: disco-image COMMAND ...\n\nDiffusion of images and 2-D data with discrete latents (DisCo-Diff).\n"
        )
        for command, (_, what) in COMMANDS.items():
            print(f"  {command:10s} {what}")
        print("\ndisco-image COMMAND --help lists the options of a command.")
        return 0
    if name == "--version":
        print(f"disco-image {__version__}")
        return 0
    print(f"disco-image: error: unknown command {name!r}; choose one of {', '.join(COMMANDS)}", file=sys.stderr)
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
