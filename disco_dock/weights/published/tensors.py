"""Published DisCo-DiffDock and DiffDock-S tensors renamed and laid out for the modules of this package.

Only names and memory layout change; the networks compute the same numbers (golden tests). Columns of the published
cross-edge network that always see zeros are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from e3nn import o3
from torch import Tensor

from disco_dock.models.encoder import EncoderConfig
from disco_dock.models.layers.tensor_product import product_channels
from disco_dock.models.prior import PriorConfig
from disco_dock.models.score import ScoreModelConfig
from disco_dock.models.trunk import TrunkConfig
from disco_dock.runtime.errors import CheckpointError

Weights = Mapping[str, Tensor]
GROUPS = ("ligand_ligand", "ligand_residue", "residue_residue", "residue_ligand")
HEAD_LAYERS = {"0": 0, "1": 1, "4": 3, "5": 4, "8": 6}  # published Sequential index -> ours


def without_prefix(weights: Weights, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix)}


def take(weights: Weights, name: str) -> Tensor:
    """The tensor of that name.

    Raises:
        CheckpointError: there is none.
    """
    if name not in weights:
        raise CheckpointError(f"published weights lack {name!r}; is this a DisCo-DiffDock or DiffDock-S checkpoint?")
    return weights[name]


def _blocks(published: Weights, name: str, shapes: list[tuple[int, int]]) -> list[Tensor]:
    """(hidden + 1, in, out) blocks of the layer that emitted all product weights of an edge; the bias is the last row.

    Raises:
        CheckpointError: the layer's size is not that of the blocks.
    """
    weight, bias = (take(published, f"{name}.{kind}") for kind in ("weight", "bias"))
    sizes = [a * b for a, b in shapes]
    if weight.ndim != 2 or len(weight) != sum(sizes) or bias.shape != weight.shape[:1]:
        raise CheckpointError(
            f"published weight {name!r} has shape {tuple(weight.shape)}, expected {sum(sizes)} rows; does "
            "model_parameters.yml belong to these weights?"
        )
    blocks = torch.cat([weight.T, bias[None]]).split(sizes, 1)
    rows = weight.shape[1] + 1
    return [block.reshape(rows, a, b) for block, (a, b) in zip(blocks, shapes, strict=True)]


def e3nn_blocks(
    published: Weights, name: str, inputs: str, harmonics: str, outputs: str
) -> dict[tuple[str, str, str], Tensor]:
    """(hidden + 1, in, out) blocks of a layer that fed e3nn's fully connected tensor product.

    They are named by the irreps of (input, harmonics, output).

    e3nn itself says in which order its paths take their weights.
    """
    first, sphere, last = (cast("Any", o3.Irreps(irreps)) for irreps in (inputs, harmonics, outputs))
    product = o3.FullyConnectedTensorProduct(first, sphere, last, internal_weights=False, shared_weights=False)
    paths: Any = product.instructions
    blocks = _blocks(published, name, [(path.path_shape[0], path.path_shape[2]) for path in paths])
    names = [(str(first[path.i_in1].ir), str(sphere[path.i_in2].ir), str(last[path.i_out].ir)) for path in paths]
    return dict(zip(names, blocks, strict=True))


def convert_trunk(published: Weights, config: TrunkConfig) -> dict[str, Tensor]:
    """Weights of `Trunk` from those of a published network without prefix."""
    out: dict[str, Tensor] = {}

    def copy(source: str, target: str, columns: int | None = None) -> None:
        for kind in ("weight", "bias"):
            value = take(published, f"{source}.{kind}")
            out[f"{target}.{kind}"] = value[:, :columns] if kind == "weight" and columns else value

    for theirs, ours in (("lig", "lig"), ("rec", "rec")):
        tables = without_prefix(published, f"{theirs}_node_embedding.atom_embedding_list.")
        out[f"{ours}_nodes.categories.weight"] = torch.cat(
            [take(tables, f"{i}.weight") for i in range(max(len(tables), 1))]
        )
        if f"{theirs}_node_embedding.additional_features_embedder.weight" in published:
            copy(f"{theirs}_node_embedding.additional_features_embedder", f"{ours}_nodes.mix")
    cross_columns = 32 + config.time_dim
    for theirs, columns in (("lig", None), ("rec", None), ("cross", cross_columns)):
        copy(f"{theirs}_edge_embedding.0", f"{theirs}_edges.first", columns)
        copy(f"{theirs}_edge_embedding.3", f"{theirs}_edges.second")
        if config.num_latents:
            out[f"null_embeddings.{theirs}_edges"] = take(published, f"{theirs}_edge_unconditional_embedding")[0]
    if config.num_latents:
        for theirs in ("lig", "rec"):
            out[f"null_embeddings.{theirs}_nodes"] = take(published, f"{theirs}_node_unconditional_embedding")[0]
    for layer in range(config.layers):
        theirs, ours = f"conv_layers.{layer}", f"layers.{layer}"
        inputs, outputs = config.channels(layer), config.channels(layer + 1)
        for number, group in enumerate(GROUPS):
            copy(f"{theirs}.fc.{number}.0", f"{ours}.groups.{group}")
            shapes = list(zip(product_channels(inputs), outputs, strict=True))
            for k, block in enumerate(_blocks(published, f"{theirs}.fc.{number}.4", shapes)):
                out[f"{ours}.groups.{group}.mix.weights.{k}"] = block
        for kind in ("weight", "bias", "running_mean", "running_var"):
            if f"{theirs}.batch_norm.{kind}" in published:
                out[f"{ours}.norm.{kind}"] = published[f"{theirs}.batch_norm.{kind}"]
    return out


def _convert_rigid(published: Weights, config: TrunkConfig) -> dict[str, Tensor]:
    inputs = config.channels(config.layers)
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
            out[f"{ours}.{kind}"] = take(published, f"{theirs}.{kind}")
    paths = e3nn_blocks(published, "final_conv.fc.4", inputs.irreps(), "0e+1o", "2x1o+2x1e")
    blocks = {(source, kind): block for (source, _, kind), block in paths.items()}
    rows = 2 * config.scalars + 1
    for number, (kind, sources) in enumerate({"1o": ("0e", "1o", "1e"), "1e": ("1o", "1e", "0o")}.items(), 1):
        out[f"mix.weights.{number}"] = torch.cat([blocks[s, kind] for s in sources if (s, kind) in blocks], 1)
    out["mix.weights.0"] = torch.zeros(rows, product_channels(inputs).even_scalars, 0)
    out["mix.weights.3"] = torch.zeros(rows, product_channels(inputs).odd_scalars, 0)
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
            out[f"{ours}.{kind}"] = take(published, f"{theirs}.{kind}")
    names = (inputs.irreps(), "1o", f"{width}x0o+{width}x0e")  # 1o: what couples of the bond's and atom's harmonics
    blocks = e3nn_blocks(published, "tor_bond_conv.fc.4", *names)
    out["weights.0"], out["weights.1"] = blocks["1e", "1o", "0o"], blocks["1o", "1o", "0e"]
    norm = without_prefix(published, "tor_bond_conv.batch_norm.")
    for kind in ("weight", "running_var"):
        if kind in norm:  # published order is odd then even scalars
            out[f"norm.{kind}"] = torch.cat([norm[kind][width:], norm[kind][:width]])
    for kind in ("bias", "running_mean"):
        if kind in norm:
            out[f"norm.{kind}"] = norm[kind]
    out["size.0.weight"] = take(published, "tor_final_layer.0.weight")
    out["size.3.weight"] = take(published, "tor_final_layer.3.weight")
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
        for name, value in without_prefix(published, f"{theirs}.").items():
            number, _, kind = name.partition(".")
            if number not in HEAD_LAYERS:
                raise CheckpointError(f"published weight '{theirs}.{name}' is not known to this package")
            out[f"{ours}.{HEAD_LAYERS[number]}.{kind}"] = value
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
