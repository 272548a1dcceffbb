"""Published DisCo-DiffDock and DiffDock-S weights translated to the modules of this package.

Only names and memory layout change; the networks compute the same numbers (golden tests). Columns of the published
cross-edge network that always see zeros are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from disco_dock.diffusion.schedule import NoiseConfig
from disco_dock.models.encoder import EncoderConfig
from disco_dock.models.irreps import Channels
from disco_dock.models.prior import PriorConfig
from disco_dock.models.score import ScoreModelConfig
from disco_dock.models.tensor_product import product_channels
from disco_dock.models.trunk import TrunkConfig
from disco_dock.runtime.errors import CheckpointError

Weights = Mapping[str, Tensor]
GROUPS = ("ligand_ligand", "ligand_residue", "residue_residue", "residue_ligand")
LM_DIM = 1280  # ESM-2 650M
HEAD_LAYERS = {0: 0, 1: 1, 4: 3, 5: 4, 8: 6}  # published Sequential index -> ours


def _subset(weights: Weights, prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix)}


def _take(weights: Weights, name: str) -> Tensor:
    if name not in weights:
        raise CheckpointError(f"published weights lack {name!r}; is this a DisCo-DiffDock or DiffDock-S checkpoint?")
    return weights[name]


def _product_weights(weight: Tensor, bias: Tensor, inputs: Channels, outputs: Channels) -> list[Tensor]:
    """(hidden + 1, in, out) per output irrep from the layer that emitted all product weights of an edge."""
    hidden = weight.shape[1]
    full = torch.cat([weight.T, bias[None]])  # (hidden + 1, weights)
    sizes = [a * b for a, b in zip(product_channels(inputs), outputs, strict=True)]
    blocks = full.split(sizes, 1)
    shapes = zip(product_channels(inputs), outputs, strict=True)
    return [block.reshape(hidden + 1, a, b) for block, (a, b) in zip(blocks, shapes, strict=True)]


def _instruction_blocks(weight: Tensor, bias: Tensor, shapes: list[tuple[int, int]]) -> list[Tensor]:
    """(hidden + 1, in, out) blocks in the order of e3nn's instructions."""
    full = torch.cat([weight.T, bias[None]])
    blocks = full.split([a * b for a, b in shapes], 1)
    return [block.reshape(-1, a, b) for block, (a, b) in zip(blocks, shapes, strict=True)]


def convert_trunk(published: Weights, config: TrunkConfig) -> dict[str, Tensor]:
    """Weights of `Trunk` from those of a published network without prefix."""
    out: dict[str, Tensor] = {}

    def copy(source: str, target: str, columns: int | None = None) -> None:
        for kind in ("weight", "bias"):
            value = _take(published, f"{source}.{kind}")
            out[f"{target}.{kind}"] = value[:, :columns] if kind == "weight" and columns else value

    for theirs, ours in (("lig", "lig"), ("rec", "rec")):
        tables = _subset(published, f"{theirs}_node_embedding.atom_embedding_list.")
        out[f"{ours}_nodes.categories.weight"] = torch.cat([tables[f"{i}.weight"] for i in range(len(tables))])
        if f"{theirs}_node_embedding.additional_features_embedder.weight" in published:
            copy(f"{theirs}_node_embedding.additional_features_embedder", f"{ours}_nodes.mix")
    cross_columns = 32 + config.time_dim
    for theirs, columns in (("lig", None), ("rec", None), ("cross", cross_columns)):
        copy(f"{theirs}_edge_embedding.0", f"{theirs}_edges.first", columns)
        copy(f"{theirs}_edge_embedding.3", f"{theirs}_edges.second")
        if config.num_latents:
            out[f"null_embeddings.{theirs}_edges"] = _take(published, f"{theirs}_edge_unconditional_embedding")[0]
    if config.num_latents:
        for theirs in ("lig", "rec"):
            out[f"null_embeddings.{theirs}_nodes"] = _take(published, f"{theirs}_node_unconditional_embedding")[0]
    for layer in range(config.layers):
        theirs, ours = f"conv_layers.{layer}", f"layers.{layer}"
        inputs, outputs = config.channels(layer), config.channels(layer + 1)
        for number, group in enumerate(GROUPS):
            copy(f"{theirs}.fc.{number}.0", f"{ours}.groups.{group}")
            last = (_take(published, f"{theirs}.fc.{number}.4.{kind}") for kind in ("weight", "bias"))
            for k, block in enumerate(_product_weights(*last, inputs, outputs)):
                out[f"{ours}.groups.{group}.mix.weights.{k}"] = block
        for kind in ("weight", "bias", "running_mean", "running_var"):
            if f"{theirs}.batch_norm.{kind}" in published:
                out[f"{ours}.norm.{kind}"] = published[f"{theirs}.batch_norm.{kind}"]
    return out


