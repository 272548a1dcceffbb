"""Import the weights of an EDM or EDM2 network (ADM, DDPM++, img64), to sample from or to fine-tune with latents.

EDM_STATE is a state dict as safetensors, or as torch.save writes it. EDM's pickles are not read: they run what was
packed into them. Where EDM's code is at hand, two lines make a state dict of one:

    net = pickle.load(open("edm-imagenet-64x64-cond-adm.pkl", "rb"))["ema"]
    torch.save(net.state_dict(), "edm-imagenet64.pt")
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from disco_dock.runtime.command_line import Parser, run_command
from disco_image.cli.parsing import command_parser


def build_parser() -> Parser:
    """Options of the command."""
    parser = command_parser("convert", __doc__)
    parser.add_argument(
        "state", type=Path, metavar="EDM_STATE", help="state dict (.safetensors, or .pt without pickled code)"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="run folder that gets the checkpoint")
    return parser


def run(args: argparse.Namespace) -> int:
    """Convert, and say what the network is."""
    import torch

    from disco_dock.runtime.files import sha256_file
    from disco_image.models.checkpoint import FOLDER, save_part
    from disco_image.models.costs import parameters
    from disco_image.models.denoiser import Denoiser
    from disco_image.models.edm2_weights import edm2_config, from_edm2, is_edm2
    from disco_image.models.edm_weights import edm_config, from_edm, read_edm_state

    state, where = read_edm_state(args.state), str(args.state)
    if is_edm2(state):
        config, family = edm2_config(state, where), "edm2"
        tensors = from_edm2(state, config, where)
    else:
        config = edm_config(state, where)
        tensors = from_edm(state, config, where)
        assert config.unet is not None
        family = config.unet.family
    with torch.device("meta"):
        denoiser = Denoiser(config)
    denoiser.load_state_dict(tensors, assign=True)
    facts = {"converted_from": args.state.name, "sha256": sha256_file(args.state)}
    save_part(args.out / FOLDER, "denoiser", denoiser, config, facts)
    print(
        f"{family} at {config.resolution} x {config.resolution}, {config.num_classes} classes, "
        f"{parameters(denoiser):,} parameters"
    )
    print(f"checkpoint: {args.out / FOLDER}")
    print(f"to fine-tune it with latents: python -m disco_image.train --initial {args.out} --preset ... --data ...")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of a command line."""
    return run_command(build_parser, run, argv)


if __name__ == "__main__":
    sys.exit(main())
