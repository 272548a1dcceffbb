"""A complex's random numbers do not depend on the batch it is in, its padding, or who makes it."""

from __future__ import annotations

import torch

from disco_dock.training.feeding import feed, make_plan
from disco_dock.training.networks import networks
from disco_dock.training.score.run import ScoreBatches
from disco_dock.training.score.step import make_score_batch
from disco_dock.training.settings import TimeConfig, TrainConfig
from tests.support.shards import made_up_dataset

CONFIG = TrainConfig(preset="tiny", batch_size=2, copies=2)
SCORE = networks(CONFIG).score


def batch(numbers, **changes):
    dataset = made_up_dataset()
    options = {"copies": 2, "null_rate": 0.5, "seed": 0, "step": 3, **changes}
    return make_score_batch([dataset[i] for i in numbers], SCORE, **options)


def test_rows_of_a_complex_are_the_same_in_any_batch():
    together, alone = batch([0, 1, 2]), [batch([i]) for i in range(3)]
    for number, single in enumerate(alone):
        rows = slice(2 * number, 2 * number + 2)
        assert torch.equal(together.t[rows], single.t)
        assert torch.equal(together.draws.tr[rows], single.draws.tr)
        torsions = single.draws.tor.shape[1]
        assert torch.equal(together.draws.tor[rows][:, :torsions], single.draws.tor)
        assert torch.equal(together.latents.keep[rows], single.latents.keep)
        atoms, residues = single.graphs.num_atoms, single.graphs.num_residues
        uniform, first = together.latents.uniform[rows], together.graphs.num_atoms
        assert torch.equal(uniform[:, :, :atoms], single.latents.uniform[:, :, :atoms])
        assert torch.equal(uniform[:, :, first : first + residues], single.latents.uniform[:, :, atoms:])
    assert not torch.equal(alone[0].t, alone[1].t)


def test_times_follow_the_chosen_distribution():
    late = batch([0], copies=4000, time=TimeConfig(alpha=5.0, beta=1.0)).t
    even = batch([0], copies=4000, time=TimeConfig(alpha=1.0, beta=1.0)).t
    early = batch([0], copies=4000, time=TimeConfig(alpha=1.0, beta=3.0)).t
    assert abs(float(late.mean()) - 5 / 6) < 0.02
    assert abs(float(even.mean()) - 0.5) < 0.02 and abs(float(early.mean()) - 0.25) < 0.02


def test_stratified_times_have_one_in_each_interval():
    t = batch([0, 1], copies=5, stratified=True).t.view(2, 5)
    assert torch.equal((t * 5).long(), torch.arange(5).expand(2, 5))


def test_worker_processes_make_the_same_batches():
    dataset = made_up_dataset()
    plan = make_plan(dataset, CONFIG, CONFIG.copies)
    make = ScoreBatches(dataset=dataset, plan=plan, model=SCORE, config=CONFIG, rank=0, size=1)
    with feed(make, workers=1) as source:
        batches = [source(step) for step in (4, 5, 6)]
    for step, found in zip((4, 5, 6), batches, strict=True):
        expected = make(step)
        assert torch.equal(found.t, expected.t) and torch.equal(found.graphs.rec_pos, expected.graphs.rec_pos)
        assert torch.equal(found.latents.uniform, expected.latents.uniform)
