"""Ligands in one network batch of a worker: halved when it does not fit, one bad ligand fails alone, each once."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from disco_dock.docking.runs.self_test import write_peptide
from disco_dock.docking.settings import PredictSettings
from disco_dock.runtime.errors import NumericsError
from disco_dock.screening.ledger.identity import ScreenSettings
from disco_dock.screening.messages import Docked, Failed, Work
from disco_dock.screening.screen import run_screen
from disco_dock.screening.workers.batching import BatchPolicy
from disco_dock.screening.workers.group_docker import GroupDocker
from disco_dock.screening.workers.inline import InlinePool
from disco_dock.screening.workers.ligand_docker import LigandDocker
from tests.disco_dock.docking.fake_engine import fake_dock, fake_engine
from tests.support.screening import query, request, statuses

SMILES = ("CCCCCO", "CCCCCN", "CCCC(C)O", "CC(C)CCN", "CCCOCC", "CCCNCC", "OCC1CCC1", "NCC1CCC1")
WORKS = tuple(Work(id=k, smiles=one, name=f"m{k}", heavy_atoms=6) for k, one in enumerate(SMILES))
GPU = torch.device("cuda")  # named only: the fake engine has no networks


class Together:
    """A fake for `dock_together` that keeps the sizes of its batches; it has room for so many ligands."""

    def __init__(self, room=99, bad=()):
        self.room, self.bad, self.sizes, self.docked = room, bad, [], []

    def __call__(self, models, graphs, settings, names, *, shares, states):
        self.sizes.append(len(graphs))
        assert shares is None or len(set(shares)) == len(shares)
        assert len({graph.num_atoms for graph in graphs}) == 1
        if len(graphs) > self.room:
            raise torch.OutOfMemoryError("no room")
        if any(name.split()[0] in self.bad for name in names):
            raise NumericsError("a score is not finite; use another seed")
        self.docked += [name.split()[0] for name in names]
        pairs = zip(graphs, names, strict=True)
        return [fake_dock(models, graph, settings, name=name, on_step=None) for graph, name in pairs]


@pytest.fixture(scope="module")
def peptide(tmp_path_factory):
    path = tmp_path_factory.mktemp("peptide") / "peptide.pdb"
    write_peptide(path)
    return path


def docker(peptide, together, *, num_poses=2, batch_size=16, device=GPU, dock=fake_dock):
    engine = replace(fake_engine(dock=dock), dock_together=together, device=device)
    predict = PredictSettings(num_poses=num_poses, steps=1, batch_size=batch_size)
    return LigandDocker(engine, ScreenSettings(predict=predict), peptide)


def digests(outcomes):
    return {one.id: one.digest for one in outcomes if isinstance(one, Docked)}


@pytest.fixture(scope="module")
def expected(peptide):
    """The poses of each ligand docked alone."""
    single = docker(peptide, Together(), batch_size=2)
    return digests(outcome for work in WORKS for outcome in single([work]))


@pytest.mark.parametrize("device", [GPU, torch.device("cpu")])
def test_the_poses_are_those_of_each_ligand_alone(peptide, expected, device):
    together = Together()
    shared = docker(peptide, together, device=device)
    assert shared.together == (8 if device == GPU else 4)
    assert digests(shared(WORKS)) == expected
    assert sorted(together.docked) == sorted(SMILES)
    assert max(together.sizes) > 1


def test_a_batch_without_room_is_halved_and_the_next_ones_are_smaller(peptide, expected):
    together = Together(room=2)
    shared = docker(peptide, together)
    assert digests(shared(WORKS)) == expected
    assert together.sizes == [8, 4, 2, 2, 4, 2, 2]
    assert digests(shared(WORKS)) == expected
    assert together.sizes[7:] == [2, 2, 2, 2]


def test_a_ligand_without_room_goes_on_with_fewer_of_its_poses(peptide, expected):
    sizes = []

    def tight(models, graph, settings, **options):
        sizes.append(settings.batch_size)
        if settings.batch_size > 1:
            raise torch.OutOfMemoryError("no room")
        return fake_dock(models, graph, settings, **options)

    shared = docker(peptide, Together(room=0), dock=tight)
    assert digests(shared(WORKS[:2])) == {key: expected[key] for key in (0, 1)}
    assert sizes == [2, 1, 1]


def test_a_ligand_without_room_for_a_group_of_a_cpu_fails(peptide):
    outcomes = list(docker(peptide, Together(room=0), device=torch.device("cpu"))(WORKS[:2]))
    assert [(type(one), one.failure.code) for one in outcomes if isinstance(one, Failed)] == 2 * [(Failed, "memory")]


@pytest.mark.parametrize("device", [GPU, torch.device("cpu")])
def test_a_bad_ligand_fails_alone(peptide, expected, device):
    def alone(models, graph, settings, *, name, **options):
        if name.startswith(SMILES[2]):
            raise NumericsError("a score is not finite; use another seed")
        return fake_dock(models, graph, settings, name=name, **options)

    outcomes = list(docker(peptide, Together(bad=(SMILES[2],)), device=device, dock=alone)(WORKS))
    assert digests(outcomes) == {key: value for key, value in expected.items() if key != 2}
    (failed,) = (one for one in outcomes if isinstance(one, Failed))
    assert (failed.id, failed.failure.code) == (2, "numerics")


def test_a_ligand_that_cannot_be_prepared_does_not_stop_the_others(peptide, expected):
    broken = replace(WORKS[0], id=9, smiles="[Fe]")
    outcomes = list(docker(peptide, Together())([broken, *WORKS[:3]]))
    assert {one.id for one in outcomes if isinstance(one, Failed)} == {9}
    assert digests(outcomes) == {key: expected[key] for key in range(3)}


def test_the_ledger_adds_up(peptide, tmp_path):
    library = tmp_path / "lib.smi"
    library.write_text("".join(f"{one} m{k}\n" for k, one in enumerate(SMILES)) + "OCCCCC again\nC(C broken\n")
    together = Together(room=2, bad=(SMILES[2],))
    asked = replace(request(tmp_path / "s.sqlite", library), batching=BatchPolicy(ligands=8, num_poses=2))
    run_screen(asked, lambda: InlinePool(lambda: docker(peptide, together, device=torch.device("cpu"))))
    assert statuses(tmp_path / "s.sqlite") == {"docked": 7, "failed": 2, "duplicate": 1}
    codes = dict(query(tmp_path / "s.sqlite", "SELECT name, error_code FROM ligand WHERE status = 'failed'"))
    assert codes == {"m2": "numerics", "broken": "input"}
    seconds = query(tmp_path / "s.sqlite", "SELECT seconds_docking, seconds_total FROM ligand WHERE status = 'docked'")
    assert all(0 <= docking <= total for docking, total in seconds)


def test_ligands_of_other_sizes_and_shares_have_other_batches():
    def ready(smiles, atoms):
        graph = SimpleNamespace(num_atoms=atoms)
        work = Work(id=0, smiles=smiles, name="", heavy_atoms=atoms)
        return SimpleNamespace(work=work, complex=SimpleNamespace(graph=graph))

    groups = GroupDocker(fake_engine(), BatchPolicy(ligands=3, num_poses=2), {}).groups(
        [ready("A", 5), ready("B", 6), ready("C", 5), ready("D", 5), ready("E", 5)]
    )
    assert [[one.work.smiles for one in group] for group in groups] == [["A", "C", "D"], ["B"], ["E"]]
