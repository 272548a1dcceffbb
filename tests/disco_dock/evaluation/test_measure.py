"""From complexes to rows: molecules, ranking, failures, resuming, and the real PoseBusters and Vina."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from rdkit import Chem

from disco_dock.chem.conformers import embed
from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.posebusters_checks import check_validity
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.evaluation import measure as module
from disco_dock.evaluation.baseline import Budget
from disco_dock.evaluation.boxes import blind_box, pocket_box
from disco_dock.evaluation.cases import FileCases, ShardCases, open_cases
from disco_dock.evaluation.docked_once import SharedDocking
from disco_dock.evaluation.measure import evaluate
from disco_dock.evaluation.method import NetworkMethod, RankedPoses
from disco_dock.evaluation.rows import MeasuredComplex, RowFile
from disco_dock.evaluation.vina.method import PACKAGES, VinaMethod
from disco_dock.graph.build import build_complex
from disco_dock.graph.molecule import ligand_of
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.ranking.confidence_calibration import Calibration, ThresholdCalibration
from disco_dock.runtime.capped_worker import WorkerError
from disco_dock.runtime.errors import InputError, NumericsError
from disco_dock.sampling.sample import DockedPoses, DockingSettings
from tests.disco_dock.docking.fake_engine import fake_engine
from tests.support.complexes import LIGANDS, write_complexes
from tests.support.shards import made_up_shards

OFFSETS = (1.0, 4.0, 9.0)  # Angstrom


class Shifted:
    """Crystal poses moved along x, best first."""

    name = "shifted"

    def __init__(self, **settings):
        self.settings = settings
        self.docked = []

    def dock(self, case):
        self.docked.append(case.name)
        if case.name in self.settings.get("failing", ()):
            raise NumericsError("score is not finite")
        shift = np.array(OFFSETS)[:, None, None] * np.array([1.0, 0.0, 0.0])
        return RankedPoses(case.crystal[None] + shift, np.array([2.0, 0.5, -1.0]), None, 0.1, 0.2)


@pytest.fixture(scope="module")
def complexes(tmp_path_factory):
    root = tmp_path_factory.mktemp("complexes")
    write_complexes(root)
    return root


@pytest.fixture
def cases(complexes):
    return FileCases(complexes, None, seed=0)


@pytest.mark.parametrize(
    "smiles",
    [
        *LIGANDS,
        "C[C@H](N)C(=O)[O-]",
        "C[N+](C)(C)C/C=C/c1ccccc1",
        "O=S(=O)(c1ccccc1)N1CCNCC1",
        "[O-][n+]1ccccc1C#N",
        "c1ccc2[nH]ccc2c1",
        "C[C@@]12CC[C@H](O)C[C@@H]1CC2",
    ],
)
def test_molecule_is_rebuilt_from_its_features(tmp_path, complexes, smiles):
    ligand = read_ligand(smiles)
    pos = embed(ligand.mol, seed=0).pos
    receptor = read_receptor(complexes / "made0" / "protein.pdb")
    again = ligand_of(build_complex(receptor, ligand, pos), pos, "again")
    assert Chem.CanonSmiles(again.smiles) == Chem.CanonSmiles(smiles)
    np.testing.assert_allclose(again.mol.GetConformer().GetPositions(), pos)


def test_files_and_shards_give_the_same_complex(complexes):
    files, shards = FileCases(complexes, None, seed=0), ShardCases(made_up_shards(), None)
    assert sorted(shards.ids) == files.ids
    for name in files.ids:
        one, other = files.load(name), shards.load(name)
        assert Chem.CanonSmiles(one.ligand.smiles) == Chem.CanonSmiles(other.ligand.smiles)
        np.testing.assert_allclose(one.crystal - one.graph.origin, other.crystal, atol=0.01)
        assert one.receptor is not None and other.receptor is None
    with pytest.raises(InputError, match="not in the shards"):
        shards.load("absent")
    assert isinstance(open_cases(complexes, None, seed=0, lm_dim=0), FileCases)
    with pytest.raises(InputError, match="need the files"):
        open_cases(made_up_shards(), None, seed=0, lm_dim=0, groups=GroupChoice(keep=("NAP",)))
    with pytest.raises(InputError, match="language-model"):
        open_cases(made_up_shards(), None, seed=0, lm_dim=8)


def test_start_does_not_depend_on_the_crystal_pose(complexes, cases):
    """The conformer is the same when the crystal pose is another one."""
    first = cases.load("made0")
    graph = build_complex(first.receptor, first.ligand, first.graph.conformer.double().numpy())
    blank = read_ligand(LIGANDS[0])
    assert Chem.CanonSmiles(blank.smiles) == Chem.CanonSmiles(first.ligand.smiles)
    assert float(np.abs(graph.conformer.numpy() - first.graph.conformer.numpy()).max()) < 1e-6
    start, crystal = first.graph.conformer.double().numpy(), first.crystal - first.crystal.mean(0)
    assert np.abs(start - crystal).max() > 0.5


def test_rows_hold_every_pose(cases, tmp_path):
    rows = evaluate([Shifted()], cases, tmp_path, check_poses=0)["shifted"]
    assert [row.id for row in rows] == cases.ids
    for row in rows:
        assert row.rmsd == pytest.approx(OFFSETS, abs=1e-3) and row.centroid == pytest.approx(OFFSETS, abs=1e-3)
        assert row.score == (2.0, 0.5, -1.0) and row.agreed and row.exact and row.valid == ()
    poses = list(Chem.SDMolSupplier(str(tmp_path / "poses" / "shifted" / "made0.sdf")))
    assert [mol.GetProp("rmsd") for mol in poses] == ["1.000", "4.000", "9.000"]


def test_finished_rows_are_kept_and_failures_are_rows(cases, tmp_path):
    method = Shifted(failing=["made1"])
    rows = evaluate([method], cases, tmp_path, check_poses=0)["shifted"]
    assert rows[1].error == "score is not finite" and rows[1].rmsd == () and rows[1].atoms > 0
    path = tmp_path / "shifted.jsonl"
    path.write_text(path.read_text()[:-20])  # killed while writing the last row
    again = Shifted(failing=["made1"])
    assert evaluate([again], cases, tmp_path, check_poses=0) == {"shifted": rows}
    assert again.docked == ["made2"]
    other = Shifted(failing=["made1"], steps=3)
    evaluate([other], cases, tmp_path, check_poses=0)
    assert other.docked == cases.ids


def test_unreadable_complex_is_a_row(complexes, tmp_path):
    cases = FileCases(complexes, ["made0", "absent"], seed=0)
    rows = evaluate([Shifted()], cases, tmp_path, check_poses=0)["shifted"]
    assert rows[0].rmsd and "no such folder" in rows[1].error


def test_row_file_reads_back_what_it_wrote(tmp_path):
    row = MeasuredComplex(id="a", rmsd=(1.0, 2.0), valid=(True, False), agreed=True, notes=("slow",))
    RowFile(tmp_path / "rows.jsonl", {"x": 1}, MeasuredComplex).add(row)
    assert RowFile(tmp_path / "rows.jsonl", {"x": 1}, MeasuredComplex).rows == {"a": row}
    assert RowFile(tmp_path / "rows.jsonl", {"x": 2}, MeasuredComplex).rows == {}


def test_networks_are_ranked_as_predict_ranks(cases):
    case = cases.load("made2")  # has a stereocentre without configuration, so every pose keeps the stereo
    shift = np.array(OFFSETS)[:, None, None] * np.array([0.0, 0.0, 1.0])

    def docking(models, graph, settings, *, name, on_step):
        return DockedPoses(
            pos=case.crystal[None] + shift,
            latent_nodes=np.zeros((3, 0), dtype=np.int64),
            latent_log_prob=np.zeros(3),
            confidence=np.array([-1.0, 2.0, 0.5]),
            logits=np.array([[-1.0], [2.0], [0.5]]),
        )

    method = NetworkMethod(SharedDocking(replace(fake_engine(), dock=docking), DockingSettings(num_poses=3)))
    found = method.dock(case)
    np.testing.assert_allclose(found.pos, case.crystal[None] + shift[[1, 2, 0]])
    assert found.score is not None and found.score.tolist() == [2.0, 0.5, -1.0]
    np.testing.assert_allclose(found.probability, 1 / (1 + np.exp(-found.score)))
    assert "batch_size" not in json.dumps(method.settings)

    steep = ThresholdCalibration(threshold=2.0, slope=2.0, intercept=-1.0, ece=0.0, brier=0.0, base_brier=0.0)
    config = method._shared.engine.models.config
    config.calibration = Calibration(complexes=1, poses=3, thresholds=(steep,))
    np.testing.assert_allclose(method.dock(case).probability, 1 / (1 + np.exp(1 - 2 * found.score)))
    config.calibration, config.all_atom_confidence = None, object()
    assert method.dock(case).probability is None


def test_told_the_pocket_networks_stay_at_its_centre(cases):
    case, seen = cases.load("made2"), []

    def docking(models, graph, settings, *, name, on_step):
        seen.append(settings.pocket)
        return DockedPoses(
            pos=case.crystal[None],
            latent_nodes=np.zeros((1, 0), dtype=np.int64),
            latent_log_prob=np.zeros(1),
            confidence=np.zeros(1),
        )

    engine = replace(fake_engine(), dock=docking)
    shared = SharedDocking(engine, DockingSettings(num_poses=1))
    blind, told = (NetworkMethod(shared, in_pocket=flag) for flag in (False, True))
    assert blind.name != told.name and blind.settings != told.settings
    blind.dock(case)
    told.dock(case)
    assert seen[0] is None
    centre = pocket_box(case.crystal).center - case.graph.origin
    points = torch.tensor(np.stack([centre, centre + [12.0, 0.0, 0.0]])).float()
    np.testing.assert_allclose(seen[1].correction(points).numpy(), [[0, 0, 0], [-2, 0, 0]], atol=1e-4)


def test_posebusters_tells_clashes_and_broken_rings(cases, tmp_path):
    pytest.importorskip("posebusters")
    case = cases.load("made1")
    inside = case.crystal - case.crystal.mean(0) + case.receptor.atom_pos.mean(0)

    class Poses(Shifted):
        def dock(self, case):
            beside = case.crystal + [6.0, 0.0, 0.0]
            broken = beside.copy()
            broken[3] += [1.5, 1.5, 0.0]
            return RankedPoses(np.stack([inside, beside, broken]), None, None, 0.0, 0.0)

    (row,) = evaluate([Poses()], FileCases(cases._folder.root, ["made1"], seed=0), tmp_path)["shifted"]
    assert row.valid == (False, True, False)
    assert "minimum_distance_to_protein" in row.failed_checks
    assert not any("rmsd" in name for name in row.failed_checks)


def test_poses_that_cannot_be_judged_are_not_valid(cases, tmp_path, monkeypatch):
    def hanging(*args, **options):
        raise WorkerError("took more than 120 s")

    monkeypatch.setattr(module, "check_validity", hanging)
    rows = evaluate([Shifted()], cases, tmp_path, check_poses=2)["shifted"]
    assert rows[0].valid == (False, False) and "took more than 120 s" in rows[0].notes[0]
    assert check_validity is not hanging


def test_boxes_hold_what_they_should(cases):
    case = cases.load("made0")
    blind, pocket = blind_box(case.receptor), pocket_box(case.crystal)
    assert (np.abs(case.receptor.atom_pos - blind.center) <= blind.size / 2 - 4.9).all()
    assert (np.abs(case.crystal - pocket.center) <= pocket.size / 2).all() and (pocket.size == 25.0).all()
    assert pocket_box(case.crystal * 10).size.max() > 25.0


@pytest.mark.slow
def test_vina_docks(cases, tmp_path):
    if any(find_spec(module) is None for module in PACKAGES):
        pytest.skip("Vina and what prepares its input are not installed")
    budget = dict.fromkeys(cases.ids, 1.0)
    one = FileCases(cases._folder.root, ["made0"], seed=0)
    with VinaMethod("pocket", num_poses=3, seed=0, effort=Budget(budget, "test")) as vina:
        (row,) = evaluate([vina], one, tmp_path, check_poses=0)[vina.name]
        case = one.load("made0")
        again = vina.dock(case)
    assert not row.error and 1 <= len(row.rmsd) <= 3 and row.cpu_seconds > 0
    assert list(row.score) == sorted(row.score, reverse=True) and row.score[0] > 0
    assert list(row.score) == pytest.approx(again.score.tolist(), abs=1e-3)
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in case.ligand.mol.GetBonds()]
    lengths = np.array([np.linalg.norm(again.pos[:, i] - again.pos[:, j], axis=1) for i, j in bonds])
    assert (lengths > 1.1).all() and (lengths < 1.7).all()  # atoms are in the ligand's order


def traced(case):
    """The case with C-alpha atoms only."""
    alphas = [index for index, name in enumerate(case.receptor.atom_names) if name == "CA"]
    trace = replace(
        case.receptor,
        atom_pos=case.receptor.atom_pos[alphas],
        atom_names=("CA",) * len(alphas),
        atom_elements=("C",) * len(alphas),
        atom_residue=np.arange(len(alphas)),
    )
    return replace(case, receptor=trace)


def test_traces_are_docked_as_predict_docks_them(cases):
    """Without the checkpoint's physics, unless it was asked for."""
    case, vina = cases.load("made0"), PhysicsSettings(minimize="vina", moves=1, rank_by="vina")
    trace, settings = traced(case), DockingSettings(num_poses=3)
    shared = SharedDocking(fake_engine(), settings)
    networks = NetworkMethod(shared)
    plain = networks.dock(trace)
    left_out = NetworkMethod(shared, vina, physics_requested=False)
    np.testing.assert_array_equal(left_out.dock(trace).pos, plain.pos)
    assert not np.array_equal(left_out.dock(case).pos, networks.dock(case).pos)
    asked = NetworkMethod(shared, vina)
    assert not np.array_equal(asked.dock(trace).pos, plain.pos) and asked.settings != left_out.settings


