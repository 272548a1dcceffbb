"""PoseBusters' verdict on the best poses, from a process of its own that may fail without harm to the report."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from rdkit import Chem, rdBase

CHECKED_POSES = 5
SECONDS = 240.0


class Validity(NamedTuple):
    """Results of each test of the first poses, and a sentence when there are none."""

    tests: tuple[dict[str, bool], ...]
    note: str


def check_validity(mols: Sequence[Chem.Mol], receptor_pdb: str, *, seconds: float = SECONDS) -> Validity:
    """PoseBusters' tests of the first poses; a note in their place when it is absent, fails or takes too long.

    Args:
        mols: poses with hydrogens, best first; the first `CHECKED_POSES` are tested.
        receptor_pdb: PDB text without the ligand.
        seconds: limit for all poses.
    """
    if find_spec("posebusters") is None:
        return Validity(
            (), "PoseBusters is not installed, so poses were not checked; pip install 'disco-dock[evaluate]'."
        )
    with tempfile.TemporaryDirectory() as folder:
        poses, protein = Path(folder) / "poses.sdf", Path(folder) / "protein.pdb"
        protein.write_text(receptor_pdb, encoding="utf-8")
        with Chem.SDWriter(str(poses)) as writer:
            for mol in mols[:CHECKED_POSES]:
                writer.write(mol)
        command = [sys.executable, "-m", "disco_dock.report.validity", str(poses), str(protein)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return Validity(
                (), f"PoseBusters took more than {seconds:.0f} s and was stopped, so poses were not checked."
            )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return Validity((), f"PoseBusters failed, so poses were not checked ({reason}).")
    return Validity(tuple(json.loads(done.stdout.splitlines()[-1])), "")


def _bust(poses: str, protein: str) -> list[dict[str, bool]]:
    """Result of each test of PoseBusters' `dock` configuration by its name in words."""
    from posebusters import PoseBusters

    with rdBase.BlockLogs():
        table = PoseBusters(config="dock", max_workers=0).bust(poses, None, protein)
    return [
        {str(name).replace("_", " "): bool(value) for name, value in row.items()} for row in table.to_dict("records")
    ]


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(_bust(*sys.argv[1:])) + "\n")
