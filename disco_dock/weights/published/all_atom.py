"""Published tensors of the all-atom confidence network laid out for `AllAtomConfidence`.

Tensors of the last layer's messages to residues and receptor atoms are unused and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from disco_dock.models.all_atom.confidence import AllAtomConfidenceConfig
from disco_dock.models.all_atom.edges import AllAtomConfig
from disco_dock.models.all_atom.trunk import RELATIONS
from disco_dock.models.layers.irreps import Channels
from disco_dock.runtime.errors import CheckpointError
from disco_dock.weights.published.tensors import HEAD_LAYERS, Weights, e3nn_blocks, take, without_prefix

HARMONICS = "1x0e+1x1o+1x2e"
NODES = {"lig": "ligand_nodes", "rec": "residue_nodes", "atom": "atom_nodes"}
EDGES = {
    "lig": "ligand_ligand",
    "rec": "residue_residue",
    "atom": "atom_atom",
    "lr": "ligand_residue",
    "la": "ligand_atom",
    "ar": "residue_atom",
}
SOURCES: dict[str, tuple[tuple[str, str], ...]] = {  # of each output: (input, harmonics) in our order of channels
    "0e": (("0e", "0e"), ("1o", "1o")),
    "1o": (("0e", "1o"), ("1o", "0e"), ("1e", "1o"), ("1o", "2e")),
    "1e": (("1o", "1o"), ("1e", "0e"), ("0o", "1o"), ("1e", "2e")),
    "0o": (("1e", "1o"), ("0o", "0e")),
}


def _mix(published: Weights, name: str, inputs: Channels, outputs: Channels) -> Iterable[Tensor]:
    """(hidden + 1, in, out) product weights of each output irrep, empty where there are no channels."""
    blocks = e3nn_blocks(published, name, inputs.irreps(), HARMONICS, outputs.irreps())
    sizes = dict(zip(SOURCES, inputs, strict=True))
    rows = take(published, f"{name}.weight").shape[1] + 1
    for (kind, sources), out in zip(SOURCES.items(), outputs, strict=True):
        found = [blocks[source, harmonic, kind] for source, harmonic in sources if (source, harmonic, kind) in blocks]
        if found:
            yield torch.cat(found, 1)
        else:
            yield torch.zeros(rows, sum(sizes[source] for source, _ in sources), out)


def convert_all_atom(published: Weights, config: AllAtomConfidenceConfig) -> dict[str, Tensor]:
    """Weights of `AllAtomConfidence` from a published confidence network's state dict.

    Raises:
        CheckpointError: a tensor is missing or of another size.
    """
    trunk = {f"trunk.{name}": value for name, value in _convert_trunk(published, config.trunk).items()}
    return {**trunk, **_convert_head(published)}


def _convert_trunk(published: Weights, config: AllAtomConfig) -> dict[str, Tensor]:
    out: dict[str, Tensor] = {}

    def copy(source: str, target: str, kinds: Iterable[str] = ("weight", "bias")) -> None:
        out.update({f"{target}.{kind}": take(published, f"{source}.{kind}") for kind in kinds})

    for theirs, ours in NODES.items():
        tables = without_prefix(published, f"{theirs}_node_embedding.atom_embedding_list.")
        out[f"{ours}.categories.weight"] = torch.cat([take(tables, f"{i}.weight") for i in range(max(len(tables), 1))])
        copy(f"{theirs}_node_embedding.linear", f"{ours}.first")
    if config.lm_dim:
        copy("rec_node_embedding.lm_embedding_layer", "residue_nodes.mix")
    for theirs, ours in EDGES.items():
        copy(f"{theirs}_edge_embedding.0", f"edges.networks.{ours}.first")
        copy(f"{theirs}_edge_embedding.3", f"edges.networks.{ours}.second")
    for layer in range(config.layers):
        inputs, outputs = config.channels(layer), config.channels(layer + 1)
        for number, (name, relation) in enumerate(RELATIONS.items()):
            if layer == config.layers - 1 and relation.target != "ligand":
                continue
            theirs, ours = f"conv_layers.{len(RELATIONS) * layer + number}", f"layers.{layer}"
            copy(f"{theirs}.fc.0", f"{ours}.groups.{name}")
            for k, block in enumerate(_mix(published, f"{theirs}.fc.3", inputs, outputs)):
                out[f"{ours}.groups.{name}.mix.{k}"] = block
            copy(f"{theirs}.batch_norm", f"{ours}.norms.{name}", ("weight", "bias", "running_mean", "running_var"))
    return out


def _convert_head(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    out: dict[str, Tensor] = {}
    for name, value in without_prefix(published, "confidence_predictor.").items():
        number, _, kind = name.partition(".")
        if number not in HEAD_LAYERS:
            raise CheckpointError(f"published weight 'confidence_predictor.{name}' is not known to this package")
        out[f"head.{HEAD_LAYERS[number]}.{kind}"] = value
    return out
