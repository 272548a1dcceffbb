"""Settings: precedence, stages, latents, and the networks that they describe."""

from __future__ import annotations

import pytest

from disco_dock.diffusion.schedule import NoiseConfig
from disco_dock.runtime.config import write_yaml
from disco_dock.runtime.errors import ConfigError
from disco_dock.training.networks import networks, parameter_counts
from disco_dock.training.settings import TrainConfig, plain, resolve
from disco_dock.training.train import TrainRequest, remember


def test_command_line_before_file_before_saved_before_default(tmp_path):
    write_yaml(tmp_path / "score.yaml", plain(TrainConfig(preset="tiny", batch_size=3, copies=7, seed=5)))
    write_yaml(tmp_path / "file.yaml", {"batch_size": 4, "copies": 8, "loop": {"max_steps": 9}})
    found = resolve("score", run=tmp_path, file=tmp_path / "file.yaml", overrides=["copies=2"])
    assert (found.copies, found.batch_size, found.seed, found.preset) == (2, 4, 5, "tiny")
    assert found.loop.max_steps == 9 and found.null_rate == TrainConfig().null_rate


def test_sections_of_stages_win_within_their_layer_only(tmp_path):
    write_yaml(tmp_path / "file.yaml", {"loop": {"max_steps": 100}, "stages": {"prior": {"loop": {"max_steps": 10}}}})

    def steps(stage, *overrides):
        return resolve(stage, run=tmp_path, file=tmp_path / "file.yaml", overrides=overrides).loop.max_steps

    assert (steps("score"), steps("prior")) == (100, 10)
    assert steps("prior", "loop.max_steps=7") == 7  # the command line is above the file
    assert steps("prior", "loop.max_steps=7", "stages.prior.loop.max_steps=8") == 8


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("loop.max_step=3", "did you mean 'max_steps'"),
        ("stages.second.seed=1", "expected sections score, prior, confidence"),
        ("stages.prior.sed=1", r"stages\.prior\.sed: unknown key; did you mean 'seed'"),
        ("latents=some", "expected one of 'discrete', 'none', 'continuous'"),
        ("time.beta=0", "must be positive"),
        ("loop.precision=half", "expected one of 'float32', 'bf16', 'fp16'"),
        ("loop.schedule=step", "expected one of 'cosine', 'plateau', 'constant'"),
        ("validation.intervals=0", "at least 1"),
        ("continuous.kl_weight=-1", "not negative"),
    ],
)
def test_mistakes_are_told(tmp_path, override, message):
    with pytest.raises(ConfigError, match=message):
        resolve("score", run=tmp_path, overrides=[override])


def test_later_stages_take_over_what_the_score_stage_had_but_not_its_length(tmp_path):
    config = TrainConfig(preset="tiny", seed=4)
    values = {**plain(config), "validation": {**plain(config)["validation"], "metric": "val_null_loss"}}
    write_yaml(tmp_path / "score.yaml", {**values, "loop": {"max_steps": 5, "learning_rate": 0.01}})
    found = resolve("prior", run=tmp_path)
    assert (found.preset, found.seed, found.loop.learning_rate) == ("tiny", 4, 0.01)
    assert found.loop.max_steps == TrainConfig().loop.max_steps and found.metric("prior") == "val_loss"


def test_minutes_are_shared_by_the_stages(tmp_path):
    seconds = {s: c.loop.max_seconds for s, c in TrainRequest(stage="all", run=tmp_path, minutes=10.0).settings()}
    assert seconds == pytest.approx({"score": 480.0, "prior": 60.0, "confidence": 60.0})
    request = TrainRequest(stage="all", run=tmp_path, overrides=("latents=none",))
    assert [stage for stage, _ in request.settings()] == ["score", "confidence"]


def test_changed_settings_of_a_running_stage_are_told(tmp_path, caplog):
    (tmp_path / "score").mkdir()
    (tmp_path / "score" / "state.pt").touch()
    remember(tmp_path, "score", TrainConfig(batch_size=2))
    remember(tmp_path, "score", resolve("score", run=tmp_path, overrides=["loop.max_steps=3"]))
    assert not caplog.text
    remember(tmp_path, "score", resolve("score", run=tmp_path, overrides=["batch_size=5"]))
    assert "batch_size 2 -> 5" in caplog.text


def test_modes_of_latents():
    discrete = networks(TrainConfig(preset="tiny"))
    assert discrete.encoder is not None and not discrete.encoder.gaussian and discrete.prior is not None
    plain_model = networks(TrainConfig(preset="tiny", latents="none"))
    assert plain_model.score.trunk.num_latents == 0 and plain_model.encoder is plain_model.prior is None
    continuous = networks(TrainConfig(preset="tiny", latents="continuous"))
    assert continuous.encoder is not None and continuous.encoder.gaussian and continuous.prior is None
    assert continuous.score.trunk.num_latents == continuous.encoder.num_latents == TrainConfig().continuous.dims


def test_noise_ranges_and_sizes_reach_every_network():
    changes = {"score": {"trunk": {"layers": 1, "num_latents": 3}}, "prior": {"shared_head": True}}
    sizes = networks(TrainConfig(preset="tiny", noise=NoiseConfig(tr_max=34.0), networks=changes))
    assert sizes.prior is not None and sizes.encoder is not None
    assert sizes.score.noise.tr_max == sizes.prior.noise.tr_max == 34.0
    assert sizes.score.trunk.layers == 1
    assert sizes.score.trunk.num_latents == sizes.prior.trunk.num_latents == sizes.encoder.num_latents == 3
    assert sizes.prior.shared_head
    with pytest.raises(ConfigError, match="no such network"):
        networks(TrainConfig(preset="diffdock-s", networks={"prior": {"shared_head": True}}))
    with pytest.raises(ConfigError, match="unknown key"):
        networks(TrainConfig(preset="tiny", networks={"score": {"trunk": {"depth": 1}}}))


def test_parameter_counts():
    counts = parameter_counts(networks(TrainConfig(preset="tiny", latents="none")))
    assert set(counts) == {"score", "confidence", "expert"} and 20_000 < counts["score"] < 50_000
