"""Rates by distance from the training set, and the bundled checkpoint's."""

from __future__ import annotations

from disco_dock.data.novelty import read_rates
from disco_dock.data.training_index import NearestTraining, build_index, read_index
from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.fit.novelty_rates import cells, nearest_of_cases
from disco_dock.evaluation.rows import MeasuredComplex
from disco_dock.weights.config import read_config
from disco_dock.weights.networks import bundled_checkpoint
from tests.support.complexes import write_complexes
from tests.support.shards import made_up_shards


def test_cells_count_failures_as_misses():
    def near(identity, tanimoto):
        return NearestTraining(protein_id="p", identity=identity, ligand_id="l", tanimoto=tanimoto)

    rows = [
        MeasuredComplex(id="a", rmsd=(1.0, 9.0)),
        MeasuredComplex(id="b", rmsd=(4.0, 1.0)),
        MeasuredComplex(id="c", error="x"),
        MeasuredComplex(id="d", rmsd=(1.0,)),
    ]
    nearest = {"a": near(0.2, 0.9), "b": near(0.1, 0.8), "c": near(0.0, 0.7), "d": near(0.95, 0.1)}
    found = cells([*rows, MeasuredComplex(id="e", rmsd=(1.0,))], nearest)
    counts = {(cell.protein, cell.ligand): (cell.complexes, cell.under_2, cell.under_5) for cell in found}
    assert counts == {("90 % or more", "below 0.4"): (1, 1, 1), ("below 30 %", "0.7 or more"): (3, 1, 2)}


def test_neighbours_of_complexes_on_disk(tmp_path):
    write_complexes(tmp_path)
    index = build_index([made_up_shards()], ["made0", "made1"])
    found = nearest_of_cases(index, FileCases(tmp_path, ["made0", "made2", "absent"], seed=0))
    assert set(found) == {"made0", "made2"}
    assert (found["made0"].identity, found["made0"].tanimoto, found["made0"].ligand_id) == (1.0, 1.0, "made0")
    assert found["made2"].tanimoto < 1.0


def test_the_bundled_checkpoint_tells_what_it_was_trained_on():
    folder = bundled_checkpoint()
    index, rates = read_index(folder), read_rates(folder)
    assert index is not None and index.complexes >= read_config(folder).training["score"]["complexes"]
    assert rates is not None and any(one.physics == read_config(folder).physics for one in rates.measured)
    assert sum(cell.complexes for cell in rates.measured[0].cells) == 110
    assert sum(path.stat().st_size for path in folder.iterdir()) < 25e6
