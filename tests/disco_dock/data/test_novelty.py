"""Bins of novelty, measured rates, and what is said of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.data.novelty import (
    FORMAT,
    LIGAND_BINS,
    PROTEIN_BINS,
    Cell,
    MeasuredRates,
    NoveltyRates,
    bin_of,
    interval,
    novelty,
    read_rates,
    write_rates,
)
from disco_dock.data.training_index import NearestTraining
from disco_dock.physics.settings import NO_PHYSICS, PhysicsSettings
from disco_dock.runtime.errors import CheckpointError

VINA = PhysicsSettings(minimize="vina", rank_by="vina")


def near(identity=0.4, tanimoto=0.5, protein="1abc"):
    return NearestTraining(protein_id=protein, identity=identity, ligand_id="2xyz", tanimoto=tanimoto)


def rates(count=20):
    cell = Cell(protein="30 to 50 %", ligand="0.4 to 0.7", complexes=count, under_2=5, under_5=6)
    measured = MeasuredRates(physics=VINA, num_poses=40, source="test complexes", cells=(cell,))
    return NoveltyRates(format=FORMAT, measured=(measured,))


@pytest.mark.parametrize(
    ("value", "protein", "ligand"),
    [(1.0, "90 % or more", "0.7 or more"), (0.5, "50 to 90 %", "0.4 to 0.7"), (0.0, "below 30 %", "below 0.4")],
)
def test_bins(value, protein, ligand):
    assert (bin_of(value, PROTEIN_BINS), bin_of(value, LIGAND_BINS)) == (protein, ligand)


def test_the_rate_of_the_bin_is_given_with_its_size():
    first, second = novelty(near(), rates(), VINA).sentences()
    assert "40 % identity (1abc)" in first and "0.50 (2xyz)" in first
    assert "of 20 measured complexes (test complexes)" in second and "in 5 (25 %" in second
    assert "say little" not in second and "so few say little" in novelty(near(), rates(7), VINA).sentences()[1]


def test_nothing_is_made_up():
    assert "no protein in the training set is alike" in novelty(near(0.0, protein=""), None, VINA).sentences()[0]
    assert "no measured complex is like that" in novelty(near(0.95), rates(), VINA).sentences()[1]
    for physics in (NO_PHYSICS, PhysicsSettings(minimize="vina", moves=5, rank_by="vina")):
        found = novelty(near(), rates(), physics)
        assert "not measured for these settings" in found.sentences()[1] and found.as_dict()["measured"] is None
    scored = PhysicsSettings(minimize="vina", rank_by="vina", score=True)
    assert novelty(near(), rates(), scored).measured is not None


@given(st.integers(1, 300), st.data())
def test_interval_holds_the_rate_and_narrows(count, data):
    hits = data.draw(st.integers(0, count))
    low, high = interval(hits, count)
    assert 0 <= low <= hits / count + 1e-12 and hits / count - 1e-12 <= high <= 1
    more_low, more_high = interval(4 * hits, 4 * count)
    assert more_high - more_low < high - low


def test_rates_are_read_back_and_damage_is_told(tmp_path):
    assert read_rates(tmp_path) is None
    write_rates(tmp_path, rates())
    assert read_rates(tmp_path) == rates()
    for text in ("{", '{"format": 9}', '{"format": 1, "other": 2}'):
        (tmp_path / "novelty.json").write_text(text)
        with pytest.raises(CheckpointError, match="novelty.json"):
            read_rates(tmp_path)
