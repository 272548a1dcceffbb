"""EDM2's published network (configuration G), written plainly over a state dict of the published names: a reference.

Source: Karras et al. 2024 (arXiv:2312.02696), app. B: eq. 47 (normalised weights), 65 and 66 (Fourier features and
pixel norm), 81 (SiLU), 88 (sum), 103 (concatenation), fig. 21 (blocks).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

EPS = 1e-4


def published_edm2_state(
    *, resolution: int, width: int, multipliers: tuple[int, ...], blocks: int, attention: tuple[int, ...],
    channels: int = 3, classes: int = 0, seed: int = 0,
) -> dict[str, torch.Tensor]:  # fmt: skip
    """Random weights under the names of the published state dict, gains away from zero."""
    stream, out = torch.Generator().manual_seed(seed), {}
    widths = [width * factor for factor in multipliers]
    emb = max(widths)

    def put(name, *shape):
        out[f"unet.{name}"] = torch.randn(shape, generator=stream)

    def block(name, c_in, c_out, encoder, attend=False):
        out[f"unet.{name}.emb_gain"] = torch.tensor(0.7)
        put(f"{name}.conv_res0.weight", c_out, c_out if encoder else c_in, 3, 3)
        put(f"{name}.emb_linear.weight", c_out, emb)
        put(f"{name}.conv_res1.weight", c_out, c_out, 3, 3)
        if c_in != c_out:
            put(f"{name}.conv_skip.weight", c_out, c_in, 1, 1)
        if attend:
            put(f"{name}.attn_qkv.weight", 3 * c_out, c_out, 1, 1)
            put(f"{name}.attn_proj.weight", c_out, c_out, 1, 1)

    out["unet.out_gain"] = torch.tensor(0.9)
    put("emb_fourier.freqs", widths[0])
    put("emb_fourier.phases", widths[0])
    put("emb_noise.weight", emb, widths[0])
    if classes:
        put("emb_label.weight", emb, classes)
    now, skips = channels + 1, []
    for level, wide in enumerate(widths):
        size = resolution >> level
        if level:
            block(f"enc.{size}x{size}_down", now, now, True)
        else:
            put(f"enc.{size}x{size}_conv.weight", wide, now, 3, 3)
            now = wide
        skips.append(now)
        for i in range(blocks):
            block(f"enc.{size}x{size}_block{i}", now, wide, True, size in attention)
            now = wide
            skips.append(now)
    for level in reversed(range(len(widths))):
        size = resolution >> level
        if level + 1 == len(widths):
            block(f"dec.{size}x{size}_in0", now, now, False, True)
            block(f"dec.{size}x{size}_in1", now, now, False)
        else:
            block(f"dec.{size}x{size}_up", now, now, False)
        for i in range(blocks + 1):
            block(f"dec.{size}x{size}_block{i}", now + skips.pop(), widths[level], False, size in attention)
            now = widths[level]
    put("out_conv.weight", channels, now, 3, 3)
    for name, shape in (("fourier.freqs", [128]), ("fourier.phases", [128]), ("linear.weight", [1, 128])):
        out[f"logvar_{name}"] = torch.randn(shape, generator=stream)
    return out


def published_edm2_denoiser(state: dict[str, torch.Tensor]) -> Callable[..., torch.Tensor]:
    """D(x, sigma, labels) of a published state dict, in float64."""
    w = {name.removeprefix("unet."): value.double() for name, value in state.items()}

    def filters(name):
        weight = w[f"{name}.weight"]
        length = weight.flatten(1).norm(dim=1) + EPS * math.sqrt(weight[0].numel())  # each filter has length one
        return weight / length.view(-1, *[1] * (weight.dim() - 1))

    def conv(name, x, gain=1.0):
        weight = gain * filters(name)
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2)

    def pixel_norm(x, dim):
        return x / (x.norm(dim=dim, keepdim=True) / math.sqrt(x.shape[dim]) + EPS)

    def silu(x):
        return x * x.sigmoid() / 0.596

    def mp_sum(a, b, t):
        return ((1 - t) * a + t * b) / math.sqrt((1 - t) ** 2 + t**2)

    def mp_cat(a, b):
        both = a.shape[1] + b.shape[1]
        return torch.cat([a * math.sqrt(both / 2 / a.shape[1]), b * math.sqrt(both / 2 / b.shape[1])], 1)

    def attend(name, x):
        batch, channels, height, width = x.shape
        heads = channels // 64
        parts = conv(f"{name}.attn_qkv", x).reshape(batch, heads, 64, 3, height * width)
        q, k, v = (pixel_norm(part, 2) for part in parts.unbind(3))
        weights = torch.softmax(torch.einsum("bhcq,bhck->bhqk", q, k) / 8, 3)
        mixed = torch.einsum("bhqk,bhck->bhcq", weights, v).reshape(x.shape)
        return mp_sum(x, conv(f"{name}.attn_proj", mixed), 0.3)

    def block(name, x, emb):
        if name.endswith("_up"):
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        if name.endswith("_down"):
            x = (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
        if name.startswith("enc"):
            x = pixel_norm(conv(f"{name}.conv_skip", x) if f"{name}.conv_skip.weight" in w else x, 1)
        y = conv(f"{name}.conv_res0", silu(x))
        told = 1 + w[f"{name}.emb_gain"] * emb @ filters(f"{name}.emb_linear").T
        y = conv(f"{name}.conv_res1", silu(y * told[:, :, None, None]))
        if name.startswith("dec") and f"{name}.conv_skip.weight" in w:
            x = conv(f"{name}.conv_skip", x)
        x = mp_sum(x, y, 0.3)
        x = attend(name, x) if f"{name}.attn_qkv.weight" in w else x
        return x.clip(-256, 256)

    def names(side):
        """Blocks in the order in which the state dict lists them."""
        return list(dict.fromkeys(name.split(".")[1] for name in w if name.startswith(side)))

    def network(x, noise, labels):
        waves = torch.cos(noise[:, None] * w["emb_fourier.freqs"] + w["emb_fourier.phases"]) * math.sqrt(2)
        emb = waves @ filters("emb_noise").T
        if labels is not None:
            emb = mp_sum(emb, labels * math.sqrt(labels.shape[1]) @ filters("emb_label").T, 0.5)
        emb, skips = silu(emb), []
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        for name in names("enc."):
            x = conv(f"enc.{name}", x) if name.endswith("_conv") else block(f"enc.{name}", x, emb)
            skips.append(x)
        for name in names("dec."):
            x = block(f"dec.{name}", mp_cat(x, skips.pop()) if "_block" in name else x, emb)
        return conv("out_conv", x, w["out_gain"])

    def denoise(x, sigma, labels=None, sigma_data=0.5):
        x, s = x.double(), sigma.double()[:, None, None, None]
        total = s**2 + sigma_data**2
        out = network(x / total.sqrt(), sigma.double().log() / 4, None if labels is None else labels.double())
        return (sigma_data**2 / total * x + s * sigma_data / total.sqrt() * out).float()

    return denoise
