"""Images per second and peak memory of training and sampling an image model.

    python benchmarks/image_cost.py --preset digits

Prints one JSON line per measurement and appends it to benchmarks/results/image_cost.jsonl. `gemm_seconds` is a
calibration of the machine measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import torch
from machine import gemm_seconds

from disco_image.data.source import SourceInfo
from disco_image.models.checkpoint import ImageModels
from disco_image.models.denoiser import DenoiserWithEncoder
from disco_image.processes.noise import unit_noise
from disco_image.sampling.generate import SampleConfig, generate
from disco_image.sampling.solvers import SolverConfig, evaluations
from disco_image.training.denoiser_stage import DenoiserStage, StageBatch
from disco_image.training.presets import EXPECTED_CLASSES, preset
from disco_image.training.train_denoiser import model_config

RESULTS = Path(__file__).parent / "results" / "image_cost.jsonl"


def main() -> int:
    """Measure training steps and sampling."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="digits")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=18, help="of the Heun solver")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    config, device, batch = preset(args.preset), torch.device(args.device), args.batch_size
    size = config.data.resolution or 8
    classes = tuple(map(str, range(EXPECTED_CLASSES.get(size, 10))))
    channels = 1 if config.data.source == "digits" else 3
    shape = model_config(config, SourceInfo(name="", count=1, resolution=size, channels=channels, classes=classes))
    model = DenoiserWithEncoder(shape).to(device)
    stage = DenoiserStage(model, config.speed.precision == "bfloat16" and device.type == "cuda")
    images = torch.randn(batch, *shape.image_shape)
    hot = torch.eye(shape.num_classes)[torch.arange(batch) % shape.num_classes] if shape.num_classes else None
    data = StageBatch(
        images=images,
        labels=hot,
        augment=torch.zeros(batch, shape.augment_width) if shape.augment_width else None,
        sigma=torch.ones(batch),
        weight=torch.ones(batch),
        noise=unit_noise(shape.process, shape.image_shape, lambda count: torch.randn(batch, count)),
        latent_random=torch.rand(batch, *shape.latents.shape()),
        keep=torch.ones(batch),
    ).to(device)

    def train_step() -> None:
        stage.zero_grad()
        stage(data, 1.0).total.mean().backward()

    models = ImageModels(shape, model.denoiser, model.encoder, None, {}, device)
    sampling = SampleConfig(solver=SolverConfig(steps=args.steps), batch_size=batch)
    latents = torch.zeros(batch, *shape.latents.shape())
    labels = None if hot is None else hot.argmax(1)

    def sample() -> None:
        generate(models, range(batch), sampling, latents=latents, labels=labels)

    for what, call in (("train", train_step), ("sample", sample)):
        call()
        before, begin = gemm_seconds(), time.perf_counter()
        for _ in range(args.repeats):
            call()
        seconds = (time.perf_counter() - begin) / args.repeats
        peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else 1024 * _resident_kib()
        line = {
            "what": what,
            "preset": args.preset,
            "batch": batch,
            "images_per_second": round(batch / seconds, 2),
            "peak_gib": round(peak / 2**30, 3),
            "gemm_seconds": round((before + gemm_seconds()) / 2, 4),
            "threads": torch.get_num_threads(),
            "device": args.device,
        }
        if what == "sample":
            line["evaluations"] = evaluations(sampling.solver, shape.process)
        RESULTS.parent.mkdir(exist_ok=True)
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
    return 0


def _resident_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
