"""Import direction inside disco_image, and life without the chemistry packages."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "disco_image"
RANK = {
    "processes": 0,
    "data": 1,
    "models": 1,
    "sampling": 2,
    "metrics": 3,
    "training": 4,
    "toy": 4,
    "cli": 5,
}
BLOCKED = ("rdkit", "e3nn", "torch_geometric", "torch_scatter", "Bio", "spyrmsd")
FILES = sorted(path for path in PACKAGE.rglob("*.py") if len(path.relative_to(PACKAGE).parts) > 1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    own = path.relative_to(PACKAGE).parts[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("disco_image."):
            target = node.module.split(".")[1]
            assert target == own or RANK[target] < RANK[own], f"{own} may not import {node.module}"


def test_no_module_imports_itself_by_way_of_others():
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    seen: dict[str, bool] = {}

    def visit(name, above):
        assert name not in above, f"circle: {' -> '.join([*above, name])}"
        if name in seen or name not in modules:
            return
        for node in ast.walk(ast.parse(modules[name].read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("disco_image."):
                visit(node.module, [*above, name])
        seen[name] = True

    for name in modules:
        visit(name, [])


BLOCK = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Blocker())
"""


def test_every_module_imports_without_chemistry():
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(PACKAGE.rglob("*.py"))]
    code = BLOCK + "import importlib\n" + "".join(f"importlib.import_module({name!r})\n" for name in names)
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr


def test_training_runs_without_chemistry(tmp_path):
    few = (
        "denoiser.loop.max_steps=2",
        "prior.loop.max_steps=2",
        "denoiser.batch_size=8",
        "prior.passes=1",
        "unet.width=8",
    )
    argv = ["-o", str(tmp_path), "--device", "cpu", *(part for setting in few for part in ("--set", setting))]
    code = BLOCK + f"from disco_image.train import main\nsys.exit(main({argv!r}))"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    assert (tmp_path / "samples.png").stat().st_size > 1000


def test_the_blocker_blocks():
    out = subprocess.run([sys.executable, "-c", BLOCK + "import rdkit"], capture_output=True, text=True, check=False)
    assert "blocked: rdkit" in out.stderr
