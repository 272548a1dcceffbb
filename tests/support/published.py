"""Folders in the published layout with random weights of any size, to test importing without downloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from disco_dock.chem.ligand_features import ATOM_FEATURE_SIZES
from disco_dock.chem.receptor_atom_features import RECEPTOR_ATOM_SIZES
from disco_dock.chem.residue_features import RESIDUE_TYPES
from disco_dock.models.layers.irreps import published_channels
from disco_dock.models.layers.star_convolution import second_order_channels
from disco_dock.models.layers.tensor_product import product_channels
from disco_dock.weights.published.config import LM_DIM

DISCO_ARGS: dict[str, Any] = {
    "all_atoms": False,
    "c_alpha_max_neighbors": 24,
    "cross_max_distance": 80,
    "dropout": 0.1,
    "dynamic_max_cross": True,
    "embedding_scale": 1000,
    "embedding_type": "sinusoidal",
    "encoder_cross_max_distance": 30.0,
    "encoder_no_esm": False,
    "encoder_ns": 4,
    "encoder_num_conv_layers": 3,
    "encoder_nv": 1,
    "esm_embeddings_path": None,
    "latent_dim": 2,
    "latent_hidden_dim": 8,
    "latent_vocab": 1,
    "max_radius": 5.0,
    "ns": 4,
    "num_conv_layers": 3,
    "nv": 2,
    "receptor_radius": 15.0,
    "rot_sigma_max": 1.55,
    "rot_sigma_min": 0.03,
    "sh_lmax": 1,
    "tor_sigma_max": 3.14,
    "tor_sigma_min": 0.03,
    "tr_sigma_max": 19.0,
    "tr_sigma_min": 0.1,
    "use_old_atom_encoder": False,
}
BASELINE_ARGS = {**DISCO_ARGS, "latent_dim": 0, "latent_vocab": 64}
CONFIDENCE_ARGS: dict[str, Any] = {
    **{name: DISCO_ARGS[name] for name in ("c_alpha_max_neighbors", "cross_max_distance", "dropout", "embedding_type")},
    **{
        name: DISCO_ARGS[name] for name in ("dynamic_max_cross", "esm_embeddings_path", "max_radius", "receptor_radius")
    },
    "all_atoms": True,
    "atom_max_neighbors": 8,
    "atom_radius": 5,
    "ns": 4,
    "num_conv_layers": 4,
    "nv": 2,
    "remove_hs": True,
    "rmsd_classification_cutoff": [2.0],
    "sigma_embed_dim": 32,
}
PRIOR_ARGS = {"use_pretrained_score": True, "original_model_dir": "workdir/disco", "ns": 3, "latent_hidden_dim": 8}


def _linear(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, channels: int, centred: int) -> dict[str, tuple[int, ...]]:
    every = {f"{name}.{kind}": (channels,) for kind in ("weight", "running_var")}
    return {**every, **{f"{name}.{kind}": (centred,) for kind in ("bias", "running_mean")}}


def _trunk_shapes(ns: int, nv: int, layers: int, time: int, latents: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for kind, sizes in (("lig", ATOM_FEATURE_SIZES), ("rec", (len(RESIDUE_TYPES),))):
        for i, size in enumerate(sizes):
            shapes[f"{kind}_node_embedding.atom_embedding_list.{i}.weight"] = (size, ns)
        if time or latents:
            shapes |= _linear(f"{kind}_node_embedding.additional_features_embedder", ns + time + latents, ns)
        if latents:
            shapes[f"{kind}_node_unconditional_embedding"] = (1, ns)
    for kind, bond in (("lig", 4), ("rec", 0), ("cross", 0)):
        shapes |= _linear(f"{kind}_edge_embedding.0", bond + time + 32 + 2 * latents, ns)
        shapes |= _linear(f"{kind}_edge_embedding.3", ns, ns)
        if latents:
            shapes[f"{kind}_edge_unconditional_embedding"] = (1, ns)
    for layer in range(layers):
        inputs, outputs = published_channels(layer, ns, nv), published_channels(layer + 1, ns, nv)
        count = sum(a * b for a, b in zip(product_channels(inputs), outputs, strict=True))
        for group in range(4):
            shapes |= _linear(f"conv_layers.{layer}.fc.{group}.0", 3 * ns, 3 * ns)
            shapes |= _linear(f"conv_layers.{layer}.fc.{group}.4", 3 * ns, count)
        shapes |= _norm(f"conv_layers.{layer}.batch_norm", sum(outputs), ns)
    return shapes


def _head_shapes(ns: int, nv: int, time: int) -> dict[str, tuple[int, ...]]:
    shapes = {**_linear("center_edge_embedding.0", 32 + time, ns), **_linear("center_edge_embedding.3", ns, ns)}
    shapes |= {**_linear("final_conv.fc.0", 2 * ns, 2 * ns), **_norm("final_conv.batch_norm", 4, 0)}
    shapes |= _linear("final_conv.fc.4", 2 * ns, 2 * (2 * ns + 4 * nv))
    for name in ("tr_final_layer", "rot_final_layer"):
        shapes |= {**_linear(f"{name}.0", 1 + time, ns), **_linear(f"{name}.3", ns, 1)}
    shapes |= {**_linear("final_edge_embedding.0", 32, ns), **_linear("final_edge_embedding.3", ns, ns)}
    shapes |= {**_linear("tor_bond_conv.fc.0", 3 * ns, 3 * ns), **_linear("tor_bond_conv.fc.4", 3 * ns, 2 * nv * ns)}
    shapes |= _norm("tor_bond_conv.batch_norm", 2 * ns, ns)
    return {**shapes, "tor_final_layer.0.weight": (ns, 2 * ns), "tor_final_layer.3.weight": (1, ns)}


def _logit_shapes(inputs: int, width: int, outputs: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name in ("latent_s_predictor", "latent_r_predictor"):
        for layer, size in ((0, inputs), (4, width)):
            shapes |= {**_linear(f"{name}.{layer}", size, width), **_norm(f"{name}.{layer + 1}", width, width)}
        shapes |= _linear(f"{name}.8", width, outputs)
    return shapes


def _draw(shapes: dict[str, tuple[int, ...]], prefix: str, seed: int) -> dict[str, Tensor]:
    draws = torch.Generator().manual_seed(seed)
    return {
        prefix + name: torch.rand(shape, generator=draws) + 0.5
        if name.endswith("running_var")
        else torch.randn(shape, generator=draws) * 0.3
        for name, shape in shapes.items()
    }


def score_weights(args: dict[str, Any], seed: int = 0) -> dict[str, Tensor]:
    """A score model's state dict without prefix."""
    sizes = (args["ns"], args["nv"])
    latents = args["latent_dim"]
    return _draw({**_trunk_shapes(*sizes, args["num_conv_layers"], 32, latents), **_head_shapes(*sizes, 32)}, "", seed)


