"""Interactions of made-up geometries whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolTransforms

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.write_sdf import PoseRecord, write_sdf
from disco_dock.interactions.find import find_interactions
from disco_dock.interactions.fingerprint import fingerprint, has
from disco_dock.interactions.hydrogens import best_angle
from disco_dock.interactions.ligand_groups import ligand_groups, ligand_hydrogens
from disco_dock.interactions.pocket import PocketContacts

EXAMPLES = Path(__file__).parents[3] / "data" / "examples"
GROUPS = [
    ("CC(=O)O", "negative", [2, 3]),
    ("CC(=O)[O-]", "negative", [2, 3]),
    ("CCN", "positive", [2]),
    ("CC(=O)NC", "positive", []),
    ("Nc1ccccc1", "positive", []),
    ("C[N+](C)(C)C", "positive", [1]),
    ("C[N+](=O)[O-]", "negative", []),
    ("NC(=N)c1ccccc1", "positive", [0, 2]),
    ("c1ccncc1", "acceptor", [3]),
    ("c1cc[nH]c1", "acceptor", []),
    ("c1cc[nH]c1", "donor", [3]),
    ("CC(=O)OC", "acceptor", [2]),
    ("CO", "hydrophobic", []),
    ("CCCO", "hydrophobic", [0, 1]),
    ("Clc1ccccc1", "hydrophobic", [0, 1, 2, 3, 4, 5, 6]),
]


@pytest.mark.parametrize(("smiles", "kind", "expected"), GROUPS)
def test_groups_of_ligands(smiles, kind, expected):
    assert getattr(ligand_groups(Chem.MolFromSmiles(smiles)), kind).tolist() == expected


def placed(smiles: str, atom: int, at, away) -> Chem.Mol:
    """A molecule with one atom at a point and its centroid on the side of another."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=1) == 0
    mol = Chem.RemoveHs(mol)
    pos = mol.GetConformer().GetPositions()
    own = pos.mean(0) - pos[atom]
    wanted = np.asarray(away, dtype=float) / np.linalg.norm(away)
    own /= np.linalg.norm(own)
    axis = np.cross(own, wanted)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) + cross + cross @ cross / (1 + own @ wanted)
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    matrix[:3, 3] = np.asarray(at) - turn @ pos[atom]
    rdMolTransforms.TransformConformer(mol.GetConformer(), matrix)
    return mol


@pytest.fixture
def pocket(peptide_path):
    return PocketContacts(read_receptor(peptide_path))


@pytest.fixture(scope="session")
def peptide_path(tmp_path_factory):
    from disco_dock.docking.runs.self_test import write_peptide

    path = tmp_path_factory.mktemp("peptide") / "p.pdb"
    write_peptide(path)
    return path


def test_salt_bridge_with_lysine(pocket):
    charged = int(pocket.positive[0])
    way = pocket.pos[charged] - pocket.pos.mean(0)
    way /= np.linalg.norm(way)
    mol = placed("CC(=O)[O-]", 3, pocket.pos[charged] + 2.9 * way, way)
    found = [one for one in find_interactions(mol, pocket) if one.kind == "salt bridge"]
    assert [(one.residue.split(":")[1][:3], one.residue_atom, one.ligand_atom) for one in found[:1]] == [
        ("LYS", "NZ", "O4")
    ]
    assert found[0].distance == pytest.approx(2.9, abs=0.01)
    assert not any(
        one.kind == "hydrogen bond" and one.residue == found[0].residue for one in find_interactions(mol, pocket)
    )


def test_far_ligand_has_none(pocket):
    far = placed("CC(=O)[O-]", 3, pocket.pos.max(0) + 20.0, (1, 0, 0))
    assert find_interactions(far, pocket) == []


def test_hydrogens_change_nothing(pocket):
    mol = placed("OCC(N)Cc1ccncc1", 0, pocket.pos[int(pocket.acceptor[0])] + (0, 0, 2.9), (0, 0, 1))
    assert find_interactions(mol, pocket) == find_interactions(Chem.AddHs(mol, addCoords=True), pocket)


