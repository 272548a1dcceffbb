"""Peak memory of one training step of a preset on the CPU, beside what `--dry-run` states.

    python benchmarks/image_step_memory.py --preset imagenet64 --batch-gpu 1

Weights, gradients, AdamW and averages are real and so is the step; images are grey. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time

from disco_dock.runtime.power_ema import PowerAverages
from disco_image.data.source import SourceInfo
from disco_image.models.denoiser import DenoiserWithEncoder
from disco_image.training.denoiser_stage import DenoiserStage
from disco_image.training.memory import blank_batch, step_memory
from disco_image.training.presets import EXPECTED_CLASSES, preset
from disco_image.training.train_denoiser import make_optimiser, model_config

GIB = 2**30


def main() -> int:
    """Make one step and print its memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="imagenet64")
    parser.add_argument("--batch-gpu", type=int, default=1)
    args = parser.parse_args()
    config = preset(args.preset)
    size = config.data.resolution or 8
    classes = tuple(str(number) for number in range(EXPECTED_CLASSES.get(size, 10)))
    shape = model_config(config, SourceInfo(name="", count=1, resolution=size, channels=3, classes=classes))
    low = config.speed.precision == "bfloat16"
    stated = step_memory(shape, len(config.denoiser.ema_power), low)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    model = DenoiserWithEncoder(shape)
    stage, optimiser = DenoiserStage(model, low), make_optimiser(model, config, set())
    averages = PowerAverages(model, config.denoiser.ema_power)
    begin = time.perf_counter()
    loss = stage(blank_batch(shape, args.batch_gpu), 1.0).total.mean()
    loss.backward()
    optimiser.step()
    averages.update(model)
    line = {
        "preset": args.preset,
        "batch_gpu": args.batch_gpu,
        "stated_gib": round(stated.total(args.batch_gpu) / GIB, 2),
        "peak_gib": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before) / GIB, 2),
        "seconds": round(time.perf_counter() - begin, 1),
        "loss": round(float(loss.detach()), 4),
    }
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
