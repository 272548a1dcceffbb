"""Weights in EDM's layout: the converted network computes the published equations, and fine-tuning starts from it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from disco_dock.runtime.errors import CheckpointError
from disco_image.cli.convert import main
from disco_image.models.checkpoint import load_models
from disco_image.models.denoiser import Denoiser
from disco_image.models.edm_weights import edm_config, from_edm, read_edm_state
from disco_image.training.train_denoiser import load_initial
from tests.support.edm_plain import published_denoiser, published_state
from tests.support.images import LATENTS

ADM = {"family": "adm", "resolution": 16, "width": 64, "multipliers": (1, 2), "blocks": 1, "attention": (8,)}
SONG = {"family": "ddpm++", "resolution": 16, "width": 16, "multipliers": (2, 2), "blocks": 2, "attention": (8,)}
CASES = [(ADM, 7, 0), (ADM, 0, 0), (SONG, 5, 9), (SONG, 0, 0)]


def inputs(classes, augment, resolution=16):
    stream = torch.Generator().manual_seed(1)
    x, sigma = torch.randn(3, 3, resolution, resolution, generator=stream), torch.tensor([0.01, 0.7, 60.0])
    labels = torch.eye(classes)[[0, 1, 3]] if classes else None
    moves = torch.randn(3, augment, generator=stream) if augment else None
    return x * sigma[:, None, None, None], sigma, labels, moves


@pytest.mark.parametrize(("sizes", "classes", "augment"), CASES)
def test_converted_network_is_the_published_one(tmp_path, sizes, classes, augment, capsys):
    state = published_state(**sizes, classes=classes, augment=augment)
    save_file(state, tmp_path / "edm.safetensors")
    assert main([str(tmp_path / "edm.safetensors"), str(tmp_path / "run")]) == 0
    count = sum(value.numel() for name, value in state.items() if not name.endswith("resample_filter"))
    assert f"{count:,} parameters" in capsys.readouterr().out
    models = load_models(tmp_path / "run", torch.device("cpu"))
    x, sigma, labels, moves = inputs(classes, augment)
    with torch.no_grad():
        expected = published_denoiser(state)(x, sigma, labels, moves)
        found = models.denoiser(x, sigma, None, labels, moves)
    assert float((found - expected).abs().max()) < 1e-4 * float(expected.abs().max())


@pytest.mark.parametrize(("sizes", "classes", "augment"), CASES[::2])
def test_latents_are_added_without_a_change_at_the_start(tmp_path, sizes, classes, augment):
    state = published_state(**sizes, classes=classes, augment=augment)
    torch.save(state, tmp_path / "edm.pt")
    assert main([str(tmp_path / "edm.pt"), str(tmp_path / "run")]) == 0
    plain = load_models(tmp_path / "run", torch.device("cpu")).denoiser
    disco = Denoiser(replace(plain.config, latents=LATENTS)).eval()
    given = load_initial(disco, tmp_path / "run")
    assert given == set(plain.state_dict()) and len(given) < len(disco.state_dict())
    x, sigma, labels, moves = inputs(classes, augment)
    code = torch.eye(5)[torch.tensor([[0, 1, 2], [2, 3, 4], [4, 0, 1]])]
    with torch.no_grad():
        assert torch.equal(disco(x, sigma, disco.embed(code), labels, moves), plain(x, sigma, None, labels, moves))


def test_a_wrong_order_of_query_key_and_value_would_be_seen():
    state = published_state(**ADM)
    swapped = {name: value.flip(0) if name.endswith("qkv.weight") else value for name, value in state.items()}
    x, sigma, *_ = inputs(0, 0)
    a, b = published_denoiser(state)(x, sigma), published_denoiser(swapped)(x, sigma)
    assert float((a - b).abs().max()) > 1e-2


def test_other_files_are_told(tmp_path, capsys):
    class Evil:
        def __reduce__(self):
            return print, ("ran",)

    torch.save({"model.enc": Evil()}, tmp_path / "evil.pkl")
    assert main([str(tmp_path / "evil.pkl"), str(tmp_path / "run")]) == 1
    assert main([str(tmp_path / "absent.pt"), str(tmp_path / "run")]) == 1
    out, err = capsys.readouterr()
    assert "torch.save(net.state_dict()" in err and "absent.pt: no such file" in err and "ran" not in out
    assert err.count("\n") == 2
    state = {name.removeprefix("model."): value for name, value in published_state(**SONG).items()}
    for changed, message in (
        ({**state, "map_noise.freqs": torch.zeros(8)}, r"NCSN\+\+"),
        ({**state, "u": torch.zeros(3)}, "iDDPM"),
        ({"weight": torch.zeros(1)}, "no EDM network"),
    ):
        with pytest.raises(CheckpointError, match=message):
            edm_config(changed, "file")
    config = edm_config(state, "file")
    with pytest.raises(CheckpointError, match=r"8x8_in0\.proj\.bias.*missing"):
        from_edm({name: value for name, value in state.items() if name != "dec.8x8_in0.proj.bias"}, config, "file")
    with pytest.raises(CheckpointError, match="no layer"):
        from_edm({**state, "dec.extra.weight": torch.zeros(1)}, config, "file")
    torch.save([1], tmp_path / "list.pt")
    with pytest.raises(CheckpointError, match="no state dict"):
        read_edm_state(tmp_path / "list.pt")
