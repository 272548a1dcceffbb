"""Cofactors, ions and waters that are kept take part in interactions, under their own names."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor import HeteroGroup
from disco_dock.docking.runs.self_test import write_peptide
from disco_dock.interactions.find import find_interactions
from disco_dock.interactions.fingerprint import check_asked, fingerprint, has
from disco_dock.interactions.kept_groups import group_roles
from disco_dock.interactions.pocket import PocketContacts

ADENINE = "Cn1cnc2c(N)ncnc12"  # as RDKit numbers it: N1, C2, N3, C4, C5, N6 (amine) on C5, N7, C8, N9, C10
FAR = 60.0  # Angstrom from the peptide


def group(smiles: str, name: str = "LGD", shift: float = 0.0) -> HeteroGroup:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=7) == 0
    mol.GetConformer().SetPositions(mol.GetConformer().GetPositions() + shift)
    mol = Chem.RemoveHs(mol)
    symbols = tuple(atom.GetSymbol() for atom in mol.GetAtoms())
    return HeteroGroup(
        name=name,
        chain="A",
        number=301,
        insertion="",
        kind="cofactor",
        elements=symbols,
        atom_names=tuple(f"{symbol}{number}" for number, symbol in enumerate(symbols, 1)),
        pos=mol.GetConformer().GetPositions(),
    )


@pytest.mark.parametrize(
    ("smiles", "donor", "acceptor", "positive", "negative", "rings"),
    [
        ("COP(=O)([O-])[O-]", set(), {1, 3, 4, 5}, set(), {3, 4, 5}, 0),  # the ester's oxygen only takes
        ("CC(=O)[O-]", set(), {2, 3}, set(), {2, 3}, 0),
        ("CC(=O)OC", set(), {2}, set(), set(), 0),
        ("CCO", {2}, {2}, set(), set(), 0),
        ("CC(=O)NC", {3}, {2}, set(), set(), 0),
        ("CC(N)=O", {2}, {3}, set(), set(), 0),
        ("CC[NH3+]", {2}, set(), {2}, set(), 0),
        ("C[NH2+]C", {1}, set(), {1}, set(), 0),
        ("C[NH+](C)C", {1}, set(), {1}, set(), 0),
        ("CNC(N)=[NH2+]", {1, 3, 4}, set(), {1, 3, 4}, set(), 0),
        ("Cc1ccncc1", set(), {4}, set(), set(), 1),
        ("Oc1ccccc1", {0}, {0}, set(), set(), 1),
        ("Nc1ccccc1", {0}, set(), set(), set(), 1),
        (ADENINE, {3, 6}, {3, 7, 9}, set(), set(), 2),  # its five-membered ring may give as an imidazole does
        ("O=c1cc[nH]c(=O)[nH]1", {4, 7}, {0, 4, 6}, set(), set(), 1),  # the imide between two carbonyls only gives
        ("CS(=O)(=O)[O-]", set(), {2, 3, 4}, set(), {2, 3, 4}, 0),
        ("CS(C)(=O)=O", set(), {3, 4}, set(), set(), 0),
        ("CS", {1}, set(), set(), set(), 0),
        ("CC#N", set(), {2}, set(), set(), 0),
        ("C1CCOC1", set(), {3}, set(), set(), 0),
        ("OC1CCCCC1", {0}, {0}, set(), set(), 0),
        ("O", {0}, {0}, set(), set(), 0),
        ("[Cl-]", set(), {0}, set(), {0}, 0),
    ],
)
def test_roles_from_elements_and_distances(smiles, donor, acceptor, positive, negative, rings):
    roles = group_roles(group(smiles))
    assert (roles.donor, roles.acceptor) == (donor, acceptor)
    assert (roles.positive, roles.negative) == (positive, negative)
    assert len(roles.rings) == rings


def test_hydrogens_of_the_file_change_nothing():
    bare = group("CC(N)=O")
    full = HeteroGroup(
        name="LGD",
        chain="A",
        number=301,
        insertion="",
        kind="cofactor",
        elements=("H", *bare.elements),
        atom_names=("H1", *bare.atom_names),
        pos=np.concatenate([bare.pos[:1] + 1.0, bare.pos]),
    )
    one, other = group_roles(bare), group_roles(full)
    assert one.donor == other.donor and one.acceptor == other.acceptor
    assert other.atoms.tolist() == [1, 2, 3, 4]


def structure(tmp_path, *groups: HeteroGroup):
    """The peptide with groups far from it, as a file."""
    path = tmp_path / "p.pdb"
    write_peptide(path)
    lines = [line for line in path.read_text().splitlines() if line.startswith("ATOM")]
    for one in groups:
        for element, name, place in zip(one.elements, one.atom_names, one.pos, strict=True):
            xyz = "".join(f"{value:8.3f}" for value in place)
            lines.append(
                f"HETATM{len(lines) + 1:5d} {name:>4s} {one.name:>3s} {one.chain}{one.number:4d}    {xyz}"
                f"  1.00  0.00          {element.upper():>2s}"
            )
    path.write_text("\n".join([*lines, "END", ""]))
    return path


def near(mol: Chem.Mol, atom: int, place: np.ndarray, distance: float, way: np.ndarray) -> Chem.Mol:
    """A molecule with an atom at a distance from a place, the rest beyond."""
    pos = mol.GetConformer().GetPositions()
    own = pos.mean(0) - pos[atom]
    own /= np.linalg.norm(own)
    way = way / np.linalg.norm(way)
    turn = _turn(own, way)
    mol.GetConformer().SetPositions((pos - pos[atom]) @ turn.T + place + distance * way)
    return mol


def _turn(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    axis = np.cross(one, other)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + one @ other)


def ammonium_at(place: np.ndarray, way: np.ndarray) -> Chem.Mol:
    """Methylammonium with a hydrogen that points at a place, 2.8 Angstrom from it."""
    way = way / np.linalg.norm(way)
    across = np.cross(way, (0.3, 0.5, 0.8))
    across /= np.linalg.norm(across)
    nitrogen = place + 2.8 * way
    carbon = nitrogen + 1.49 * (np.cos(np.radians(70.5)) * way + np.sin(np.radians(70.5)) * across)
    mol = embedded("C[NH3+]")
    mol.GetConformer().SetPositions(np.stack([carbon, nitrogen]))
    return mol


def embedded(smiles: str) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=3) == 0
    return Chem.RemoveHs(mol)


def test_an_ammonium_binds_the_phosphate_of_a_cofactor(tmp_path):
    cofactor = group("COP(=O)([O-])[O-]", name="GP6", shift=FAR)
    receptor = read_receptor(structure(tmp_path, cofactor), groups=GroupChoice(keep=("all",)))
    mol = ammonium_at(cofactor.pos[5], cofactor.pos[5] - cofactor.pos[2])
    found = find_interactions(mol, PocketContacts(receptor, mol.GetConformer().GetPositions()))
    words = fingerprint(found)
    assert {"salt:A:GP6:301", "hbond:A:GP6:301"} <= set(words)
    bridge = next(one for one in found if one.kind == "salt bridge")
    assert (bridge.residue_atom, bridge.distance) == ("O6", pytest.approx(2.8, abs=0.01))
    for asked in ("salt:A:GP6:301", "hbond:A:301", "A:301"):
        check_asked([asked])
        assert has(words, asked)
    assert not has(words, "A:GP7:301")
    without = read_receptor(structure(tmp_path, cofactor), groups=GroupChoice(drop=("GP6",)))
    assert find_interactions(mol, PocketContacts(without)) == []


def test_a_ring_stacks_on_that_of_a_cofactor_and_only_there(tmp_path):
    cofactor = group(ADENINE, name="ADX", shift=FAR)
    receptor = read_receptor(structure(tmp_path, cofactor), groups=GroupChoice(keep=("all",)))
    pocket = PocketContacts(receptor)
    number, ring = pocket.rings[-1]
    assert pocket.residue_label(number) == "A:ADX301"
    center = pocket.pos[ring].mean(0)
    normal = np.linalg.svd(pocket.pos[ring] - center)[2][2]
    mol = embedded("c1ccccc1")
    pos = mol.GetConformer().GetPositions()
    own = np.linalg.svd(pos - pos.mean(0))[2][2]
    own = own if own @ normal > 0 else -own
    mol.GetConformer().SetPositions((pos - pos.mean(0)) @ _turn(own, normal).T + center + 3.6 * normal)
    assert "pi:A:ADX301" in fingerprint(find_interactions(mol, pocket))


def test_a_metal_inside_a_cofactor_is_found_and_the_protein_comes_first(tmp_path):
    iron = HeteroGroup(
        name="FE2",
        chain="A",
        number=400,
        insertion="",
        kind="metal",
        elements=("FE",),
        atom_names=("FE",),
        pos=np.full((1, 3), FAR),
    )
    receptor = read_receptor(structure(tmp_path, iron))
    mol = near(embedded("CCO"), 2, iron.pos[0], 2.2, np.array([1.0, 0.0, 0.0]))
    pocket = PocketContacts(receptor)
    assert fingerprint(find_interactions(mol, pocket)) == ("metal:A:FE2:400",)
    assert pocket.num_protein == len(receptor.atom_pos) == len(pocket.pos) - 1
