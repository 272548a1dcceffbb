"""Damaged, foreign and mismatched checkpoints are one sentence, never a traceback of another library."""

from __future__ import annotations

import json
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from disco_dock.runtime.checkpoint import load_into, load_metadata, load_state, load_weights, save_state, save_weights
from disco_dock.runtime.errors import CheckpointError

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")


def refused(load, path):
    """The message with which a file is refused; checks that it is one line that starts with the path."""
    with pytest.raises(CheckpointError) as error:
        load(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and "; " in message
    return message


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    save_weights(folder / "w.safetensors", {"a": torch.arange(12.0).view(3, 4), "b": torch.ones(2)}, {"part": "score"})
    save_state(folder / "s.pt", {"step": 3, "value": torch.arange(20.0), "nested": {"list": [1, 2.5, "x", None]}})
    return folder


def test_metadata_is_read_alone(whole, tmp_path):
    assert load_metadata(whole / "w.safetensors") == load_weights(whole / "w.safetensors")[1] == {"part": "score"}
    refused(load_metadata, tmp_path / "absent")


@given(st.data())
def test_every_truncation_is_refused(whole, data):
    for name, load in (("w.safetensors", load_weights), ("s.pt", load_state)):
        content = (whole / name).read_bytes()
        cut = whole / f"cut-{name}"
        cut.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        refused(load, cut)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(whole, content):
    for name, load in (("noise.safetensors", load_weights), ("noise.pt", load_state)):
        (whole / name).write_bytes(content)
        refused(load, whole / name)


@pytest.mark.parametrize("header", ["[1]", "3", '"text"', "null", "{", "{}", '{"format": "1"}'])
def test_headers_that_are_not_ours(tmp_path, header):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2)}, path, metadata={"disco": header})
    assert "header" in (message := refused(load_weights, path)) or "format" in message


def test_folder_in_place_of_a_file(tmp_path):
    for load in (load_weights, load_state):
        assert "no such" in refused(load, tmp_path)


@pytest.mark.parametrize("value", [torch.zeros(2), [1, 2], 3.0, "text"])
def test_state_must_be_a_mapping(tmp_path, value):
    torch.save(value, tmp_path / "s.pt")
    assert type(value).__name__ in refused(load_state, tmp_path / "s.pt")


def test_plain_pickle_is_not_run(tmp_path):
    (tmp_path / "s.pt").write_bytes(pickle.dumps({"step": pytest.raises}))
    refused(load_state, tmp_path / "s.pt")


names = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
shapes = st.lists(st.integers(0, 4), max_size=3)
kinds = st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool])
facts = st.dictionaries(names.filter(lambda name: name != "format"), st.integers() | st.text() | st.none(), max_size=3)


@given(st.dictionaries(names, st.tuples(shapes, kinds), max_size=4), facts)
def test_weights_come_back_bit_for_bit(tmp_path_factory, tensors, metadata):
    path = tmp_path_factory.getbasetemp() / "round.safetensors"
    given_ = {name: (torch.randn(shape) * 3).to(kind) for name, (shape, kind) in tensors.items()}
    save_weights(path, given_, metadata)
    found, facts_found = load_weights(path)
    assert facts_found == json.loads(json.dumps(metadata)) and found.keys() == given_.keys()
    for name, tensor in given_.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor)


def test_views_and_shared_tensors_can_be_saved(tmp_path):
    base = torch.arange(6.0).view(2, 3)
    save_weights(tmp_path / "w", {"t": base.T, "row": base[1], "same": base, "again": base}, {})
    found, _ = load_weights(tmp_path / "w")
    assert torch.equal(found["t"], base.T) and torch.equal(found["row"], base[1]) and torch.equal(found["again"], base)


def test_failed_load_changes_no_parameter():
    module = torch.nn.Linear(2, 3)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    tensors = {"weight": torch.zeros(3, 2), "bias": torch.zeros(4)}
    with pytest.raises(CheckpointError, match=r"^here: tensor 'bias' has shape \(4,\), expected \(3,\); "):
        load_into(module, tensors, where="here")
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
