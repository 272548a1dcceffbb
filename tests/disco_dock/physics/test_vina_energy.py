"""The Vina energy: its gradient, its symmetries, kernel against torch, and the `vina` package itself."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.geometry.rotations import random_rotations
from disco_dock.kernels.compiled import available
from disco_dock.physics.vina_cells import list_by_cell
from disco_dock.physics.vina_energy import pair_energies, pose_energies
from disco_dock.physics.vina_ligand import vina_ligand
from disco_dock.physics.vina_receptor import VinaReceptor, vina_receptor
from disco_dock.physics.vina_scorer import VinaField, VinaScorer
from disco_dock.physics.vina_terms import VINA, VinaAtoms
from tests.disco_dock.physics.examples import EXAMPLES, example

ORDER = 1e-4  # Angstrom of a finite difference


@lru_cache(maxsize=4)
def poses(name: str, count: int = 6) -> np.ndarray:
    """The crystal pose and disturbed ones, from slight to clashing."""
    _, ligand = example(name)
    draws = np.random.default_rng(0)
    shift = draws.normal(size=(count, 1, 3)) * np.linspace(0, 3, count)[:, None, None]
    return ligand.pos + shift + 0.05 * draws.normal(size=(count, *ligand.pos.shape))


def around(name: str) -> VinaReceptor:
    """The receptor's atoms near the ligand."""
    receptor, ligand = example(name)
    every = vina_receptor(receptor)
    near = np.linalg.norm(every.pos - ligand.pos.mean(0), axis=1) < 16
    return VinaReceptor(every.pos[near], VinaAtoms(every.atoms.radius[near], every.atoms.kind[near]))


@pytest.mark.parametrize("cap", [torch.inf, 10.0])
def test_gradient_is_that_of_the_energy(cap: float):
    receptor, ligand = around("1s3v"), vina_ligand(example("1s3v")[1].mol)
    pos = torch.from_numpy(poses("1s3v")[:3])
    found = pose_energies(receptor, ligand, pos, cap=cap)
    draws = torch.Generator().manual_seed(1)
    for _ in range(5):
        way = torch.randn(pos.shape, generator=draws, dtype=pos.dtype)
        ahead, behind = (pose_energies(receptor, ligand, pos + sign * ORDER * way, cap=cap) for sign in (1, -1))
        slope = (ahead.inter + ahead.intra - behind.inter - behind.intra) / (2 * ORDER)
        expected = (found.gradient * way).sum((1, 2))
        assert torch.allclose(slope, expected, atol=2e-3, rtol=1e-3)


def test_pair_terms_have_the_published_values():
    zero, yes = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)

    def energy(surface: float, hydrophobic: torch.Tensor = zero, bonding: torch.Tensor = zero) -> float:
        return float(pair_energies(yes * (surface + 3.6), yes * 3.6, hydrophobic, bonding)[0])

    touching = -0.035579 - 0.005156 * np.exp(-2.25)
    assert energy(0.0) == pytest.approx(touching)
    assert energy(0.0, hydrophobic=yes) - energy(0.0) == pytest.approx(-0.035069)
    assert energy(1.0, hydrophobic=yes) - energy(1.0) == pytest.approx(-0.035069 / 2)
    assert energy(-0.35, bonding=yes) - energy(-0.35) == pytest.approx(-0.587439 / 2)
    assert energy(-1.0) == pytest.approx(-0.035579 * np.exp(-4) - 0.005156 * np.exp(-4) + 0.840245)
    assert energy(4.5) == 0.0


def test_rigid_motion_of_everything_changes_nothing():
    receptor, ligand = around("1s3v"), vina_ligand(example("1s3v")[1].mol)
    pos = torch.from_numpy(poses("1s3v"))
    turn = random_rotations(torch.randn(1, 4, generator=torch.Generator().manual_seed(3), dtype=pos.dtype))[0]
    shift = torch.tensor([30.0, -10.0, 4.0], dtype=pos.dtype)
    moved = receptor._replace(pos=receptor.pos @ turn.mT.numpy() + shift.numpy())
    before, after = pose_energies(receptor, ligand, pos), pose_energies(moved, ligand, pos @ turn.mT + shift)
    assert torch.allclose(before.inter, after.inter, atol=1e-9)
    assert torch.allclose(before.intra, after.intra, atol=1e-9)
    assert torch.allclose(before.gradient @ turn.mT, after.gradient, atol=1e-8)


def test_energies_of_parts_of_the_receptor_add_up():
    receptor, ligand = around("1uou"), vina_ligand(example("1uou")[1].mol)
    pos = poses("1uou")
    half = np.arange(len(receptor.pos)) % 2 == 0
    parts = [
        VinaReceptor(receptor.pos[some], VinaAtoms(receptor.atoms.radius[some], receptor.atoms.kind[some]))
        for some in (half, ~half)
    ]
    whole, *others = (VinaScorer(VinaField(part), ligand).energies(pos)[0] for part in (receptor, *parts))
    assert np.allclose(whole, others[0] + others[1], atol=1e-3)
    assert np.ptp(whole) > 1


