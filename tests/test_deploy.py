"""The files for containers, clusters and workflow engines say what the package says."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
CONDA = {"torch": "pytorch", "torch-geometric": "pytorch_geometric"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_conda_recipe_needs_what_the_package_needs():
    text = (DEPLOY / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    recipe = yaml.safe_load(text)
    wanted = {}
    for line in PROJECT["dependencies"]:
        name, version = re.fullmatch(r"([\w-]+)>=([\d.]+)", line).groups()
        wanted[CONDA.get(name, name)] = version
    found = dict(re.fullmatch(r"(\w[\w-]*) >=([\d.]+)", line).groups() for line in recipe["requirements"]["run"])
    assert found.pop("python") == PROJECT["requires-python"].removeprefix(">=")
    assert found == wanted
    assert recipe["context"]["version"] == PROJECT["version"]


@pytest.mark.parametrize("name", ["Dockerfile", "disco-dock.def"])
def test_containers_ask_for_extras_that_exist(name):
    (extras,) = re.findall(r"\.whl\)\[([\w,]+)\]", (DEPLOY / name).read_text(encoding="utf-8"))
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_can_be_read(path):
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_a_task_of_an_array_docks_its_shard(tmp_path):
    """The script for SLURM, with a command that only tells how it was called."""
    fake = tmp_path / "disco-dock"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": "7", "SLURM_CPUS_PER_TASK": "8"}
    command = ["bash", str(DEPLOY / "slurm_array.sh"), "p.pdb", "l.smi", "--seed", "3"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "--workers 8 --store shards/7.sqlite" in done.stdout and done.stdout.rstrip().endswith("--seed 3")
    bare = {"PATH": environment["PATH"]}
    lacking = subprocess.run(command, cwd=tmp_path, env=bare, capture_output=True, text=True, check=False)
    assert lacking.returncode != 0 and "run this with sbatch" in lacking.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("snakemake") is None, reason="no snakemake")
def test_the_snakemake_workflow_docks_a_folder(tmp_path):
    """With Snakemake itself: two ligands docked by the package under test, and their table."""
    example = ROOT / "data" / "examples" / "1s3v"
    (tmp_path / "ligands").mkdir()
    for name in ("a", "b"):
        shutil.copy(example / "ligand.sdf", tmp_path / "ligands" / f"{name}.sdf")
    command = tmp_path / "disco-dock"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m disco_dock "$@"\n')
    command.chmod(0o755)
    config = {
        "protein": example / "protein.pdb",
        "ligands": tmp_path / "ligands",
        "pocket": f"--pocket-ligand {example / 'ligand.sdf'}",
        "options": "--num-poses 1 --steps 2 --minimize none --check-poses 0",
    }
    call = ["snakemake", "-s", str(DEPLOY / "Snakefile"), "--cores", "2"]
    call += ["--config", *(f"{name}={value}" for name, value in config.items())]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    with (tmp_path / "docked" / "best.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["name"] for row in rows) == ["a", "b"] and all(row["rank"] == "1" for row in rows)
