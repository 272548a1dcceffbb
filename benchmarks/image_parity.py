"""Full-size networks in EDM's and EDM2's published layout through `disco_image.convert`, against plain equations.

    python benchmarks/image_parity.py [adm|ddpm++|edm2 ...]

Random weights under the published names (no published weights are needed), written as safetensors, converted by the
command, loaded, and compared with tests/support/edm_plain.py and edm2_plain.py on one image at three levels. Prints
one JSON line per network.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[1]))

from disco_image.cli.convert import main as convert
from disco_image.models.checkpoint import load_models
from disco_image.models.costs import parameters
from tests.support.edm2_plain import published_edm2_denoiser, published_edm2_state
from tests.support.edm_plain import published_denoiser, published_state

NETWORKS = {
    "imagenet64 (ADM)": {
        "family": "adm", "resolution": 64, "width": 192, "multipliers": (1, 2, 3, 4), "blocks": 3,
        "attention": (32, 16, 8), "classes": 1000,
    },
    "cifar10 (DDPM++)": {
        "family": "ddpm++", "resolution": 32, "width": 128, "multipliers": (2, 2, 2), "blocks": 4,
        "attention": (16,), "classes": 10, "augment": 9,
    },
    "imagenet64 (EDM2 S)": {
        "family": "edm2", "resolution": 64, "width": 192, "multipliers": (1, 2, 3, 4), "blocks": 3,
        "attention": (16, 8), "classes": 1000,
    },
}  # fmt: skip
LEVELS = (0.002, 0.5, 80.0)


def main() -> int:
    """Compare each network."""
    for name, sizes in NETWORKS.items():
        if sys.argv[1:] and sizes["family"] not in sys.argv[1:]:
            continue
        edm2 = sizes["family"] == "edm2"
        given = {key: value for key, value in sizes.items() if key != "family"}
        state = published_edm2_state(**given) if edm2 else published_state(**sizes)
        with tempfile.TemporaryDirectory() as folder:
            save_file(state, Path(folder) / "edm.safetensors")
            begin = time.perf_counter()
            if convert([str(Path(folder) / "edm.safetensors"), str(Path(folder) / "run")]):
                return 1
            seconds = time.perf_counter() - begin
            models = load_models(Path(folder) / "run", torch.device("cpu"))
        stream = torch.Generator().manual_seed(0)
        sigma = torch.tensor(LEVELS)
        x = torch.randn(len(LEVELS), 3, sizes["resolution"], sizes["resolution"], generator=stream)
        x = x * sigma[:, None, None, None]
        labels = torch.eye(sizes["classes"])[[3, 1, 4]]
        moves = torch.randn(3, sizes["augment"], generator=stream) if "augment" in sizes else None
        with torch.no_grad():
            reference = published_edm2_denoiser(state) if edm2 else published_denoiser(state)
            expected = reference(x, sigma, labels) if edm2 else reference(x, sigma, labels, moves)
            found = models.denoiser(x, sigma, None, labels, moves)
        error = (found - expected).flatten(1).norm(dim=1) / expected.flatten(1).norm(dim=1)
        line = {
            "network": name,
            "parameters": parameters(models.denoiser),
            "relative_error": {
                f"{level:g}": float(f"{e:.1e}") for level, e in zip(LEVELS, error.tolist(), strict=True)
            },
            "convert_seconds": round(seconds, 1),
            "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        }
        print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
