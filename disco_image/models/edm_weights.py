"""Weights in the layout of EDM's published networks: their sizes, and their names here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from disco_dock.runtime.errors import CheckpointError
from disco_image.models.denoiser import Denoiser, ModelConfig
from disco_image.models.latents import LatentConfig
from disco_image.models.residual import ResidualBlock
from disco_image.models.unet import UNet, UNetConfig

HEAD_WIDTH = {"adm": 64, "ddpm++": 0}
"""Channels per head, which the weights do not tell; 0 for one head."""
DROPOUT = {"adm": 0.1, "ddpm++": 0.13}
"""Of EDM's training (arXiv:2206.00364, table 7), which the weights do not tell; for fine-tuning."""
BLOCK_PARTS = {
    "norm_in": "norm0",
    "conv_in": "conv0",
    "affine": "affine",
    "norm_out": "norm1",
    "conv_out": "conv1",
    "skip": "skip",
    "attention.norm": "norm2",
    "attention.qkv": "qkv",
    "attention.out": "proj",
}
"""Parts of a residual block: here, there."""
PICKLE_HELP = (
    "a pickle runs whatever was packed into it and is not read; where EDM's code is at hand, write its weights by "
    'net = pickle.load(open("MODEL.pkl", "rb"))["ema"]; torch.save(net.state_dict(), "MODEL.pt")'
)
STRANGERS = {
    r"map_noise\.freqs$|_aux_(?:down|skip|up)": "an NCSN++ network; of EDM's CIFAR-10 networks DDPM++ (vp) is read",
    r"^u$": "a network with iDDPM's preconditioning, not EDM's",
}
"""Weights that a pattern betrays as of another kind, and what is said about them."""


