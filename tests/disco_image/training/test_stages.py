"""Both stages: resume, several processes, fine-tuning, what is exported, what is learnt."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from disco_dock.runtime.checkpoint import load_state, load_weights
from disco_dock.runtime.distributed import Processes
from disco_dock.runtime.errors import CheckpointError, ConfigError
from disco_image.models.checkpoint import build_encoder, load_models
from disco_image.models.denoiser import Denoiser
from disco_image.models.latents import LatentConfig
from disco_image.processes.levels import AdaptiveLevels, LevelConfig
from disco_image.training.prior_stage import unigram_nats
from disco_image.training.settings import DataConfig, SpeedConfig
from disco_image.training.train_denoiser import load_initial, make_batches, model_config, own_rows, train_denoiser
from disco_image.training.train_prior import train_prior
from tests.support.images import LATENTS, TwoTone, train_config

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")


class Killed(BaseException):
    """Stands for the end of the process."""


def run(out, config=None, source=None):
    train_denoiser(config or train_config(), source or TwoTone(), out, CPU)
    return load_weights(out / "checkpoint" / "denoiser.safetensors")[0]


def longer(config, steps):
    loop = replace(config.denoiser.loop, max_steps=steps)
    return replace(config, denoiser=replace(config.denoiser, loop=loop))


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("kind", ["discrete", "gaussian", "none"])
def test_run_that_stops_goes_on_as_if_it_had_not(tmp_path, kind, monkeypatch):
    config = train_config(latents=replace(LATENTS, kind=kind))
    whole = run(tmp_path / "whole", config)

    from disco_image.training import train_denoiser as module

    original, calls = module.DenoiserStage.forward, []

    def dies(self, *args):
        calls.append(1)
        if len(calls) == 4:
            raise Killed
        return original(self, *args)

    monkeypatch.setattr(module.DenoiserStage, "forward", dies)
    with pytest.raises(Killed):
        run(tmp_path / "parts", config)
    monkeypatch.setattr(module.DenoiserStage, "forward", original)
    torch.rand(5)
    assert same(run(tmp_path / "parts", config), whole)
    steps = [json.loads(line)["step"] for line in (tmp_path / "parts/denoiser/metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]


CHILD = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, {root!r})
from tests.support.images import TwoTone, train_config
from disco_dock.runtime.distributed import process_group, wait_for_all
from disco_image.training.train_denoiser import train_denoiser
from disco_image.training.train_prior import train_prior
with process_group("cpu") as device:
    train_denoiser(train_config(), TwoTone(), Path({out!r}), torch.device(device))
    wait_for_all()
    train_prior(train_config(), TwoTone(), Path({out!r}), torch.device(device))
"""


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    script = tmp_path / "child.py"
    script.write_text(CHILD.format(root=str(ROOT), out=str(tmp_path / "two")))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    out = subprocess.run(launch, cwd=ROOT, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr[-3000:]
    one = run(tmp_path / "one")
    train_prior(train_config(), TwoTone(), tmp_path / "one", CPU)
    for part in ("denoiser", "encoder", "prior"):
        a = load_weights(tmp_path / "one/checkpoint" / f"{part}.safetensors")[0]
        b = load_weights(tmp_path / "two/checkpoint" / f"{part}.safetensors")[0]
        assert a.keys() == b.keys()
        for name in a:
            assert torch.allclose(a[name], b[name], atol=2e-4), (part, name)
    assert one


def test_encoder_learns_in_its_share_of_the_steps(tmp_path, monkeypatch):
    from disco_image.training import train_denoiser as module

    original, learnt = module.DenoiserStage.forward, []

    def watch(self, batch, temperature, encoder_learns):
        losses = original(self, batch, temperature, encoder_learns)
        (slope,) = torch.autograd.grad(
            losses.total.mean(), self.model.encoder.heads, retain_graph=True, allow_unused=True
        )
        learnt.append(slope is not None and bool(slope.abs().sum() > 0))
        return losses

    monkeypatch.setattr(module.DenoiserStage, "forward", watch)
    config = train_config()
    run(tmp_path, replace(config, denoiser=replace(config.denoiser, encoder_share=0.5)))
    assert learnt == [True] * 3 + [False] * 3


def test_missing_information_is_part_of_the_loss_and_logged(tmp_path):
    config = train_config()
    run(tmp_path, config)
    for line in (tmp_path / "denoiser/metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert row["missing"] > 0
        assert row["loss"] == pytest.approx(row["error"] + config.latents.information * row["missing"], rel=1e-4)


def test_rows_must_divide_among_processes(monkeypatch):
    from disco_image.training import train_denoiser as module

    monkeypatch.setattr(module, "processes", lambda: Processes(1, 2))
    assert own_rows(6) == [1, 3, 5]
    monkeypatch.setattr(module, "processes", lambda: Processes(0, 4))
    with pytest.raises(ConfigError, match="divisible"):
        own_rows(6)


def test_fine_tuning_starts_as_the_plain_model(tmp_path):
    plain = train_config(latents=LatentConfig(kind="none"))
    run(tmp_path / "plain", plain)
    path = tmp_path / "plain/checkpoint/denoiser.safetensors"
    config = train_config()
    tuned = replace(
        config.denoiser, initial=str(path), initial_rate=0.0, loop=replace(config.denoiser.loop, max_steps=1)
    )
    run(tmp_path / "tuned", replace(config, denoiser=tuned))
    old, new = load_models(tmp_path / "plain", CPU).denoiser, load_models(tmp_path / "tuned", CPU).denoiser
    weights, own = load_weights(path)[0], new.state_dict()
    assert all(torch.equal(own[name], weights[name]) for name in weights), "a frozen weight moved"
    cross = [name for name in own if name not in weights]
    assert cross and all(".cross." in name or name.startswith("tokens.") for name in cross)
    zeroed = {name: torch.zeros_like(value) if ".cross.out." in name else value for name, value in own.items()}
    new.load_state_dict(zeroed)
    x, sigma, code = (
        torch.randn(2, 1, 8, 8),
        torch.tensor([0.5, 3.0]),
        torch.eye(5)[torch.tensor([[0, 1, 2], [2, 3, 4]])],
    )
    with torch.no_grad():
        assert torch.equal(new(x, sigma, new.embed(code)), old(x, sigma))


def test_initial_weights_of_other_sizes_are_told(tmp_path):
    run(tmp_path / "plain", train_config(latents=LatentConfig(kind="none")))
    config = train_config()
    assert config.unet is not None
    stage = replace(config.denoiser, initial=str(tmp_path / "plain/checkpoint/denoiser.safetensors"))
    with pytest.raises(CheckpointError, match="does not fit"):
        run(tmp_path / "x", replace(config, unet=replace(config.unet, width=16), denoiser=stage))


def test_initial_weights_are_those_of_the_file_that_is_named(tmp_path):
    run(tmp_path / "plain", train_config(latents=LatentConfig(kind="none")))
    path = tmp_path / "plain/checkpoint/denoiser.safetensors"
    config = train_config()
    denoiser = Denoiser(model_config(config, TwoTone().info))
    with pytest.raises(CheckpointError, match=r"denoiser\.pkl"):
        load_initial(denoiser, path.with_suffix(".pkl"))  # absent, and not the safetensors beside it
    renamed = path.rename(path.with_name("edm.safetensors"))
    given = load_initial(denoiser, renamed)
    weights = load_weights(renamed)[0]
    assert given == set(weights) and torch.equal(
        denoiser.state_dict()["network.inlet.weight"], weights["network.inlet.weight"]
    )
    renamed.rename(path)
    assert load_initial(denoiser, tmp_path / "plain") == given  # a run folder


def test_parts_of_a_batch_add_up_to_it(tmp_path):
    config = train_config(latents=replace(LATENTS, information=0.0))
    whole = run(tmp_path / "whole", config)
    parts = run(tmp_path / "parts", replace(config, denoiser=replace(config.denoiser, batch_gpu=3)))
    assert all(torch.allclose(whole[name], parts[name], atol=2e-4) for name in whole)
    logged = [json.loads(line) for line in (tmp_path / "parts/denoiser/metrics.jsonl").read_text().splitlines()]
    expected = [json.loads(line) for line in (tmp_path / "whole/denoiser/metrics.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in logged] == pytest.approx([row["loss"] for row in expected], rel=1e-3)
    with pytest.raises(ConfigError, match="batch_gpu"):
        run(tmp_path / "x", replace(train_config(), denoiser=replace(config.denoiser, batch_gpu=3)))


def test_classes_need_labels():
    config = train_config(data=DataConfig(classes=True))
    assert model_config(config, TwoTone().info).num_classes == 2
    with pytest.raises(ConfigError, match=r"no labels.*data\.classes=false"):
        model_config(config, replace(TwoTone().info, classes=()))


def test_ticks_leave_grids_and_averages(tmp_path):
    config = train_config()
    stage = replace(config.denoiser, tick_images=24, ema_power=(0.1, 0.2), ema_snapshots=True)
    run(tmp_path, replace(config, denoiser=stage))
    names = sorted(path.name for path in (tmp_path / "grids").iterdir())
    assert names == ["images.png", "step-0000003.png", "step-0000006.png"]
    assert len(list((tmp_path / "averages").iterdir())) == 4


def test_half_life_average_is_exported_and_ticks_tell_how_it_goes(tmp_path, caplog):
    config = train_config()
    stage = replace(config.denoiser, tick_images=24, ema_half_life=64)
    with caplog.at_level("INFO"):
        weights = run(tmp_path, replace(config, denoiser=stage))
    state = load_state(tmp_path / "denoiser/state.pt")
    assert torch.equal(weights["network.inlet.weight"], state["ema"]["shadow"]["denoiser.network.inlet.weight"])
    lines = [record.message for record in caplog.records if record.message.startswith("tick ")]
    assert lines[0].startswith("tick 1   kimg 0.0   loss ") and "s/kimg" in lines[1] and "GiB" in lines[1]


def test_levels_that_follow_the_loss_are_part_of_the_state(tmp_path):
    config = train_config(levels=LevelConfig(kind="adaptive"))
    run(tmp_path / "parts", longer(config, 2))
    state = load_state(tmp_path / "parts/denoiser/state.pt")["model"]["levels.loss"]
    start = AdaptiveLevels(config.levels, config.process, 8)
    assert not torch.equal(state, start.loss)
    assert set(load_weights(tmp_path / "parts/checkpoint/denoiser.safetensors")[0]) == set(
        Denoiser(model_config(config, TwoTone().info)).state_dict()
    )


@pytest.mark.parametrize("kind", ["log-normal", "adaptive"])
def test_a_step_has_no_float64_but_the_levels(tmp_path, kind, monkeypatch):
    """MPS has none: what a step computes beside the levels, which stay on the CPU, is float32."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    from disco_image.training import train_denoiser as module

    wide = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if any(isinstance(leaf, torch.Tensor) and leaf.dtype == torch.float64 for leaf in tree_leaves(out)):
                wide.add(str(func))
            return out

    original = module.DenoiserStage.forward

    def watched(self, batch, *args):
        assert batch.sigma.dtype == batch.weight.dtype == torch.float32
        with Watch():
            losses = original(self, batch, *args)
            losses.total.mean().backward(retain_graph=True)
        return losses

    monkeypatch.setattr(module.DenoiserStage, "forward", watched)
    monkeypatch.setattr(module.TickGrids, "write", lambda *args: None)  # a solver's levels are float64 on the CPU
    config = train_config(levels=LevelConfig(kind=kind))
    with Watch() if kind == "log-normal" else nullcontext():
        run(tmp_path, longer(config, 2))
    assert not wide, wide


def test_codes_are_encoded_once_by_all_processes(monkeypatch):
    """Two ranks encode disjoint chunks, and what they gather is what one process extracts."""
    from disco_image.training import prior_stage as module

    monkeypatch.setattr(module, "CHUNK", 5)
    config = train_config()
    batches = make_batches(config, TwoTone(), 8)
    encoder = build_encoder(model_config(config, TwoTone().info))
    whole = module.extract_latents(encoder, batches, 2, 0.2, CPU)
    handed: list[list] = []
    made = []
    for turn in range(2):  # the first turn records what each rank hands over, the second joins both
        for rank in range(2):

            def gather(own, turn=turn):
                if turn == 0:
                    handed.append(list(own))
                return own if turn == 0 else handed[0] + handed[1]

            monkeypatch.setattr(module, "processes", lambda rank=rank: Processes(rank, 2))
            monkeypatch.setattr(module, "gathered", gather)
            made.append(module.extract_latents(encoder, batches, 2, 0.2, CPU))
    assert len(handed[0]) == len(handed[1]) == 5
    assert all(torch.equal(found.latents, whole.latents) for found in made[2:])


def test_exported_weights_are_the_average(tmp_path):
    weights = run(tmp_path)
    state = load_state(tmp_path / "denoiser/state.pt")
    name = "network.inlet.weight"
    assert torch.equal(weights[name], state["ema"]["shadows"][0][f"denoiser.{name}"])
    assert not torch.equal(weights[name], state["model"][f"denoiser.{name}"])


def test_prior_learns_and_beats_the_unigram(tmp_path):
    torch.manual_seed(0)
    config = longer(train_config(), 2)
    run(tmp_path, config)
    # an encoder whose first two latents say which half is bright makes codes that depend on each other
    path = tmp_path / "checkpoint"
    from disco_image.models.checkpoint import save_part

    models = load_models(tmp_path, CPU, with_encoder=True)
    encoder = build_encoder(models.config)

    def logits(images, labels=None):
        bright = (images[:, 0, 0, 0] > 0).long()
        return 12 * torch.eye(5)[torch.stack([bright, 3 - bright, bright + 1], 1)]

    save_part(path, "encoder", encoder, models.config, {})
    import disco_image.training.train_prior as module

    loop = replace(config.prior.loop, max_steps=60, learning_rate=1e-2)
    tuned = replace(config, prior=replace(config.prior, loop=loop, passes=4))
    original = module.load_models

    def patched(*args, **options):
        found = original(*args, **options)
        found.encoder.forward = logits
        return found

    module.load_models = patched
    try:
        train_prior(tuned, TwoTone(), tmp_path, CPU)
    finally:
        module.load_models = original
    facts = load_models(tmp_path, CPU).facts["prior"]
    assert facts["held_out_nats"] < 0.75 * facts["unigram_nats"]
    assert facts["code_perplexity"][0] == pytest.approx(2.0, abs=0.1)


def test_unigram_nats_of_uniform_codes():
    codes = torch.arange(4000).remainder(5)[:, None]
    held = torch.arange(4000) < 500
    assert unigram_nats(codes, held, 5) == pytest.approx(1.609, abs=1e-2)


def test_prior_resumes_and_refuses_another_encoder(tmp_path):
    config = train_config()
    run(tmp_path, config)
    train_prior(config, TwoTone(), tmp_path, CPU)
    before = load_weights(tmp_path / "checkpoint/prior.safetensors")[0]
    train_prior(config, TwoTone(), tmp_path, CPU)
    assert same(before, load_weights(tmp_path / "checkpoint/prior.safetensors")[0])
    run(tmp_path, longer(config, 8))
    with pytest.raises(CheckpointError, match="after the prior"):
        train_prior(config, TwoTone(), tmp_path, CPU)


def test_prior_of_a_plain_model_or_other_latents_is_an_error(tmp_path):
    config = train_config(latents=LatentConfig(kind="none"))
    with pytest.raises(CheckpointError, match="no such"):
        train_prior(config, TwoTone(), tmp_path, CPU)
    run(tmp_path, config)
    with pytest.raises(ConfigError, match="needs no prior"):
        train_prior(config, TwoTone(), tmp_path, CPU)


def test_continuous_prior_trains(tmp_path):
    config = train_config(latents=replace(LATENTS, kind="gaussian"))
    run(tmp_path, config)
    train_prior(config, TwoTone(), tmp_path, CPU)
    prior = load_models(tmp_path, CPU).prior
    assert prior is not None and float(prior.std.min()) > 0


@pytest.mark.parametrize("speed", [{"precision": "bfloat16"}, {"channels_last": True}])
def test_ways_of_computing_give_about_the_same(tmp_path, speed):
    plain = run(tmp_path / "plain")
    other = run(tmp_path / "other", replace(train_config(), speed=SpeedConfig(**speed)))
    assert plain.keys() == other.keys()
    tolerance = 2e-2 if "precision" in speed else 1e-3
    assert all(torch.allclose(plain[name], other[name], atol=tolerance) for name in plain)


def test_tensorboard_gets_both_stages(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator").EventAccumulator
    config = train_config()
    denoiser = replace(config.denoiser, loop=replace(config.denoiser.loop, tensorboard=True))
    prior = replace(config.prior, loop=replace(config.prior.loop, tensorboard=True))
    config = replace(config, denoiser=denoiser, prior=prior)
    run(tmp_path, config)
    train_prior(config, TwoTone(), tmp_path, CPU)
    for stage in ("denoiser", "prior"):
        events = accumulator(str(tmp_path / stage / "tensorboard"))
        events.Reload()
        assert [event.step for event in events.Scalars("loss")] == [1, 2, 3, 4, 5, 6], stage
