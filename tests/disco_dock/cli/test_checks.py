"""Files are looked at before anything heavy is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", ["predict", "screen"])
def test_absent_files_are_told_before_torch_is_imported(command, tmp_path):
    argv = {
        "predict": ["predict", "-p", "none.pdb", "-l", "CCO"],
        "screen": ["screen", "-p", "none.pdb", "-l", "none.smi", "--store", "s.sqlite"],
    }[command]
    code = (
        "import sys; from disco_dock.cli.main import main; status = main(sys.argv[1:]); "
        "print([name for name in ('torch', 'rdkit', 'numpy') if name in sys.modules], status)"
    )
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True)
    assert done.stdout == "[] 1\n" and "none.pdb: no such file" in done.stderr


def test_swapped_files(disco, peptide, tmp_path):
    (tmp_path / "ligand.sdf").write_text("\n\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n$$$$\n")
    done = disco("predict", "--receptor", "ligand.sdf", "-l", peptide)
    assert done.status == 1 and "protein and ligand look swapped" in done.err


def test_entry_code_is_no_file(disco, peptide):
    done = disco("predict", "-p", "1uou", "-l", "CCO")
    assert done.status == 1 and "https://files.rcsb.org/download/1UOU.cif" in done.err


def test_a_pocket_may_be_a_place_in_the_protein_file(disco, peptide):
    done = disco("predict", "-p", peptide, "-l", "CCO", "--pocket-ligand", "A:STI201")
    assert done.status == 1 and "no such file" not in done.err and "STI201" in done.err
