"""A complex graph from structure files, against the published preprocessing and a frame-free identity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligand_features import ATOM_FEATURE_NAMES
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor import Receptor
from disco_dock.graph.build import build_complex
from disco_dock.runtime.errors import InputError
from tests.disco_dock.models.published_golden import golden_graph
from tests.support.golden import golden_path

PROTEINS = {"6moa": "6moa_protein_processed.pdb", "6w70": "6w70.pdb", "1a0q": "1a0q_protein_processed.pdb"}


def ligand() -> Ligand:
    mol = Chem.AddHs(Chem.MolFromSmiles("CCOC(=O)c1ccccc1"))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    mol = Chem.RemoveHs(mol)
    pos = mol.GetConformer().GetPositions()
    return Ligand(source="test", name="test", mol=mol, pos=pos, notes=(), index_in_file=0)


def receptor() -> Receptor:
    pos = np.cumsum(np.full((6, 3), 2.2), 0) + 50.0
    return Receptor(
        source="test.pdb",
        name="test",
        chains=("B", "B", "A", "A", "A", "A"),
        numbers=(1, 2, 3, 4, 5, 6),
        insertions=("",) * 6,
        names=("GLY",) * 6,
        file_names=("GLY",) * 6,
        restype=np.arange(6),
        ca_pos=pos,
        atom_pos=pos,
        atom_names=("CA",) * 6,
        atom_elements=("C",) * 6,
        atom_residue=np.arange(6),
        context=(),
        notes=(),
    )


@pytest.mark.parametrize("name", PROTEINS)
def test_published_preprocessing(name: str) -> None:
    expected = golden_graph(name)
    folder = golden_path("inputs")
    protein = read_receptor(folder / PROTEINS[name])
    molecule = read_ligand(folder / f"{name}_ligand.sdf")
    molecule.mol.RemoveAllConformers()  # the published code turns the axis of 6moa, which a pose would hold
    assert expected.rec_lm is not None
    graph = build_complex(protein, molecule, expected.conformer.numpy(), expected.rec_lm.numpy())
    assert torch.equal(graph.rec_type, expected.rec_type)
    torch.testing.assert_close(graph.rec_pos, expected.rec_pos, atol=1e-4, rtol=0)
    np.testing.assert_allclose(graph.origin, expected.origin, atol=1e-4)
    tag = ATOM_FEATURE_NAMES.index("chirality")
    same = graph.lig_features[:, tag] == expected.lig_features[:, tag]  # the published tags also mark some CH2
    assert int(same.sum()) > len(same) // 2
    assert torch.equal(graph.lig_features[same], expected.lig_features[same])
    assert torch.equal(graph.bond_index, expected.bond_index)
    assert torch.equal(graph.bond_type, expected.bond_type)
    assert torch.equal(graph.torsion_bonds, expected.torsion_bonds)
    assert torch.equal(graph.torsion_moved, expected.torsion_moved)


def test_frames_and_chain_numbers() -> None:
    molecule, protein = ligand(), receptor()
    assert molecule.pos is not None
    graph = build_complex(protein, molecule, molecule.pos + 7.0)
    torch.testing.assert_close(graph.rec_pos.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(graph.conformer.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    np.testing.assert_allclose(graph.rec_pos.numpy() + graph.origin, protein.ca_pos, atol=1e-4)
    assert graph.rec_chain.tolist() == [0, 0, 1, 1, 1, 1]
    assert graph.rec_lm is None
    assert (graph.conformer.dtype, graph.rec_pos.dtype, graph.origin.dtype) == (
        torch.float32,
        torch.float32,
        np.float64,
    )
    moved = build_complex(replace(protein, ca_pos=protein.ca_pos + 100.0), molecule, molecule.pos)
    torch.testing.assert_close(moved.rec_pos, graph.rec_pos, atol=1e-4, rtol=0)


def test_embeddings_need_a_row_per_residue() -> None:
    molecule = ligand()
    assert molecule.pos is not None
    graph = build_complex(receptor(), molecule, molecule.pos, np.ones((6, 4)))
    assert graph.rec_lm is not None and graph.rec_lm.shape == (6, 4)
    with pytest.raises(InputError, match="5 rows, the receptor has 6"):
        build_complex(receptor(), molecule, molecule.pos, np.ones((5, 4)))
