"""EDM's two published networks, written plainly over a state dict of the published names: a reference, slow and short.

Source: Karras et al. 2022 (arXiv:2206.00364), eq. 7, tables 1 and 7, app. C and F.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F


def published_state(
    family: str, *, resolution: int, width: int, multipliers: tuple[int, ...], blocks: int, attention: tuple[int, ...],
    channels: int = 3, classes: int = 0, augment: int = 0, seed: int = 0, scale: float = 1.0,
) -> dict[str, torch.Tensor]:  # fmt: skip
    """Random weights under the names of the published state dict, prefix and filter buffers included."""
    stream, adm, emb, out = torch.Generator().manual_seed(seed), family == "adm", 4 * width, {}

    def put(name, *shape, bias=True):
        fan = math.prod(shape[1:]) or 1
        out[f"model.{name}.weight"] = scale * torch.randn(shape, generator=stream) / math.sqrt(fan)
        if bias:
            out[f"model.{name}.bias"] = 0.1 * torch.randn(shape[0], generator=stream)

    def norm(name, size):
        out[f"model.{name}.weight"] = 1 + 0.1 * torch.randn(size, generator=stream)
        out[f"model.{name}.bias"] = 0.1 * torch.randn(size, generator=stream)

    def block(name, c_in, c_out, attend=False, resamples=False):
        norm(f"{name}.norm0", c_in)
        put(f"{name}.conv0", c_out, c_in, 3, 3)
        put(f"{name}.affine", c_out * (2 if adm else 1), emb)
        norm(f"{name}.norm1", c_out)
        put(f"{name}.conv1", c_out, c_out, 3, 3)
        if c_in != c_out or (resamples and not adm):
            put(f"{name}.skip", c_out, c_in, 1, 1)
        if resamples:
            out[f"model.{name}.conv0.resample_filter"] = torch.full((1, 1, 2, 2), 0.25)
            out[f"model.{name}.skip.resample_filter"] = torch.full((1, 1, 2, 2), 0.25)
        if attend:
            norm(f"{name}.norm2", c_out)
            put(f"{name}.qkv", 3 * c_out, c_out, 1, 1)
            put(f"{name}.proj", c_out, c_out, 1, 1)

    put("map_layer0", emb, width)
    put("map_layer1", emb, emb)
    if classes:
        put("map_label", *((emb, classes) if adm else (width, classes)), bias=not adm)
    if augment:
        put("map_augment", width, augment, bias=False)
    now = width * multipliers[0] if adm else width
    put(f"enc.{resolution}x{resolution}_conv", now, channels, 3, 3)
    skips = [now]
    for level, factor in enumerate(multipliers):
        size = resolution >> level
        if level:
            block(f"enc.{size}x{size}_down", now, now, resamples=True)
            skips.append(now)
        for i in range(blocks):
            block(f"enc.{size}x{size}_block{i}", now, width * factor, attend=size in attention)
            now = width * factor
            skips.append(now)
    for level in reversed(range(len(multipliers))):
        size, factor = resolution >> level, multipliers[level]
        if level == len(multipliers) - 1:
            block(f"dec.{size}x{size}_in0", now, now, attend=True)
            block(f"dec.{size}x{size}_in1", now, now)
        else:
            block(f"dec.{size}x{size}_up", now, now, resamples=True)
        for i in range(blocks + 1):
            attend = size in attention and (adm or i == blocks)
            block(f"dec.{size}x{size}_block{i}", now + skips.pop(), width * factor, attend=attend)
            now = width * factor
    last = f"dec.{resolution}x{resolution}_aux_"
    norm("out_norm" if adm else f"{last}norm", now)
    put("out_conv" if adm else f"{last}conv", channels, now, 3, 3)
    return out


def published_denoiser(state: dict[str, torch.Tensor]) -> Callable[..., torch.Tensor]:
    """D(x, sigma, labels, augment) of a published state dict."""
    w = {name.removeprefix("model."): value for name, value in state.items()}
    adm = "out_norm.weight" in w
    eps, skip_scale = (1e-5, 1.0) if adm else (1e-6, math.sqrt(0.5))

    def linear(name, x):
        return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)

    def conv(name, x):
        weight = w[f"{name}.weight"]
        return F.conv2d(x, weight, w[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def norm(name, x):
        groups = min(32, x.shape[1] // 4)
        parts = x.reshape(len(x), groups, -1)
        parts = (parts - parts.mean(2, keepdim=True)) / (parts.var(2, unbiased=False, keepdim=True) + eps).sqrt()
        return parts.view_as(x) * w[f"{name}.weight"][:, None, None] + w[f"{name}.bias"][:, None, None]

    def silu(x):
        return x * x.sigmoid()

    def resample(name, x):
        if name.endswith("_up"):
            return x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        if name.endswith("_down"):
            return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
        return x

    def attend(name, x):
        batch, channels, height, width = x.shape
        heads = channels // 64 if adm else 1
        parts = conv(f"{name}.qkv", norm(f"{name}.norm2", x)).reshape(batch * heads, channels // heads, 3, -1)
        q, k, v = parts.unbind(2)
        weights = torch.softmax(torch.einsum("ncq,nck->nqk", q, k / math.sqrt(channels // heads)), 2)
        mixed = torch.einsum("nqk,nck->ncq", weights, v).reshape(batch, channels, height, width)
        return (conv(f"{name}.proj", mixed) + x) * skip_scale

    def block(name, x, emb):
        hidden = conv(f"{name}.conv0", resample(name, silu(norm(f"{name}.norm0", x))))
        told = linear(f"{name}.affine", emb)[:, :, None, None]
        if adm:
            scale, shift = told.split(hidden.shape[1], 1)
            hidden = silu(shift + norm(f"{name}.norm1", hidden) * (1 + scale))
        else:
            hidden = silu(norm(f"{name}.norm1", hidden + told))
        skip = resample(name, x)
        skip = conv(f"{name}.skip", skip) if f"{name}.skip.weight" in w else skip
        hidden = (conv(f"{name}.conv1", hidden) + skip) * skip_scale
        return attend(name, hidden) if f"{name}.qkv.weight" in w else hidden

    def embedding(noise, labels, augment):
        width = w["map_layer0.weight"].shape[1]
        half = width // 2
        frequency = (1 / 10_000) ** (torch.arange(half) / (half if adm else half - 1))
        angle = noise[:, None] * frequency
        waves = [angle.cos(), angle.sin()] if adm else [angle.sin(), angle.cos()]
        emb = torch.cat(waves, 1)
        if labels is not None and not adm:
            emb = emb + linear("map_label", labels * math.sqrt(labels.shape[1]))
        if augment is not None:
            emb = emb + linear("map_augment", augment)
        emb = linear("map_layer1", silu(linear("map_layer0", emb)))
        return silu(emb + linear("map_label", labels) if labels is not None and adm else emb)

    def names(side):
        """Blocks in the order in which the state dict lists them."""
        return list(dict.fromkeys(name.split(".")[1] for name in w if name.startswith(side)))

    def network(x, noise, labels, augment):
        emb, skips = embedding(noise, labels, augment), []
        for name in names("enc."):
            x = conv(f"enc.{name}", x) if name.endswith("_conv") else block(f"enc.{name}", x, emb)
            skips.append(x)
        for name in names("dec."):
            if "aux" in name:
                continue
            if "_block" in name:
                x = torch.cat([x, skips.pop()], 1)
            x = block(f"dec.{name}", x, emb)
        if adm:
            return conv("out_conv", silu(norm("out_norm", x)))
        last = names("enc.")[0].replace("_conv", "_aux_")
        return conv(f"dec.{last}conv", silu(norm(f"dec.{last}norm", x)))

    def denoise(x, sigma, labels=None, augment=None, sigma_data=0.5):
        s = sigma[:, None, None, None]
        total = s**2 + sigma_data**2
        out = network(x / total.sqrt(), sigma.log() / 4, labels, augment)
        return sigma_data**2 / total * x + s * sigma_data / total.sqrt() * out

    return denoise