def test_stacked_and_shifted_rings(pocket):
    residue, atoms = pocket.rings[0]
    ring = pocket.pos[atoms]
    normal = np.linalg.svd(ring - ring.mean(0))[2][2]
    mol = Chem.MolFromSmiles("c1ccccc1")
    for shift, stacked in ((0.0, True), (4.0, False)):
        conformer = Chem.Conformer(6)
        along = (ring[0] - ring.mean(0)) / np.linalg.norm(ring[0] - ring.mean(0))
        conformer.SetPositions(np.ascontiguousarray(ring[:6] + 3.6 * normal + shift * along))
        mol.RemoveAllConformers()
        mol.AddConformer(conformer)
        kinds = {(one.kind, one.residue) for one in find_interactions(mol, pocket)}
        assert (("pi stacking", pocket.receptor.label(residue)) in kinds) is stacked


def poses_of(folder, ligand: str) -> tuple[Chem.Mol, PocketContacts]:
    mol = Chem.MolFromMolFile(str(folder / "ligand.sdf"))
    assert mol is not None
    protein = next(folder.glob("protein.pdb*"))
    return mol, PocketContacts(read_receptor(protein), mol.GetConformer().GetPositions())


@pytest.mark.parametrize("name", ["1ia1", "1uou", "1s3v"])
def test_a_pose_that_went_through_an_sdf_file_has_the_same_interactions(name, tmp_path):
    """Poses are written with hydrogens and read back with them: donors and rings must survive."""
    mol, pocket = poses_of(EXAMPLES / name, name)
    ligand = read_ligand(str(EXAMPLES / name / "ligand.sdf"))
    write_sdf(tmp_path / "poses.sdf", ligand, [PoseRecord(pos=ligand.pos)])
    read = next(iter(Chem.SDMolSupplier(str(tmp_path / "poses.sdf"), removeHs=False)))
    assert read.GetNumAtoms() > ligand.num_atoms
    found = find_interactions(read, pocket)
    assert fingerprint(found) == fingerprint(find_interactions(mol, pocket))
    assert any(one.kind == "hydrogen bond" and one.detail == "donor" for one in found)


def test_antifolate_stacks_on_phenylalanine_and_gives_hydrogens_to_the_acid():
    """Dihydrofolate reductase: the diaminopyrimidine on the acid and phenylalanine of every textbook."""
    mol, pocket = poses_of(EXAMPLES / "1ia1", "1ia1")
    words = fingerprint(find_interactions(mol, pocket))
    assert has(words, "hbond:B:GLU32") and has(words, "pi:B:PHE36") and has(words, "B:32")


def test_hydrogen_bond_needs_a_hydrogen_that_points_there(pocket):
    """The backbone N-H has one direction; an oxygen beside it, as near, is not bonded."""
    own = next(
        int(atom) for atom in pocket.donor if pocket.names[atom] == "N" and len(pocket.hydrogens(int(atom)).directions)
    )
    one, place = pocket.hydrogens(own), pocket.pos[own]
    assert best_angle(one, place, place + 2.9 * one.directions[0]) == pytest.approx(180)
    across = np.cross(one.directions[0], (0.3, 0.5, 0.8))
    assert best_angle(one, place, place + 2.9 * across / np.linalg.norm(across)) < 90


@pytest.mark.parametrize(
    ("smiles", "atom", "count"), [("NC(C)=O", 0, 2), ("CNC", 1, 2), ("c1cc[nH]c1", 3, 1), ("CO", 1, 0)]
)
def test_hydrogens_of_a_ligand_point_where_rdkit_puts_them(smiles, atom, count):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=1) == 0
    rdForceFieldHelpers.MMFFOptimizeMolecule(mol)
    pos = mol.GetConformer().GetPositions()
    bare = Chem.RemoveHs(mol)
    one = ligand_hydrogens(bare, bare.GetConformer().GetPositions(), atom)
    assert len(one.directions) == count and (one.axis is not None) == (count == 0)
    hydrogens = [other.GetIdx() for other in mol.GetAtomWithIdx(atom).GetNeighbors() if other.GetAtomicNum() == 1]
    for hydrogen in hydrogens:  # 3 A beyond the hydrogen an acceptor would be bonded
        way = (pos[hydrogen] - pos[atom]) / np.linalg.norm(pos[hydrogen] - pos[atom])
        assert best_angle(one, pos[atom], pos[atom] + 2.9 * way) > 150
