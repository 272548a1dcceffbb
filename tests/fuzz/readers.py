"""How each kind of file is read: through the package's own entry points, and with its result looked at."""

from __future__ import annotations

import csv
import io
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligand_features import ATOM_FEATURE_SIZES, atom_features, bond_edges
from disco_dock.chem.ligands.hetatm_ligand import read_hetatm_ligand
from disco_dock.chem.ligands.read_ligand import read_ligand, read_ligands
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.structures.components import read_components
from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.data.build import build
from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.sources import SourceFolder, read_ids
from disco_dock.docking.clashes import obstacles
from disco_dock.docking.language_model import read_embeddings
from disco_dock.docking.runs.inputs import DockingJob, jobs_of_csv, ligand_reader
from disco_dock.docking.vina_box_file import read_box
from disco_dock.evaluation.run import EvaluationSettings, run_evaluation
from disco_dock.evaluation.strata import read_manifest
from disco_dock.runtime.checkpoint import load_state
from disco_dock.runtime.config import read_yaml
from disco_dock.weights.networks import load_models
from tests.fuzz.molecules import TEMPLATE

LIMIT_LINE = 2000
"""Most characters of an error message."""


class BadAnswerError(Exception):
    """The package answered, but not as it promises."""


def one_sentence(message: str) -> None:
    """Raise BadAnswerError unless a message is one printable line of a bearable length."""
    if not message.strip() or "\n" in message or "\r" in message or len(message) > LIMIT_LINE:
        raise BadAnswerError(
            f"a message of {len(message)} characters on {message.count(chr(10)) + 1} lines: {message[:200]!r}"
        )


def receptor(path: Path) -> bool:
    """Read a receptor; its arrays belong together and are finite."""
    found = read_receptor(path)
    count = len(found.names)
    parts = (found.chains, found.numbers, found.insertions, found.file_names, found.restype, found.ca_pos)
    if not count or any(len(part) != count for part in parts) or not np.isfinite(found.atom_pos).all():
        raise BadAnswerError(f"{count} residues with parts of other lengths, or positions that are not finite")
    obstacles(found)
    return True


def ligands(path: Path) -> bool:
    """Read every molecule; what is a ligand can be featurised. Whether any was accepted."""
    template = TEMPLATE if path.name.endswith(".pdb") else None
    accepted = False
    for found in read_ligands(path, largest_fragment=True, template_smiles=template):
        if isinstance(found, Ligand):
            rows = atom_features(found.mol)
            if not ((rows >= 0) & (rows < np.array(ATOM_FEATURE_SIZES))).all():
                raise BadAnswerError("a feature out of its vocabulary")
            bond_edges(found.mol)
            rotatable_bonds(found.mol)
            accepted = True
        else:
            one_sentence(found.message)
    return accepted


def smiles(path: Path) -> bool:
    """Read a SMILES given in place of a file."""
    return isinstance(read_ligand(path.read_text(encoding="utf-8", errors="surrogateescape")), Ligand)


def hetatm(path: Path) -> bool:
    """Read the ligand inside a structure file, with a SMILES or with the file's own component."""
    read_hetatm_ligand(
        path,
        components=read_components(path) if path.name.endswith(".cif") else {},
        smiles="" if path.name.endswith(".cif") else "CCCCCCCC",
    )
    return True


def complexes(path: Path) -> bool:
    """Read a CSV of complexes and its ligands; names are unique and plain."""
    jobs = jobs_of_csv(path, ligand_reader(None, False)).jobs
    names = [job.name for job in jobs]
    if len({name.lower() for name in names}) != len(names) or any(
        os.sep in name or name in ("", ".", "..") for name in names
    ):
        raise BadAnswerError(f"names {names}")
    for job in jobs:
        if not isinstance(job, DockingJob):
            one_sentence(job.message)
    return any(isinstance(job, DockingJob) for job in jobs)


def box(path: Path) -> bool:
    """Read a Vina box."""
    return bool(np.isfinite(read_box(path).center).all())


