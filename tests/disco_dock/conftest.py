"""A peptide as receptor."""

from __future__ import annotations

import pytest

from disco_dock.docking.runs.self_test import write_peptide


@pytest.fixture(scope="session")
def peptide(tmp_path_factory):
    """A PDB file of a ten-residue peptide."""
    path = tmp_path_factory.mktemp("peptide") / "peptide.pdb"
    write_peptide(path)
    return path
