"""A docking small enough for a self-test: paracetamol and a ten-residue peptide, through the real readers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.docking.engine import Engine
from disco_dock.docking.predict import predict_complex
from disco_dock.docking.receptors import ReceptorStore
from disco_dock.docking.settings import PredictSettings

SEQUENCE = "GASVTLDKEY"
LIGAND = "CC(=O)Nc1ccc(O)cc1"
NUM_POSES = 2
STEPS = 4


def write_peptide(path: Path) -> None:
    """Write a made-up fold of the peptide as PDB.

    Raises:
        RuntimeError: RDKit cannot build it.
    """
    peptide = Chem.AddHs(Chem.MolFromSequence(SEQUENCE))
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = 1
    parameters.useRandomCoords = True
    if rdDistGeom.EmbedMolecule(peptide, parameters) != 0:
        raise RuntimeError("RDKit could not build the test peptide")
    Chem.MolToPDBFile(Chem.RemoveHs(peptide), str(path))


def dock_peptide(engine: Engine) -> int:
    """Number of poses docked to the peptide.

    Raises:
        DiscoError: the docking fails.
        RuntimeError: RDKit cannot build the peptide.
    """
    with tempfile.TemporaryDirectory() as folder:
        protein = Path(folder) / "peptide.pdb"
        write_peptide(protein)
        lm_dim = engine.models.config.lm_dim
        embeddings = Path(folder) / "embeddings.npy" if lm_dim else None
        if embeddings is not None:
            np.save(embeddings, np.zeros((len(SEQUENCE), lm_dim), dtype=np.float32))
        settings = PredictSettings(num_poses=NUM_POSES, steps=STEPS, embeddings=embeddings, check_poses=0)
        store = ReceptorStore(settings, lm_dim)
        prediction = predict_complex(engine, settings, store, protein, read_ligand(LIGAND), name="self-test")
    return len(prediction.ranked)