@pytest.mark.skipif(not available(), reason="no C compiler")
@pytest.mark.parametrize("name", EXAMPLES)
def test_kernel_and_torch_agree(name: str):
    receptor, ligand = example(name)
    field = VinaField(receptor)
    compiled, plain = VinaScorer(field, ligand.mol), VinaScorer(field, ligand.mol, compiled=False)
    far = poses(name) + np.array([500.0, 0.0, 0.0])
    for pos in (poses(name), far):
        for own, other in zip(compiled.energies(pos), plain.energies(pos), strict=True):
            assert np.allclose(own, other, rtol=1e-4, atol=1e-3)
    assert np.all(compiled.energies(far)[0] == 0)


@pytest.mark.skipif(not available(), reason="no C compiler")
def test_a_pose_has_the_same_energy_in_any_company():
    receptor, ligand = example("1ia1")
    scorer = VinaScorer(VinaField(receptor), ligand.mol)
    together = scorer.energies(poses("1ia1"))
    for number in range(len(poses("1ia1"))):
        alone = scorer.energies(poses("1ia1")[number : number + 1])
        assert all(np.array_equal(a[0], b[number]) for a, b in zip(alone, together, strict=True))


def test_cells_list_every_atom_within_the_cutoff():
    receptor = around("1g9v")
    cells = list_by_cell(receptor, VINA.cutoff)
    draws = np.random.default_rng(2)
    for point in draws.uniform(receptor.pos.min(0) - 7, receptor.pos.max(0) + 7, size=(200, 3)):
        place = np.floor((point - cells.origin - cells.corner) / 4.0).astype(int)
        cell = np.ravel_multi_index(tuple(place), tuple(cells.shape))
        listed = cells.pos[:, cells.start[cell] : cells.start[cell + 1]].T + cells.origin
        felt = np.linalg.norm(receptor.pos - point, axis=1) < VINA.cutoff
        assert (np.linalg.norm(listed - point, axis=1) < VINA.cutoff).sum() == felt.sum()


@pytest.mark.skipif(any(find_spec(name) is None for name in ("vina", "meeko", "openbabel")), reason="vina is absent")
def test_scores_are_those_of_the_vina_package():
    from disco_dock.evaluation.vina.parity import parity_check

    with parity_check() as check:
        for name in EXAMPLES:
            receptor, ligand = example(name)
            found = check.compare(receptor, ligand, ligand.pos)
            for own, theirs in zip(found.same_kinds, found.vina, strict=True):
                assert own[0] == pytest.approx(theirs[0], abs=0.05)
            assert found.vina.score[0] < -1


def test_kinds_of_ligand_atoms():
    ligand = vina_ligand(read_ligand("CC(=O)Nc1ccc(O)cc1").mol)  # paracetamol
    kinds = dict(enumerate(ligand.atoms.kind.tolist()))
    # methyl hydrophobic; carbonyl carbon plain; O accepts; amide N donates; aromatic CH hydrophobic, C-O plain, OH both
    assert kinds == {0: 1, 1: 0, 2: 4, 3: 2, 4: 0, 5: 1, 6: 1, 7: 0, 8: 6, 9: 1, 10: 1}
    assert ligand.rotors == 1.5  # N-aryl, and half for the hydroxyl; the amide is rigid


@pytest.mark.parametrize(
    ("smiles", "rotors"),
    [("CCCC", 1), ("c1ccccc1", 0), ("OCCO", 2), ("CC#N", 0), ("CC#CC", 1), ("CCN(C)C(=O)C", 2), ("CN(C)C(C)=O", 0)],
)
def test_rotors_are_counted_as_meeko_does(smiles: str, rotors: float):
    assert vina_ligand(read_ligand(smiles).mol).rotors == rotors


def test_histidine_and_metal_kinds(tmp_path: Path):
    lines = [
        "ATOM      1  N   HIS A   1      11.0   10.0   10.0",
        "ATOM      2  CA  HIS A   1      12.4   10.0   10.0",
        "ATOM      3  ND1 HIS A   1      14.0   13.0   10.0",
        "HETATM    4 ZN    ZN A   2      20.0   10.0   10.0",
    ]
    text = "".join(
        f"{line[:30]}{float(line[30:].split()[0]):8.3f}{float(line[30:].split()[1]):8.3f}"
        f"{float(line[30:].split()[2]):8.3f}  1.00  0.00          {element:>2}\n"
        for line, element in zip(lines, ("N", "C", "N", "ZN"), strict=True)
    )
    (tmp_path / "r.pdb").write_text(text + "END\n")
    atoms = vina_receptor(read_receptor(tmp_path / "r.pdb")).atoms
    assert atoms.kind.tolist() == [2, 0, 6, 2]
    assert atoms.radius.tolist() == pytest.approx([1.8, 1.9, 1.8, 1.2])


def test_a_ligand_without_torsions_has_no_pairs():
    assert len(vina_ligand(read_ligand("c1ccc2ccccc2c1").mol).pairs) == 0


def test_hydrogens_of_the_file_decide_what_donates():
    receptor, _ = example("1s3v")
    added = replace(
        receptor,
        atom_pos=np.concatenate([receptor.atom_pos, receptor.atom_pos[:1] + [0.0, 0.0, 1.0]]),
        atom_names=(*receptor.atom_names, "H"),
        atom_elements=(*receptor.atom_elements, "H"),
        atom_residue=np.append(receptor.atom_residue, receptor.atom_residue[0]),
    )
    assert receptor.atom_elements[0] == "N"
    assert int((vina_receptor(added).atoms.kind & 2 != 0).sum()) == 1