def read_edm_state(path: Path) -> dict[str, Tensor]:
    """Tensors by their published names, without the prefix ``model.``.

    Args:
        path: a safetensors file, or one that torch can read without running pickled code.

    Raises:
        CheckpointError: no such file, a pickle, or no state dict; says how to make one.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; give the weights of an EDM network")
    try:
        if path.suffix == ".safetensors":
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (SafetensorError, UnpicklingError, RuntimeError, OSError, EOFError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path}: not a state dict ({str(error).splitlines()[0][:80]}); {PICKLE_HELP}") from error
    if isinstance(found, dict) and isinstance(found.get("ema"), dict):
        found = found["ema"]
    if not isinstance(found, dict) or not found or not all(isinstance(value, Tensor) for value in found.values()):
        raise CheckpointError(f"{path}: holds no state dict of tensors; {PICKLE_HELP}")
    return {str(name).removeprefix("model."): value for name, value in found.items()}


def edm_config(state: Mapping[str, Tensor], where: str) -> ModelConfig:
    """Sizes of the network that a state dict in the published layout belongs to.

    Args:
        state: from `read_edm_state`.
        where: names the file in errors.

    Raises:
        CheckpointError: weights of another kind of network.
    """
    for pattern, what in STRANGERS.items():
        if any(re.search(pattern, name) for name in state):
            raise CheckpointError(f"{where}: {what}; give an ADM, DDPM++ or EDM2 network")
    inlets = [match for name in state if (match := re.fullmatch(r"enc\.(\d+)x\1_conv\.weight", name))]
    if not inlets or "map_layer0.weight" not in state:
        raise CheckpointError(f"{where}: no EDM network (enc.64x64_conv and map_layer0 are missing); check the file")
    resolution = max(int(match[1]) for match in inlets)
    family = "adm" if "out_norm.weight" in state else "ddpm++"
    width, sizes, multipliers, attention = state["map_layer0.weight"].shape[1], [], [], []
    size = resolution
    while f"enc.{size}x{size}_block0.conv0.weight" in state:
        first = state[f"enc.{size}x{size}_block0.conv0.weight"]
        sizes.append(size)
        multipliers.append(first.shape[0] // width)
        if f"enc.{size}x{size}_block0.qkv.weight" in state:
            attention.append(size)
        size //= 2
    blocks = sum(bool(re.fullmatch(rf"enc\.{resolution}x{resolution}_block\d+\.conv0\.weight", name)) for name in state)
    try:
        unet = UNetConfig(
            family=family,
            width=width,
            multipliers=tuple(multipliers),
            blocks=blocks,
            attention=tuple(attention),
            head_width=HEAD_WIDTH[family],
            dropout=DROPOUT[family],
        )
        return ModelConfig(
            resolution=resolution,
            channels=state[f"enc.{resolution}x{resolution}_conv.weight"].shape[1],
            num_classes=_columns(state, "map_label.weight"),
            augment_width=_columns(state, "map_augment.weight"),
            latents=LatentConfig(kind="none"),
            unet=unet,
        )
    except ValueError as error:
        raise CheckpointError(f"{where}: sizes of no EDM network ({error}); check the file") from error


def _columns(state: Mapping[str, Tensor], name: str) -> int:
    return state[name].shape[1] if name in state else 0


def edm_names(network: UNet, resolution: int) -> Iterator[tuple[str, str]]:
    """Pairs (name here, published name) of every parameter of a plain U-Net."""
    adm = network.config.family == "adm"
    outside = {
        "embedding.first": "map_layer0",
        "embedding.second": "map_layer1",
        "embedding.label": "map_label",
        "embedding.augment": "map_augment",
        "inlet": f"enc.{resolution}x{resolution}_conv",
        "outlet_norm": "out_norm" if adm else f"dec.{resolution}x{resolution}_aux_norm",
        "outlet": "out_conv" if adm else f"dec.{resolution}x{resolution}_aux_conv",
    }
    for own, theirs in outside.items():
        for leaf in ("weight", "bias"):
            if f"{own}.{leaf}" in network.state_dict():
                yield f"{own}.{leaf}", f"{theirs}.{leaf}"
    for side, blocks in (("down", network.down), ("up", network.up)):
        for name, block in blocks.items():
            assert isinstance(block, ResidualBlock)
            for part in block.state_dict():
                module, _, leaf = part.rpartition(".")
                yield (
                    f"{side}.{name}.{part}",
                    f"{'enc' if side == 'down' else 'dec'}.{name}.{BLOCK_PARTS[module]}.{leaf}",
                )


def from_edm(state: Mapping[str, Tensor], config: ModelConfig, where: str) -> dict[str, Tensor]:
    """State of a `Denoiser` of that config; every published weight is used once.

    The published attention keeps query, key and value of a channel side by side, here they are blocks.

    Raises:
        CheckpointError: a weight is missing, of another shape, or of no use.
    """
    with torch.device("meta"):
        denoiser = Denoiser(config)
    network = denoiser.network
    assert isinstance(network, UNet)
    names = edm_names(network, config.resolution)
    return taken_weights(state, network, names, where, unused=lambda name: name.endswith(".resample_filter"))


def taken_weights(
    state: Mapping[str, Tensor],
    network: nn.Module,
    names: Iterable[tuple[str, str]],
    where: str,
    *,
    unused: Callable[[str], bool],
) -> dict[str, Tensor]:
    """State of a `Denoiser` of that network; every published weight is used once.

    The published attention keeps query, key and value of a channel side by side, here they are blocks.

    Args:
        state: published weights.
        network: whose layers get them.
        names: of each weight here, and as published.
        where: of messages.
        unused: which published weights have no use here.

    Raises:
        CheckpointError: a weight is missing, of another shape, or of no use.
    """
    own, out, used = network.state_dict(), {}, set()
    for name, published in names:
        if published not in state:
            raise CheckpointError(f"{where}: weight {published!r} is missing; the file was cut or is another network's")
        value = state[published].float()
        if ".qkv." in name:
            value = value.unflatten(0, (-1, 3)).transpose(0, 1).flatten(0, 1)
        if value.shape != own[name].shape:
            raise CheckpointError(
                f"{where}: weight {published!r} has shape {tuple(value.shape)}, expected {tuple(own[name].shape)}"
            )
        out[f"network.{name}"] = value.contiguous()
        used.add(published)
    left = [name for name in state if name not in used and not unused(name)]
    if left:
        raise CheckpointError(f"{where}: weight {left[0]!r} belongs to no layer of this network; check the file")
    return out