def _convert_rigid(published: Weights, config: TrunkConfig) -> dict[str, Tensor]:
    inputs = config.channels(config.layers)
    a, b, c, d = inputs
    out: dict[str, Tensor] = {}
    pairs = {
        "center_edge_embedding.0": "edges.first",
        "center_edge_embedding.3": "edges.second",
        "final_conv.fc.0": "first",
        "tr_final_layer.0": "tr_size.0",
        "tr_final_layer.3": "tr_size.3",
        "rot_final_layer.0": "rot_size.0",
        "rot_final_layer.3": "rot_size.3",
    }
    for theirs, ours in pairs.items():
        for kind in ("weight", "bias"):
            out[f"{ours}.{kind}"] = _take(published, f"{theirs}.{kind}")
    weight, bias = (_take(published, f"final_conv.fc.4.{kind}") for kind in ("weight", "bias"))
    shapes = [(a, 2), (b, 2), (b, 2), (c, 2), (c, 2), (d, 2)]
    scalar_s, vector_1, vector_s, pseudo_1, pseudo_s, odd_s = _instruction_blocks(weight, bias, shapes)
    empty = weight.new_zeros(weight.shape[1] + 1, a + b, 0)
    out["mix.weights.0"] = empty
    out["mix.weights.1"] = torch.cat([scalar_s, vector_1, pseudo_s], 1)
    out["mix.weights.2"] = torch.cat([vector_s, pseudo_1, odd_s], 1)
    out["mix.weights.3"] = weight.new_zeros(weight.shape[1] + 1, c + d, 0)
    for kind in ("weight", "bias", "running_mean", "running_var"):
        if f"final_conv.batch_norm.{kind}" in published:
            out[f"norm.{kind}"] = published[f"final_conv.batch_norm.{kind}"]
    return out


def _convert_torsion(published: Weights, config: TrunkConfig) -> dict[str, Tensor]:
    inputs = config.channels(config.layers)
    width = config.scalars
    out: dict[str, Tensor] = {}
    pairs = {
        "final_edge_embedding.0": "edges.first",
        "final_edge_embedding.3": "edges.second",
        "tor_bond_conv.fc.0": "first",
    }
    for theirs, ours in pairs.items():
        for kind in ("weight", "bias"):
            out[f"{ours}.{kind}"] = _take(published, f"{theirs}.{kind}")
    weight, bias = (_take(published, f"tor_bond_conv.fc.4.{kind}") for kind in ("weight", "bias"))
    shapes = [(inputs.odd_vectors, width), (inputs.even_vectors, width)]
    even, odd = _instruction_blocks(weight, bias, shapes)
    out["weights.0"], out["weights.1"] = odd, even
    norm = _subset(published, "tor_bond_conv.batch_norm.")
    for kind in ("weight", "running_var"):
        if kind in norm:  # published order is odd then even scalars
            out[f"norm.{kind}"] = torch.cat([norm[kind][width:], norm[kind][:width]])
    for kind in ("bias", "running_mean"):
        if kind in norm:
            out[f"norm.{kind}"] = norm[kind]
    out["size.0.weight"] = _take(published, "tor_final_layer.0.weight")
    out["size.3.weight"] = _take(published, "tor_final_layer.3.weight")
    return out


def _prefixed(prefix: str, weights: Weights) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in weights.items()}


def convert_score(published: Weights, config: ScoreModelConfig) -> dict[str, Tensor]:
    """Weights of `ScoreModel` from a published score model's state dict without prefix."""
    return {
        **_prefixed("trunk", convert_trunk(published, config.trunk)),
        **_prefixed("rigid", _convert_rigid(published, config.trunk)),
        **_prefixed("torsion", _convert_torsion(published, config.trunk)),
    }


def _convert_node_logits(published: Weights) -> dict[str, Tensor]:
    out: dict[str, Tensor] = {}
    for theirs, ours in (("latent_s_predictor", "ligand"), ("latent_r_predictor", "residue")):
        for name, value in _subset(published, f"{theirs}.").items():
            number, kind = name.split(".", 1)
            out[f"{ours}.{HEAD_LAYERS[int(number)]}.{kind}"] = value
    return out


