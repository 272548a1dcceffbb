"""What is imported before it is needed; time is measured in benchmarks/, never here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {
    "torch",
    "rdkit",
    "Bio",
    "e3nn",
    "torch_geometric",
    "scipy",
    "numpy",
    "rich",
    "spyrmsd",
    "pandas",
    "matplotlib",
    "posebusters",
    "vina",
    "meeko",
    "openbabel",
    "fastapi",
    "pydantic",
    "uvicorn",
    "pyarrow",
    "ray",
}


def loaded(code: str) -> set[str]:
    """Heavy packages that are loaded after running the code in a fresh process."""
    script = f"{code}\nimport sys; print(*(set(sys.modules) & {HEAVY!r}))"
    out = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(out.stdout.split("\n")[-2].split())


@pytest.mark.parametrize(
    "code",
    [
        "import disco_dock",
        "import disco_dock.cli.main",
        "from disco_dock.cli.main import main; main(['--help'])",
        "from disco_dock.cli.main import main; main(['predict', '--help'])",
        "from disco_dock.cli.main import main; main(['train', '--help'])",
        "from disco_dock.cli.main import main; main(['data', '--help'])",
        "from disco_dock.cli.main import main; main(['evaluate', '--help'])",
        "from disco_dock.cli.main import main; main(['report', '--help'])",
        "from disco_dock.cli.main import main; main(['serve', '--help'])",
        "from disco_dock.cli.main import main; main(['screen', '--help'])",
        "from disco_dock.cli.main import main; main(['results', '--help'])",
        "from disco_dock.cli.main import main; main(['--version'])",
    ],
)
def test_command_line_starts_without_heavy_packages(code):
    assert loaded(code) == set()


def test_server_leaves_chemistry_and_networks_to_its_docking_processes():
    assert loaded("import disco_dock.server.app") <= {"fastapi", "pydantic"}


def test_public_names_are_found_lazily():
    import disco_dock

    assert {"dock", "Docker", "Prediction", "Result"} <= set(dir(disco_dock))
    assert callable(disco_dock.dock)
    with pytest.raises(AttributeError, match="docc"):
        _ = disco_dock.docc


def test_latents_need_torch_only():
    assert loaded("import disco_dock.latents.autoregressive, disco_dock.latents.gumbel, disco_dock.runtime.loop") <= {
        "torch",
        "numpy",
    }
