"""The commands, end to end on a tiny model, and what they say about mistakes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from disco_image.cli import choose, evaluate, sample, train
from disco_image.cli.main import COMMANDS, main
from disco_image.cli.sample import parse_seeds
from disco_image.data.open_source import open_source
from disco_image.sampling.grids import write_png

TINY = {
    "denoiser.loop.max_steps": 3,
    "denoiser.batch_size": 16,
    "denoiser.tick_images": 0,
    "prior.loop.max_steps": 3,
    "prior.passes": 1,
    "unet.width": 8,
    "latents.encoder_width": 16,
    "latents.token_width": 32,
}


def train_tiny(out, *more, **settings):
    options = [f"{key}={value}" for key, value in {**TINY, **settings}.items()]
    return train.main(["-o", str(out), "--device", "cpu", *(part for o in options for part in ("--set", o)), *more])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("digits")
    assert train_tiny(out) == 0
    return out


def test_training_leaves_samples_settings_and_checkpoint(trained):
    assert (trained / "samples.png").exists() and (trained / "settings.yaml").exists()
    names = {path.name for path in (trained / "checkpoint").iterdir()}
    assert names == {"denoiser.safetensors", "encoder.safetensors", "prior.safetensors"}


def test_samples_files_and_record(trained, tmp_path):
    assert sample.main([str(trained), "-o", str(tmp_path), "--seeds", "3,5-6", "--steps", "2", "--guidance", "1"]) == 0
    record = json.loads((tmp_path / "samples.json").read_text())
    assert record["seeds"] == [3, 5, 6] and record["evaluations"] == 6 and len(record["codes"]) == 3
    assert (tmp_path / "000005.png").exists() and (tmp_path / "grid.png").exists()


def test_sampling_goes_on_in_subfolders_and_refuses_other_settings(trained, tmp_path, capsys):
    argv = [str(trained), "-o", str(tmp_path), "--seeds", "998-1001", "--steps", "2", "--subdirs", "--batch-size", "2"]
    assert sample.main(argv) == 0
    first, second = tmp_path / "000000/000998.png", tmp_path / "001000/001001.png"
    record, before = (tmp_path / "samples.json").read_text(), second.read_bytes()
    first.write_bytes(b"kept as it is")
    second.unlink()
    (tmp_path / "000000/000999.png").touch()
    assert sample.main([*argv[:-1], "1", "--no-files"]) == 0  # the grid alone touches no file
    first.unlink()
    (tmp_path / "000000/000999.png").unlink()
    assert sample.main([*argv[:-1], "3"]) == 0
    again, once = (np.asarray(Image.open(file)).astype(int) for file in (second, io.BytesIO(before)))
    assert np.abs(again - once).max() <= 1 and (tmp_path / "samples.json").read_text() == record
    assert sample.main([*argv, "--guidance", "1"]) == 1
    assert "other settings" in capsys.readouterr().err


def python_of(section: str) -> str:
    """The indented code of a section of docs/images.md."""
    text = (Path(__file__).parents[3] / "docs/images.md").read_text()
    lines = text.partition(f"{section}\n")[2].partition("\n#")[0].splitlines()
    code = "\n".join(line[4:] for line in lines if line.startswith("    ") or not line)
    assert code.count("\n") > 15, section
    return code


def test_python_of_the_documents_runs(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/digits").symlink_to(trained)
    found: dict = {}
    exec(python_of("## From Python"), found)  # noqa: S102 - our own document
    assert found["seen"].shape == found["codes"].shape == (16, 4, 16) and found["toy"].shape == (5, 2)
    assert found["x"].shape == found["images"].shape and (tmp_path / "mine.png").exists()


def test_latents_of_the_documents_learn_in_a_network_of_ones_own():
    """Every weight of the four parts gets a gradient, and the cross-attention leaves its zeros."""
    halves = torch.ones(8, 1, 8, 8)
    halves[::2] = -1
    found: dict = {"batch": lambda step: halves, "steps": 3}
    torch.manual_seed(0)
    exec(python_of("### Latents for a network of your own"), found)  # noqa: S102 - our own document
    parts = [found[name] for name in ("mine", "encoder", "embed", "prior")]
    silent = [n for part in parts for n, p in part.named_parameters() if p.grad is None]
    assert not silent and found["tokens"].shape == (9, 4, 64) and bool(torch.isfinite(found["loss"]))
    assert float(found["mine"].cross.out.weight.detach().abs().sum()) > 0


def test_settings_are_those_that_made_the_steps(tmp_path, capsys):
    assert train_tiny(tmp_path) == 0
    first = (tmp_path / "settings.yaml").read_text()
    capsys.readouterr()
    assert train_tiny(tmp_path, **{"denoiser.loop.learning_rate": 0.5}) == 0  # nothing is left to do
    said = capsys.readouterr().err
    assert "denoiser: was trained to its end before" in said and "prior: was trained" in said
    assert train_tiny(tmp_path, **{"unet.width": 16}) == 1  # another model
    assert (tmp_path / "settings.yaml").read_text() == first
    capsys.readouterr()
    more = {"denoiser.loop.max_steps": 4, "denoiser.loop.learning_rate": 0.001}
    assert train_tiny(tmp_path, "--stage", "denoiser", **more) == 0
    said = capsys.readouterr().err
    assert f"{tmp_path}: goes on with denoiser.loop.max_steps=4 (before: 3)" in said
    assert "learning_rate=0.001 (before: 0.002)" in said and "data." not in said
    assert "max_steps: 4" in (tmp_path / "settings.yaml").read_text()


@pytest.mark.parametrize("show", ["same-latent", "same-noise", "switch", "guidance"])
def test_grids_that_compare(trained, tmp_path, show):
    assert sample.main([str(trained), "-o", str(tmp_path), "--show", show, "--seeds", "0-2", "--steps", "2"]) == 0
    assert (tmp_path / f"{show}.png").stat().st_size > 500


def test_evaluation_reports(trained, tmp_path, capsys):
    argv = [str(trained), "-o", str(tmp_path / "e"), "--count", "64", "--steps", "2", "--by-steps", "2", "3"]
    argv += ["--feature-steps", "10"]
    assert evaluate.main(argv) == 0
    found = json.loads((tmp_path / "e/report.json").read_text())
    assert (
        "FID" not in found and found["frechet_classifier_distance"] > 0 and set(found["frechet_by_steps"]) == {"2", "3"}
    )
    assert len(found["code_perplexity"]) == 4 and len(found["loss_by_level"]) == 11
    assert {"loss.png", "curvature.png", "codes-latent-0.png"} <= {p.name for p in (tmp_path / "e").iterdir()}
    assert "frechet_classifier_distance" in capsys.readouterr().out


def test_images_of_a_folder_are_measured(tmp_path, capsys):
    source = open_source("digits")
    for place in range(40):
        write_png(tmp_path / "made" / f"{place}.png", torch.from_numpy(source.image(7 * place)))
    argv = ["--data", "digits", "--feature-steps", "10"]
    assert evaluate.main([*argv, "--images", str(tmp_path / "made")]) == 0
    by_images = capsys.readouterr().out
    assert "images: 40" in by_images and "precision: " in by_images
    assert evaluate.main([*argv, "--write-reference", str(tmp_path / "r.npz")]) == 0
    assert evaluate.main([*argv, "--images", str(tmp_path / "made"), "--reference", str(tmp_path / "r.npz")]) == 0
    by_file = capsys.readouterr().out.splitlines()[-1]
    assert by_file in by_images and by_file.startswith("frechet_classifier_distance")
    assert evaluate.main([]) == 1 and "give a run folder" in capsys.readouterr().err


def test_dry_run_counts_without_images(capsys):
    assert train.main(["--preset", "imagenet64", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "step_of_64_images:" in out and "per image" in out
    assert "denoiser_parameters: 319," in out and "denoiser_gflops" in out and "vocab_size: 100" in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--preset", "digit"], "unknown preset"),
        (["--set", "latents.num_latent=3"], "did you mean 'num_latents'"),
        (["--data", "nothing-here"], "no such folder"),
        (["--set", "unet=null"], "exactly one"),
        (["--device", "cuda:9"], "not available"),
    ],
)
def test_mistakes_of_training_are_one_line(tmp_path, capsys, argv, message):
    assert train.main(["-o", str(tmp_path), *argv]) == 1
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


def test_mistakes_of_sampling_are_one_line(trained, tmp_path, capsys):
    assert sample.main([str(tmp_path), "-o", str(tmp_path)]) == 1
    assert sample.main([str(trained), "-o", str(tmp_path), "--class", "3"]) == 1
    assert sample.main([str(trained), "-o", str(tmp_path), "--solver", "hune"]) == 1
    assert evaluate.main([str(trained), "--weights", "absent.pth", "--count", "2"]) == 1
    err = capsys.readouterr().err
    assert "no such checkpoint" in err and "without classes" in err and "'hune'" in err and "absent.pth" in err


def test_plain_model_needs_no_prior(tmp_path):
    assert train_tiny(tmp_path, **{"latents.kind": "none"}) == 0
    assert {path.name for path in (tmp_path / "checkpoint").iterdir()} == {"denoiser.safetensors"}


def test_console_script_finds_the_commands(capsys):
    assert main([]) == 0 and main(["--version"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)
    assert main(["train", "--help-presets"]) == 0 and "digits" in capsys.readouterr().out
    assert main(["trian"]) == 2 and "'trian'" in capsys.readouterr().err


def test_modules_run_as_before():
    for name in ("train", "sample", "evaluate", "convert", "dataset", "choose"):
        argv = [sys.executable, "-m", f"disco_image.{name}", "--help"]
        out = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert out.returncode == 0 and "usage" in out.stdout


def test_seeds_are_read():
    assert parse_seeds("0-2,7") == [0, 1, 2, 7]


def test_options_are_these():
    options = {
        option for action in train.build_parser()._actions for option in action.option_strings if option[:2] == "--"
    }
    assert options == {
        "--help", "--preset", "--stage", "--data", "--out", "--config", "--set", "--initial", "--batch", "--batch-gpu",
        "--minutes", "--seed",
        "--device", "--average", "--dry-run", "--help-presets",
    }  # fmt: skip


def test_another_average_is_made_after_training(tmp_path, capsys):
    from disco_dock.runtime.checkpoint import load_weights

    more = {"denoiser.ema_snapshots": "true", "denoiser.tick_images": 16, "denoiser.ema_power": "[0.05, 0.2]"}
    assert train_tiny(tmp_path, **{"denoiser.loop.max_steps": 6, **more}) == 0
    assert train.main(["-o", str(tmp_path), "--average", "0.2"]) == 0
    own = load_weights(sorted((tmp_path / "averages").glob("*-0.2.safetensors"))[-1])[0]
    made = load_weights(tmp_path / "checkpoint-0.2" / "denoiser.safetensors")[0]
    for name, value in made.items():  # the width that was stored comes back as it is
        assert value.allclose(own[f"denoiser.{name}"], atol=1e-4), name
    assert sample.main([str(tmp_path / "checkpoint-0.2"), "-o", str(tmp_path / "s"), "--steps", "2"]) == 0
    assert train.main(["-o", str(tmp_path), "--average", "0.5"]) == 1
    assert "0.2887" in capsys.readouterr().err

    argv = [str(tmp_path), "--count", "8", "--steps", "2", "--feature-steps", "5", "--widths", "0.1"]
    assert choose.main([*argv, "--last", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["00000006-0.05", "00000006-0.2", "00000006-0.1"]
    assert "kimg 0.1" in lines[0] and lines[-1].startswith("best: 00000006-0.")
    assert sample.main([str(tmp_path / "best"), "-o", str(tmp_path / "t"), "--steps", "2", "--no-files"]) == 0
    assert choose.main([*argv, "-o", str(tmp_path)]) == 1 and "is the run itself" in capsys.readouterr().err