def ids(path: Path) -> bool:
    """Read a list of ids."""
    return bool(read_ids(path))


def ligand_table(path: Path) -> bool:
    """Read the ligands.csv of a folder of structures, and find the complex in it."""
    return bool(SourceFolder(path.parent).find("complex"))


def manifest(path: Path) -> bool:
    """Read a manifest."""
    return bool(read_manifest(path).cluster)


def settings(path: Path) -> bool:
    """Read a configuration."""
    read_yaml(path)
    return True


def checkpoint(path: Path) -> bool:
    """Load a checkpoint folder with all its networks."""
    return load_models(path.parent, with_encoder=True).score is not None


def training_state(path: Path) -> bool:
    """Load a training state."""
    return isinstance(load_state(path), dict)


def embeddings(path: Path) -> bool:
    """Read features of four residues."""
    stand_in = Receptor(
        **dict.fromkeys(("source", "name"), "p"),
        **dict.fromkeys(
            (
                "chains",
                "numbers",
                "insertions",
                "names",
                "file_names",
                "atom_names",
                "atom_elements",
                "context",
                "notes",
            ),
            (),
        ),  # type: ignore[arg-type]
        **dict.fromkeys(("ca_pos", "atom_pos", "atom_residue"), np.zeros(0)),
        restype=np.zeros(4, dtype=np.int64),
    )
    return read_embeddings(path, Path("p.pdb"), stand_in, 5) is not None


def shards(path: Path) -> bool:
    """Read every example of a folder of shards."""
    dataset = ComplexDataset(path.parent)
    for number in range(len(dataset)):
        dataset[number]
    dataset.sizes()
    return True


def data_build(path: Path) -> bool:
    """Build shards of a folder of complexes; a failure is a row of failures.csv."""
    out = path / "out"
    summary = build(path / "complexes", out)
    with (out / "failures.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            one_sentence(row["reason"])
            if "unexpected" in row["reason"]:
                raise BadAnswerError(row["reason"])
    return summary.complexes > 0


def evaluate(path: Path) -> bool:
    """Evaluate a folder of complexes with one pose of one step each."""
    quick = {"num_poses": 1, "steps": 1, "check_poses": 0, "figures": False, "checkpoint": path / "checkpoint"}
    run_evaluation(EvaluationSettings(data=path / "complexes", out=path / "out", **quick))  # type: ignore[arg-type]
    return True


def command(folder: Path, arguments: list[str]) -> bool:
    """Run `disco-dock` with arguments from inside a folder; whether everything was docked."""
    from disco_dock.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    here = Path.cwd()
    os.chdir(folder)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            status = main(arguments)
    finally:
        os.chdir(here)
    lines = [line for line in err.getvalue().splitlines() if line.startswith("disco-dock:")]
    text = out.getvalue() + err.getvalue()
    if "Traceback" in text or "unexpected " in text:
        raise BadAnswerError(next(line for line in text.splitlines() if "Traceback" in line or "unexpected " in line))
    for line in lines:
        one_sentence(line)
    if status not in (0, 1, 2) or (status and not lines and not (folder.parent / "out" / "results.csv").is_file()):
        raise BadAnswerError(f"status {status} without a sentence: {text[:300]!r}")
    return status == 0


QUICK = (
    "--num-poses",
    "1",
    "--steps",
    "1",
    "--minimize",
    "none",
    "--rank-by",
    "confidence",
    "--device",
    "cpu",
    "-o",
    "../out",
)


def predict(path: Path) -> bool:
    """`disco-dock predict` of a protein and a ligand."""
    given = sorted(item.name for item in (path / "in").iterdir() if item.name.startswith(("protein", "ligand")))
    return command(
        path / "in", ["predict", "--ligand", given[0], "--protein", given[1], "--checkpoint", "../checkpoint", *QUICK]
    )


def predict_csv(path: Path) -> bool:
    """`disco-dock predict` of a CSV."""
    return command(path / "in", ["predict", "--csv", "t.csv", "--checkpoint", "../checkpoint", *QUICK])
