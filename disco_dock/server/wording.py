"""Sentences that name options of the command line, in the words of a form."""

from __future__ import annotations

import re

OTHER = {"smiles": "template_smiles", "pocket-ligand": "pocket_ligand"}
ON_PAGE = {"largest_fragment": "Strip salts", "template_smiles": "SMILES of a PDB ligand", "keep": "Groups to keep"}
"""What fields are called on the page, where their names do not say it."""


def form_words(sentence: str) -> str:
    """A sentence with fields in the places of options: `--largest-fragment` is "Strip salts" (largest_fragment)."""
    return re.sub(r"--([a-z]+(?:-[a-z]+)*)", _field, sentence)


def _field(option: re.Match[str]) -> str:
    name = OTHER.get(option[1], option[1].replace("-", "_"))
    return f'"{ON_PAGE[name]}" ({name})' if name in ON_PAGE else name
