"""Train a denoiser with latents, then the prior of its latents; run again with the same folder, it goes on.

Without arguments: 8 x 8 digits in a few minutes on two CPU cores, with samples in runs/digits/samples.png.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

from disco_dock.runtime.command_line import Parser, run_command
from disco_image.cli.parsing import command_parser
from disco_image.cli.progress import Progress

STAGES = ("denoiser", "prior")
GIB = 2**30


def build_parser() -> Parser:
    """Options of the command."""
    parser = command_parser("train", __doc__)
    parser.add_argument(
        "--preset", default="digits", help="settings to start from (%(default)s); --help-presets lists them"
    )
    parser.add_argument("--stage", choices=STAGES, help="only this stage; both by default")
    parser.add_argument("--data", metavar="SOURCE", help="digits, a folder, an EDM-style zip or the CIFAR-10 tarball")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="run folder (runs/PRESET)")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="settings in YAML over the preset; the command line wins"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, such as latents.kind=none"
    )
    parser.add_argument("--initial", metavar="FILE", help="denoiser.safetensors of a plain model to fine-tune")
    parser.add_argument("--batch", type=int, metavar="N", help="images per step, over all processes")
    parser.add_argument("--batch-gpu", type=int, metavar="N", help="images that a process computes at once")
    parser.add_argument("--minutes", type=float, metavar="M", help="time of each stage, over every resume")
    parser.add_argument("--seed", type=int, metavar="N", help="of weights, data order and noise (0)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (%(default)s)")
    parser.add_argument(
        "--average", type=float, metavar="WIDTH", help="only make weights of that EMA width, after training"
    )
    parser.add_argument("--dry-run", action="store_true", help="print settings, parameters, FLOPs and memory, and stop")
    parser.add_argument("--help-presets", action="store_true", help="list the presets and stop")
    return parser


def run(args: argparse.Namespace) -> int:
    """Train the stages and leave a grid of samples."""
    from disco_dock.runtime.config import from_dict, to_dict
    from disco_dock.runtime.device import resolve_device
    from disco_dock.runtime.distributed import process_group, processes, wait_for_all
    from disco_dock.runtime.log import setup_logging
    from disco_image.data.open_source import open_source
    from disco_image.training.presets import PRESETS
    from disco_image.training.settings import TrainConfig

    if args.help_presets:
        for name, (what, _) in PRESETS.items():
            print(f"{name:18s} {what}")
        return 0
    config = from_dict(TrainConfig, _settings(args), where="settings")
    if args.dry_run:
        return _dry_run(config)
    out = args.out or Path("runs") / args.preset
    if args.average is not None:
        return _average(out, args.average)
    source = open_source(config.data.source, config.data.resolution, config.data.crop)
    with process_group(args.device) as device_name:
        group = processes()
        setup_logging(1 if group.first else 0)
        device = resolve_device(device_name)
        if group.first:
            out.mkdir(parents=True, exist_ok=True)
        settings = RunSettings(out / "settings.yaml", to_dict(config), writes=group.first)
        if args.stage != "prior":
            from disco_image.training.train_denoiser import train_denoiser

            with _training("denoiser", config.denoiser.loop.max_steps, settings) as on_step:
                train_denoiser(config, source, out, device, on_step)
            wait_for_all()
        if args.stage != "denoiser" and config.latents.kind != "none":
            from disco_image.training.train_prior import train_prior

            images = source.info.count * config.prior.passes
            with (
                Progress("encoding", "images", images, silent=not group.first) as encoding,
                _training("prior", config.prior.loop.max_steps, settings) as on_step,
            ):
                train_prior(config, source, out, device, on_step, encoding.advance)
        if group.first and args.stage is None:
            _final_grid(out, device)
        if group.first:
            print(f"checkpoint: {out / 'checkpoint'}")
    return 0


class RunSettings:
    """The settings file of a run, written at the first step that is made by them.

    A run that cannot go on by other settings, or has no steps left, keeps the file that says how it was trained.

    Args:
        path: of the file.
        values: the settings.
        writes: whether this process writes and speaks.
    """

    def __init__(self, path: Path, values: dict, *, writes: bool) -> None:
        self._path, self._values, self.writes = path, values, writes
        self._written = not writes

    def write(self) -> None:
        """Write the file once, and say which settings changed since the run's last steps."""
        from disco_dock.runtime.config import read_yaml, write_yaml

        if self._written:
            return
        self._written = True
        if self._path.is_file():
            for change in _changes(read_yaml(self._path), self._values):
                print(f"{self._path.parent}: goes on with {change}", file=sys.stderr)
        write_yaml(self._path, self._values)


def _changes(before: dict, now: dict, prefix: str = "") -> list[str]:
    """Settings that differ, as ``denoiser.batch_size=64 (before: 32)``."""
    out = []
    for key, value in now.items():
        old, value = before.get(key), list(value) if isinstance(value, tuple) else value
        if isinstance(value, dict) and isinstance(old, dict):
            out += _changes(old, value, f"{prefix}{key}.")
        elif value != old:
            out.append(f"{prefix}{key}={json.dumps(value)} (before: {json.dumps(old)})")
    return out


