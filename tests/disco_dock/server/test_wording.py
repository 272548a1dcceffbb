"""Options of the command line in the words of a form."""

from __future__ import annotations

import pytest

from disco_dock.server.wording import form_words


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("keep the largest with --largest-fragment", 'keep the largest with "Strip salts" (largest_fragment)'),
        ("give its SMILES with --smiles", 'give its SMILES with "SMILES of a PDB ligand" (template_smiles)'),
        ("keep it with --keep A:NAP301", 'keep it with "Groups to keep" (keep) A:NAP301'),
        ("name one with --pocket-residues", "name one with pocket_residues"),
        ("a - b -- c", "a - b -- c"),
    ],
)
def test_words(said, meant):
    assert form_words(said) == meant
