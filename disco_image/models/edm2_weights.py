"""Weights in the layout of EDM2's published networks: their sizes, and their names here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from disco_dock.runtime.errors import CheckpointError
from disco_image.models.denoiser import Denoiser, ModelConfig
from disco_image.models.edm2 import Edm2Config, Edm2UNet
from disco_image.models.edm_weights import taken_weights
from disco_image.models.latents import LatentConfig

OUTSIDE = {
    "fourier.frequencies": "emb_fourier.freqs",
    "fourier.phases": "emb_fourier.phases",
    "noise.weight": "emb_noise.weight",
    "label.weight": "emb_label.weight",
    "outlet.weight": "out_conv.weight",
    "out_gain": "out_gain",
}
BLOCK_PARTS = {
    "told.weight": "emb_linear.weight",
    "told_gain": "emb_gain",
    "conv_in.weight": "conv_res0.weight",
    "conv_out.weight": "conv_res1.weight",
    "skip.weight": "conv_skip.weight",
    "qkv.weight": "attn_qkv.weight",
    "out.weight": "attn_proj.weight",
}
"""Parts of a block: here, there."""
PREFIX, UNCERTAINTY = "unet.", "logvar_"
COLOURS = (1, 3)


def is_edm2(state: Mapping[str, Tensor]) -> bool:
    """Whether weights are of an EDM2 network."""
    return f"{PREFIX}out_gain" in state and f"{PREFIX}emb_noise.weight" in state


def edm2_config(state: Mapping[str, Tensor], where: str) -> ModelConfig:
    """Sizes of the network that a state dict in the published layout belongs to.

    Args:
        state: from `read_edm_state`.
        where: names the file in errors.

    Raises:
        CheckpointError: a network of latents of an autoencoder, or no EDM2 network.
    """
    inlets = [match for name in state if (match := re.fullmatch(r"unet\.enc\.(\d+)x\1_conv\.weight", name))]
    if not inlets:
        raise CheckpointError(f"{where}: no EDM2 network (unet.enc.64x64_conv is missing); check the file")
    resolution = max(int(match[1]) for match in inlets)
    width, inputs = state[f"unet.enc.{resolution}x{resolution}_conv.weight"].shape[:2]
    channels = inputs - 1
    if channels not in COLOURS:
        raise CheckpointError(
            f"{where}: an EDM2 network of {channels} channels, the latents of an autoencoder; images of this package "
            "are pixels, so give one of the img64 networks"
        )
    multipliers, attention, size = [], [], resolution
    while (first := f"unet.enc.{size}x{size}_block0.") + "conv_res0.weight" in state:
        multipliers.append(state[first + "conv_res0.weight"].shape[0] // width)
        if first + "attn_qkv.weight" in state:
            attention.append(size)
        size //= 2
    pattern = rf"unet\.enc\.{resolution}x{resolution}_block\d+\.conv_res0\.weight"
    blocks = sum(bool(re.fullmatch(pattern, name)) for name in state)
    try:
        sizes = Edm2Config(
            width=width, multipliers=tuple(multipliers), blocks=blocks, attention=tuple(attention)
        )  # fmt: skip
        return ModelConfig(
            resolution=resolution,
            channels=channels,
            num_classes=state["unet.emb_label.weight"].shape[1] if "unet.emb_label.weight" in state else 0,
            latents=LatentConfig(kind="none"),
            edm2=sizes,
        )
    except ValueError as error:
        raise CheckpointError(f"{where}: sizes of no EDM2 network ({error}); check the file") from error


def edm2_names(network: Edm2UNet, resolution: int) -> Iterator[tuple[str, str]]:
    """Pairs (name here, published name without ``unet.``) of every tensor of a plain network."""
    for name in network.state_dict():
        side, _, rest = name.partition(".")
        if side in ("enc", "dec"):
            block, _, part = rest.partition(".")
            yield name, f"{side}.{block}.{BLOCK_PARTS[part]}"
        elif side == "inlet":
            yield name, f"enc.{resolution}x{resolution}_conv.weight"
        else:
            yield name, OUTSIDE[name]


def from_edm2(state: Mapping[str, Tensor], config: ModelConfig, where: str) -> dict[str, Tensor]:
    """State of a `Denoiser` of that config; every published weight is used once, but for the loss's uncertainty.

    The published attention keeps query, key and value of a channel side by side, here they are blocks.

    Raises:
        CheckpointError: a weight is missing, of another shape, or of no use.
    """
    with torch.device("meta"):
        network = Denoiser(config).network
    assert isinstance(network, Edm2UNet)
    names = ((name, PREFIX + short) for name, short in edm2_names(network, config.resolution))
    return taken_weights(state, network, names, where, unused=lambda name: name.startswith(UNCERTAINTY))
