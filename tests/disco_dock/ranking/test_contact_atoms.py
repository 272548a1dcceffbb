"""Classes of receptor atoms, features of ligand atoms, and which of them are near each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.chem.receptor import HeteroGroup
from disco_dock.chem.structures.named_atoms import named_atoms
from disco_dock.physics.vina_receptor import vina_receptor
from disco_dock.ranking.bond_frames import frames, ligand_directions
from disco_dock.ranking.contact_atoms import (
    ELEMENTS,
    LIGAND_FEATURES,
    NO_CLASS,
    OWN_FEATURES,
    RECEPTOR_CLASSES,
    ligand_features,
    receptor_classes,
)
from disco_dock.ranking.contact_field import ContactField
from tests.disco_dock.physics.examples import EXAMPLES, example

EXPECTED = {
    ("ASP", "OD1"): "carboxylate oxygen",
    ("GLU", "OE2"): "carboxylate oxygen",
    ("ASN", "OD1"): "amide oxygen",
    ("GLN", "NE2"): "amide nitrogen",
    ("ARG", "NH1"): "charged nitrogen",
    ("HIS", "ND1"): "ring nitrogen",
    ("SER", "OG"): "hydroxyl oxygen",
    ("TYR", "OH"): "phenol oxygen",
    ("TYR", "CZ"): "aromatic carbon",
    ("PHE", "CB"): "aliphatic carbon",
    ("LEU", "CD1"): "aliphatic carbon",
    ("SER", "CB"): "polar carbon",
    ("GLY", "CA"): "alpha carbon",
    ("VAL", "C"): "carbonyl carbon",
    ("VAL", "N"): "backbone nitrogen",
    ("VAL", "O"): "backbone oxygen",
    ("CYS", "SG"): "sulfur",
    ("MET", "SD"): "sulfur",
}
LONE = {
    **{("ZN", "ZN"): "zinc", ("MG", "MG"): "magnesium", ("CA", "CA"): "calcium", ("MN", "MN"): "manganese"},
    **{("FE2", "FE"): "iron", ("CU", "CU"): "copper", ("NI", "NI"): "other metal", ("K", "K"): "monovalent ion"},
    **{("CL", "CL"): "halogen", ("HOH", "O"): "group oxygen"},
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_classes_of_a_protein(name):
    receptor, _ = example(name)
    receptor = replace(receptor, context=())
    atoms = named_atoms(receptor)
    classes = receptor_classes(receptor, vina_receptor(receptor).atoms.kind)
    names = [atoms.names[atom] for atom in np.flatnonzero(~atoms.hydrogen)]
    assert len(classes) == len(names) and (classes != NO_CLASS).all()
    for atom, own in zip(names, classes.tolist(), strict=True):
        assert RECEPTOR_CLASSES[own] == EXPECTED.get(atom, RECEPTOR_CLASSES[own]), atom
    assert set(EXPECTED) & set(names)


def group(name, elements, pos, kind="cofactor"):
    names = ("CA", "C", "N", "O", "CB", "CG", "SG")[: len(elements)]  # as of a protein, which do not count outside it
    return HeteroGroup(
        name=name, chain="A", number=900, insertion="", kind=kind, elements=elements, atom_names=names, pos=pos
    )


def test_groups_have_classes_of_their_own():
    receptor, _ = example("1uou")
    far = np.arange(21.0).reshape(7, 3) * 50 + 500
    far[3] = far[1] + [1.5, 0, 0]  # an oxygen on phosphorus
    context = (
        group("XYZ", ("FE", "P", "N", "O", "C", "O", "SE"), far),
        *(group(name, (element,), far[:1] + 9000, kind="metal") for name, element in LONE),
    )
    receptor = replace(receptor, context=context)
    found = receptor_classes(receptor, vina_receptor(receptor).atoms.kind)[-7 - len(LONE) :].tolist()
    assert [RECEPTOR_CLASSES[one] for one in found] == [
        *("bound metal", "phosphorus", "group nitrogen", "phosphate oxygen", "group carbon", "group oxygen"),
        "group sulfur",
        *LONE.values(),
    ]


def test_features_of_a_ligand():
    features = ligand_features(Chem.MolFromSmiles("[O-]C(=O)c1ccc(Cl)cc1"))
    assert features.shape == (10, LIGAND_FEATURES) and set(np.unique(features[:, :OWN_FEATURES])) == {0.0, 1.0}
    assert Counter(features[:, : len(ELEMENTS)].argmax(1).tolist()) == {0: 7, 2: 2, 6: 1}
    assert (features[:, : len(ELEMENTS) + 1].sum(1) == 1).all()
    aromatic, charge = features[:, len(ELEMENTS) + 1], features[:, len(ELEMENTS) + 7]
    assert aromatic.sum() == 6 and charge.tolist() == [1.0] + [0.0] * 9


def test_near_atoms_are_those_of_all_distances():
    receptor, ligand = example("1uou")
    atoms = vina_receptor(receptor)
    classes = receptor_classes(receptor, atoms.atoms.kind)
    pos = np.stack([ligand.pos, ligand.pos + 1.5])
    near = ContactField(receptor, atoms).near(ligand, pos, 5.0)
    every = np.linalg.norm(pos.reshape(-1, 1, 3) - atoms.pos, axis=2)
    ends = [*near.first.tolist()[1:], len(near.distance)]
    assert ends[-1] > 200
    for atom, (first, end) in enumerate(zip(near.first.tolist(), ends, strict=True)):
        wanted = np.flatnonzero((every[atom] <= 5.0) & (classes != NO_CLASS))
        np.testing.assert_allclose(near.distance[first:end], every[atom][wanted], rtol=1e-12)
        assert near.receptor_class[first:end].tolist() == classes[wanted].tolist()


def test_angles_are_those_of_the_frames():
    receptor, ligand = example("1uou")
    receptor = replace(receptor, context=())
    atoms = vina_receptor(receptor)
    near = ContactField(receptor, atoms).near(ligand, ligand.pos[None], 4.0)
    named = named_atoms(receptor)
    known = frames(atoms.pos, named.elements[~named.hydrogen].tolist())
    bonds = ligand_directions(ligand.mol, ligand.pos[None])[0]
    every = np.linalg.norm(ligand.pos[:, None] - atoms.pos, axis=2)
    pairs = np.argwhere(every <= 4.0)
    assert len(pairs) == len(near.distance) > 50
    for (own, other), angles in zip(pairs, near.angles, strict=True):
        line = (ligand.pos[own] - atoms.pos[other]) / every[own, other]
        flat = (known.normal[other] @ line) ** 2 - 1 / 3 if known.normal[other].any() else 0
        np.testing.assert_allclose(angles, [known.direction[other] @ line, flat, -bonds[own] @ line], atol=1e-9)


def test_a_score_with_fewer_classes_does_not_see_the_atoms_of_the_others():
    receptor, ligand = example("1uou")
    zinc = group("ZN", ("ZN",), ligand.pos[:1] + 2.0, kind="metal")
    receptor = replace(receptor, context=(zinc,))
    field = ContactField(receptor, vina_receptor(receptor))
    classes = field.near(ligand, ligand.pos[None], 5.0).receptor_class
    assert RECEPTOR_CLASSES.index("zinc") in classes
    assert field.near(ligand, ligand.pos[None], 5.0, classes=15).receptor_class.max() < 15
