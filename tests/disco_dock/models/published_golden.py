"""Graphs and modules rebuilt from the golden files of the published networks."""

from __future__ import annotations

import json

import numpy as np
import torch

from disco_dock.graph.batch import bond_slots, collate
from disco_dock.graph.receptor_atoms import ReceptorAtoms
from disco_dock.graph.schema import ComplexGraph, GraphBatch
from disco_dock.models.all_atom.confidence import AllAtomConfidence
from disco_dock.models.encoder import EncoderConfig, LatentEncoder
from disco_dock.models.prior import LatentPrior
from disco_dock.models.score import ScoreModel
from disco_dock.weights.published.all_atom import convert_all_atom
from disco_dock.weights.published.config import all_atom_config, encoder_config, prior_config, score_config
from disco_dock.weights.published.tensors import (
    convert_encoder,
    convert_prior,
    convert_score,
)
from tests.support.golden import golden_path, load_golden

NAMES = ("6moa", "6w70", "1a0q")
SHIFT = "score_model."


def golden_graph(name: str, *, with_atoms: bool = False) -> ComplexGraph:
    """The published preprocessing's graph of one complex, with receptor atoms and their stored edges when asked."""
    data = load_golden(f"graph_{name}.npz")
    edge_mask = data["lig_edge_mask"]
    return ComplexGraph(
        lig_features=torch.from_numpy(data["lig_x"].astype(np.int64)),
        bond_index=torch.from_numpy(data["lig_bond_index"]),
        bond_type=torch.from_numpy(data["lig_bond_attr"].argmax(1)),
        torsion_bonds=torch.from_numpy(data["lig_bond_index"].T[edge_mask]),
        torsion_moved=torch.from_numpy(data["lig_mask_rotate"].astype(bool)),
        conformer=torch.from_numpy(data["lig_orig_rdkit_pos"] - data["lig_orig_rdkit_pos"].mean(0)).float(),
        rec_type=torch.from_numpy(data["rec_restype"].astype(np.int64)),
        rec_pos=torch.from_numpy(data["rec_pos"]),
        rec_chain=torch.zeros(len(data["rec_pos"]), dtype=torch.long),
        rec_lm=torch.from_numpy(data["rec_lm"]),
        origin=data["original_center"][0].astype(np.float64),
        rec_atoms=golden_atoms(data) if with_atoms else None,
    )


def golden_atoms(data: dict[str, np.ndarray]) -> ReceptorAtoms:
    """The receptor atoms of the published graph; each sends messages along its stored edges."""
    target, source = torch.from_numpy(data["atom_edge_index"])
    index, _, mask = bond_slots(torch.stack([source, target]), torch.zeros_like(source), len(data["atom_pos"]))
    return ReceptorAtoms(
        features=torch.from_numpy(data["atom_x"]),
        pos=torch.from_numpy(data["atom_pos"]),
        residue=torch.from_numpy(data["atom_rec_edge_index"][1]),
        neighbour=index,
        neighbour_mask=mask,
    )


def golden_batch(*names: str, with_atoms: bool = False) -> GraphBatch:
    """Padded batch of golden complexes."""
    return collate([golden_graph(name, with_atoms=with_atoms) for name in names])


def weights(file: str, prefix: str = "") -> dict[str, torch.Tensor]:
    """Tensors of a golden weight file under a prefix."""
    data = load_golden(file)
    return {key[len(prefix) :]: torch.from_numpy(value) for key, value in data.items() if key.startswith(prefix)}


def published_args(model: str) -> dict:
    """The yml arguments of a published model."""
    return json.loads(golden_path(f"{model}_state_dict_keys.json").read_text())["args"]


def score_model(model: str) -> ScoreModel:
    """A published score model, ``disco_diffdockS_score_model`` or ``diffdockS_score_model``, in eval mode."""
    config = score_config(published_args(model))
    module = ScoreModel(config)
    module.load_state_dict(convert_score(weights(f"weights_{model}.npz", SHIFT), config))
    return module.eval()


def encoder() -> LatentEncoder:
    """The published latent encoder."""
    config: EncoderConfig = encoder_config(published_args("disco_diffdockS_score_model"))
    module = LatentEncoder(config)
    module.load_state_dict(convert_encoder(weights("weights_disco_diffdockS_score_model.npz", "encoder."), config))
    return module.eval()


def prior() -> LatentPrior:
    """The published latent prior."""
    score = score_config(published_args("disco_diffdockS_score_model"))
    config = prior_config(published_args("disco_diffdockS_ar_model"), score)
    module = LatentPrior(config)
    trunk = weights("weights_disco_diffdockS_score_model.npz", SHIFT)
    heads = weights("weights_disco_diffdockS_ar_model_heads.npz")
    module.load_state_dict(convert_prior(trunk, heads, config))
    return module.eval()


def confidence() -> AllAtomConfidence:
    """The published all-atom confidence network."""
    config = all_atom_config(published_args("paper_confidence_model"))
    module = AllAtomConfidence(config)
    module.load_state_dict(convert_all_atom(weights("weights_paper_confidence_model.npz"), config))
    return module.eval()


def padded_code(ligand: list[np.ndarray], receptor: list[np.ndarray], batch: GraphBatch) -> torch.Tensor:
    """(batch, latents, nodes) code from per-complex columns (atoms, latents) and (residues, latents)."""
    latents = ligand[0].shape[1]
    code = torch.zeros(batch.size, latents, batch.num_atoms + batch.num_residues)
    for row, (lig, rec) in enumerate(zip(ligand, receptor, strict=True)):
        code[row, :, : len(lig)] = torch.from_numpy(lig).T
        code[row, :, batch.num_atoms : batch.num_atoms + len(rec)] = torch.from_numpy(rec).T
    return code