def encoder_weights(args: dict[str, Any], seed: int = 1) -> dict[str, Tensor]:
    """An encoder's state dict with its prefix."""
    shapes = _trunk_shapes(args["encoder_ns"], args["encoder_nv"], args["encoder_num_conv_layers"], 0, 0)
    shapes |= _logit_shapes(2 * args["encoder_ns"], args["latent_hidden_dim"], args["latent_dim"])
    return _draw(shapes, "encoder.", seed)


def prior_weights(args: dict[str, Any], score: dict[str, Tensor], seed: int = 2) -> dict[str, Tensor]:
    """A prior's state dict on a score model's weights."""
    heads = _draw(_logit_shapes(2 * args["ns"], args["latent_hidden_dim"], 1), "", seed)
    return {**{f"pretrained_score_model.{name}": value for name, value in score.items()}, **heads}


def confidence_weights(args: dict[str, Any], seed: int = 3) -> dict[str, Tensor]:
    """A confidence network's state dict, with the last layer's tensors that nothing reads."""
    ns, nv, time, layers = args["ns"], args["nv"], 32, args["num_conv_layers"]
    shapes: dict[str, tuple[int, ...]] = {}
    tables = {"lig": ATOM_FEATURE_SIZES, "rec": (len(RESIDUE_TYPES),), "atom": RECEPTOR_ATOM_SIZES}
    for kind, sizes in tables.items():
        shapes |= {f"{kind}_node_embedding.atom_embedding_list.{i}.weight": (n, ns) for i, n in enumerate(sizes)}
        shapes |= _linear(f"{kind}_node_embedding.linear", time, ns)
    if args["esm_embeddings_path"]:
        shapes |= _linear("rec_node_embedding.lm_embedding_layer", ns + LM_DIM, ns)
    for kind in ("lig", "rec", "atom", "lr", "ar", "la"):
        shapes |= _linear(f"{kind}_edge_embedding.0", (4 if kind == "lig" else 0) + time + 32, ns)
        shapes |= _linear(f"{kind}_edge_embedding.3", ns, ns)
    for layer in range(layers):
        inputs, outputs = published_channels(layer, ns, nv), published_channels(layer + 1, ns, nv)
        count = sum(a * b for a, b in zip(second_order_channels(inputs), outputs, strict=True))
        for name in (f"conv_layers.{9 * layer + k}" for k in range(9)):
            shapes |= {**_linear(f"{name}.fc.0", 3 * ns, 3 * ns), **_linear(f"{name}.fc.3", 3 * ns, count)}
            shapes |= _norm(f"{name}.batch_norm", sum(outputs), ns)
    inputs = 2 * ns if layers > 2 else ns
    for layer, size in ((0, inputs), (4, ns)):
        name = "confidence_predictor"
        shapes |= {**_linear(f"{name}.{layer}", size, ns), **_norm(f"{name}.{layer + 1}", ns, ns)}
    classes = len(args["rmsd_classification_cutoff"]) + 1
    return _draw(shapes | _linear("confidence_predictor.8", ns, classes), "", seed)


def with_prefix(prefix: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under prefixed names."""
    return {prefix + name: value for name, value in weights.items()}


def write_folder(folder: Path, args: dict[str, Any], files: dict[str, dict[str, Tensor]]) -> Path:
    """A published folder: the yml and its state dicts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_parameters.yml").write_text(yaml.safe_dump(args))
    for name, weights in files.items():
        torch.save(weights, folder / name)
    return folder
