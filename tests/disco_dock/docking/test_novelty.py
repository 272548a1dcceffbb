"""What is said of a complex that is like trained ones."""

from __future__ import annotations

import pytest

from disco_dock.data.novelty import Novelty
from disco_dock.data.training_index import NearestTraining
from disco_dock.docking.novelty import novelty_notes
from disco_dock.runtime.notes import cautions


def near(protein: str, identity: float, ligand: str, tanimoto: float) -> Novelty:
    nearest = NearestTraining(protein_id=protein, identity=identity, ligand_id=ligand, tanimoto=tanimoto)
    return Novelty(nearest=nearest, protein="90 % or more", ligand="0.7 or more", measured=None, rates=None)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (near("1abc", 1.0, "1abc", 1.0), "this complex was trained on (as 1abc)"),
        (near("1abc", 1.0, "2xyz", 1.0), "both trained on (1abc, 2xyz), perhaps together"),
    ],
)
def test_what_was_trained_on_is_a_caution(found, words):
    assert words in cautions(novelty_notes(found))[0]


def test_a_known_protein_with_another_ligand_is_none():
    assert cautions(novelty_notes(near("1abc", 1.0, "2xyz", 0.8))) == ()