@contextmanager
def _training(stage: str, steps: int, settings: RunSettings):
    """A context with a function that shows each training step."""
    with Progress(stage, "steps", steps, silent=not settings.writes) as progress:
        begun = False

        def on_step(run, metrics: dict[str, float]) -> None:
            nonlocal begun
            if not begun:
                progress.skip(run.step - 1)
                begun = True
                settings.write()
            progress.advance(1, f"loss {metrics.get('loss', float('nan')):.3f}")

        yield on_step
    if settings.writes and not begun:
        more = f"more by --set {stage}.loop.max_steps=N, or begin anew in another folder (-o)"
        print(f"{stage}: was trained to its end before; {more}", file=sys.stderr)


def _settings(args: argparse.Namespace) -> dict:
    """Preset, then the file, then the command line."""
    from disco_dock.runtime.config import apply_overrides, read_yaml, to_dict
    from disco_image.training.presets import preset

    values = _merged(to_dict(preset(args.preset)), read_yaml(args.config) if args.config else {})
    chosen = []
    if args.data is not None:
        chosen.append(f"data.source={json.dumps(args.data)}")
    if args.initial is not None:
        chosen.append(f"denoiser.initial={json.dumps(args.initial)}")
    if args.batch is not None:
        chosen.append(f"denoiser.batch_size={args.batch}")
    if args.batch_gpu is not None:
        chosen.append(f"denoiser.batch_gpu={args.batch_gpu}")
    if args.minutes is not None:
        chosen += [f"{stage}.loop.max_seconds={args.minutes * 60}" for stage in STAGES]
    if args.seed is not None:
        chosen.append(f"seed={args.seed}")
    return apply_overrides(values, [*chosen, *args.set])


def _merged(base: dict, over: dict) -> dict:
    out = dict(base)
    for key, value in over.items():
        out[key] = _merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


def _dry_run(config) -> int:
    """Print the settings and what they cost."""
    import yaml

    from disco_dock.latents.transformer import CodePriorConfig
    from disco_dock.runtime.config import to_dict
    from disco_dock.runtime.errors import InputError
    from disco_image.data.open_source import open_source
    from disco_image.data.source import SourceInfo
    from disco_image.models.costs import count_costs
    from disco_image.training.memory import step_memory
    from disco_image.training.presets import EXPECTED_CLASSES
    from disco_image.training.train_denoiser import model_config

    try:
        info = open_source(config.data.source, config.data.resolution, config.data.crop).info
    except InputError as error:
        size = config.data.resolution
        classes = tuple(str(number) for number in range(EXPECTED_CLASSES.get(size, 10)))
        info = SourceInfo(name="absent", count=0, resolution=size, channels=3, classes=classes)
        print(f"# {error}; counted for {len(classes)} classes at {size} x {size}")
    shape = model_config(config, info)
    prior = None
    if config.latents.kind == "discrete":
        prior = CodePriorConfig(
            codebook=config.latents.codebook,
            num_classes=shape.num_classes,
            width=config.prior.width,
            layers=config.prior.layers,
            heads=config.prior.heads,
        )
    print(yaml.safe_dump(to_dict(config), sort_keys=False), end="")
    print("costs:  # GFLOPs of one image, forward, a multiply-add counted as two")
    for name, value in count_costs(shape, prior).items():
        print(f"  {name}: {value:,}" if isinstance(value, int) else f"  {name}: {value:.3f}")
    stage, low = config.denoiser, config.speed.precision == "bfloat16"
    memory = step_memory(shape, len(stage.ema_power), low)
    images = stage.batch_gpu or stage.batch_size
    print("memory:  # GiB of a process in stage 1; temporary buffers come on top")
    print(f"  weights_optimiser_averages: {memory.state / GIB:.2f}")
    print(f"  kept_for_backward: {memory.fixed / GIB:.2f} + {memory.per_image / GIB:.3f} per image")
    print(f"  step_of_{images}_images: {memory.total(images) / GIB:.1f}  # --batch-gpu N for N images at once")
    return 0


def _average(out: Path, width: float) -> int:
    from disco_dock.runtime.errors import ConfigError
    from disco_image.training.average import average_after

    try:
        print(f"checkpoint: {average_after(out, width)}")
    except ValueError as error:
        raise ConfigError(f"--average: {error}") from error
    return 0


def _final_grid(out: Path, device) -> None:
    from disco_image.models.checkpoint import load_models
    from disco_image.sampling.generate import SampleConfig, class_labels, draw_latents, generate
    from disco_image.sampling.grids import write_grid

    models = load_models(out, device)
    seeds = list(range(64))
    labels = class_labels(models, seeds)
    latents = draw_latents(models, seeds, labels)
    write_grid(out / "samples.png", generate(models, seeds, SampleConfig(), latents=latents, labels=labels))
    print(f"samples: {out / 'samples.png'}")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of a command line."""
    return run_command(build_parser, run, argv)


if __name__ == "__main__":
    sys.exit(main())