def convert_encoder(published: Weights, config: EncoderConfig) -> dict[str, Tensor]:
    """Weights of `LatentEncoder` from a published encoder's state dict without prefix."""
    return {
        **_prefixed("trunk", convert_trunk(published, config.trunk)),
        **_prefixed("head", _convert_node_logits(published)),
    }


def convert_prior(trunk: Weights, heads: Weights, config: PriorConfig) -> dict[str, Tensor]:
    """Weights of `LatentPrior` from the published prior's copy of the score model and its two heads."""
    return {
        **_prefixed("trunk", convert_trunk(trunk, config.trunk)),
        **_prefixed("head", _convert_node_logits(heads)),
    }


def score_config(args: Mapping[str, Any]) -> ScoreModelConfig:
    """Our configuration for a published ``model_parameters.yml`` of a score model.

    Raises:
        CheckpointError: the file asks for a variant that this package does not implement.
    """
    unsupported = {
        "all_atoms": (False,),
        "sh_lmax": (1,),
        "embedding_type": ("sinusoidal",),
        "latent_cross_attention": (False,),
        "latent_virtual_nodes": (False,),
        "dynamic_max_cross": (True,),
    }
    for name, allowed in unsupported.items():
        value = args.get(name, allowed[0])
        if value not in allowed:
            raise CheckpointError(f"model_parameters.yml: {name} = {value!r} is not supported, only {allowed[0]!r}")
    latents = int(args.get("latent_dim", 0) or 0) if args.get("latent_vocab") is not None else 0
    if latents and args.get("latent_vocab") != 1:
        raise CheckpointError(f"model_parameters.yml: latent_vocab = {args.get('latent_vocab')!r}, only 1 is supported")
    trunk = TrunkConfig(
        scalars=int(args["ns"]),
        vectors=int(args["nv"]),
        pseudoscalars=int(args["ns"]),
        layers=int(args["num_conv_layers"]),
        hidden=3 * int(args["ns"]),
        time_scale=float(args.get("embedding_scale", 1000)),
        num_latents=latents,
        lm_dim=LM_DIM if args.get("esm_embeddings_path") else 0,
        ligand_radius=float(args.get("max_radius", 5.0)),
        receptor_radius=float(args.get("receptor_radius", 15.0)),
        receptor_neighbours=int(args.get("c_alpha_max_neighbors", 24)),
        cross_distance_stop=float(args.get("cross_max_distance", 80)),
        dropout=float(args.get("dropout", 0.1)),
    )
    noise = NoiseConfig(
        tr_min=float(args["tr_sigma_min"]),
        tr_max=float(args["tr_sigma_max"]),
        rot_min=float(args["rot_sigma_min"]),
        rot_max=float(args["rot_sigma_max"]),
        tor_min=float(args["tor_sigma_min"]),
        tor_max=float(args["tor_sigma_max"]),
    )
    return ScoreModelConfig(trunk=trunk, noise=noise)


def encoder_config(args: Mapping[str, Any]) -> EncoderConfig:
    """Our encoder configuration for the same file."""
    cutoff = float(args.get("encoder_cross_max_distance", 30.0))
    scalars = int(args.get("encoder_ns", 24))
    trunk = TrunkConfig(
        scalars=scalars,
        vectors=int(args.get("encoder_nv", 4)),
        pseudoscalars=scalars,
        layers=int(args.get("encoder_num_conv_layers", 3)),
        hidden=3 * scalars,
        time_dim=0,
        num_latents=0,
        lm_dim=0 if args.get("encoder_no_esm") or not args.get("esm_embeddings_path") else LM_DIM,
        ligand_radius=float(args.get("max_radius", 5.0)),
        cross_cutoff=cutoff,
        cross_cutoff_per_sigma=0.0,
        cross_distance_stop=cutoff,
        dropout=float(args.get("dropout", 0.1)),
    )
    return EncoderConfig(trunk=trunk, num_latents=int(args["latent_dim"]), head_width=int(args.get("latent_hidden_dim", 128)))


def prior_config(args: Mapping[str, Any], score: ScoreModelConfig) -> PriorConfig:
    """Our prior configuration for the prior's ``model_parameters.yml``; its `ns` sets what the heads read."""
    return PriorConfig(
        trunk=score.trunk, noise=score.noise, head_inputs=2 * int(args["ns"]), head_width=int(args.get("latent_hidden_dim", 128))
    )