def test_vina_refuses_a_trace(cases):
    if any(find_spec(module) is None for module in PACKAGES):
        pytest.skip("Vina and what prepares its input are not installed")
    case = traced(cases.load("made0"))
    with VinaMethod("blind", num_poses=1, seed=0, effort=8) as vina:
        with pytest.raises(InputError, match="trace without side chains"):
            vina.dock(case)


def test_groups_are_the_users_decision_and_are_recorded(tmp_path):
    write_complexes(tmp_path / "data")
    path = tmp_path / "data" / "made0" / "protein.pdb"
    zinc = "HETATM  900 ZN    ZN A 301      90.000   0.000   0.000  1.00  0.00          ZN\n"
    path.write_text(path.read_text().replace("END\n", "") + zinc)
    kept = {}
    for drop in ((), ("ZN",)):
        cases = FileCases(tmp_path / "data", ["made0"], seed=0, groups=GroupChoice(drop=drop))
        receptor = cases.load("made0").receptor
        assert receptor is not None
        kept[drop] = [group.label for group in receptor.kept_groups]
    assert kept == {(): ["A:ZN301"], ("ZN",): []}
    one = FileCases(tmp_path / "data", ["made0"], seed=0)
    out = tmp_path / "out"
    evaluate([Shifted()], one, out, check_poses=0)
    other = Shifted()
    evaluate([other], one, out, check_poses=0, reading={"groups": {"keep": [], "drop": ["ZN"]}})
    assert other.docked == ["made0"]  # rows of another choice are not taken for these
