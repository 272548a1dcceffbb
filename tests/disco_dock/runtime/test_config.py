"""Conversion of every kind of field, and overrides as typed on a command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.runtime.config import apply_overrides, from_dict, read_yaml, to_dict, write_yaml
from disco_dock.runtime.errors import ConfigError


@dataclass(frozen=True)
class Part:
    kind: Literal["a", "b", 3] = "a"
    flag: bool = False
    rate: float = 0.5


@dataclass(frozen=True)
class Whole:
    count: int
    part: Part = field(default_factory=Part)
    parts: tuple[Part, ...] = ()
    triple: tuple[float, float, float] = (0.0, 0.0, 0.0)
    label: str = "x"
    limit: float | None = None
    folder: Path = Path("here")
    facts: dict[str, Any] = field(default_factory=dict)


floats = st.floats(allow_nan=False, allow_infinity=False)
parts = st.builds(Part, st.sampled_from(["a", "b", 3]), st.booleans(), floats)
plain = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=2))
wholes = st.builds(
    Whole,
    count=st.integers(),
    part=parts,
    parts=st.lists(parts, max_size=3).map(tuple),
    triple=st.tuples(floats, floats, floats),
    label=st.text(),
    limit=st.none() | floats,
    folder=st.sampled_from([Path("a/b"), Path("/")]),
    facts=st.dictionaries(st.text(), plain, max_size=3),
)


@given(wholes)
def test_every_field_survives_a_file(tmp_path_factory, config):
    path = tmp_path_factory.getbasetemp() / "whole.yaml"
    write_yaml(path, to_dict(config))
    assert from_dict(Whole, read_yaml(path)) == config


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"count": 1.0}, "config.count: expected int, found 1.0"),
        ({"count": None}, "config.count: expected int, found None"),
        ({"count": 1, "part": {"flag": 1}}, "config.part.flag: expected bool, found 1"),
        ({"count": 1, "part": {"rate": True}}, "config.part.rate: expected float, found True"),
        ({"count": 1, "part": {"rate": "fast"}}, "config.part.rate: expected float, found 'fast'"),
        ({"count": 1, "part": {"rate": None}}, "config.part.rate: expected float, found None"),
        ({"count": 1, "part": None}, "config.part: expected a mapping, found None"),
        ({"count": 1, "parts": [{}, {"rte": 1}]}, "config.parts[1].rte: unknown key; did you mean 'rate'?"),
        ({"count": 1, "triple": [1, 2]}, "config.triple: expected 3 values, found 2"),
        ({"count": 1, "triple": [1, 2, "x"]}, "config.triple[2]: expected float, found 'x'"),
        ({"count": 1, "triple": "123"}, "config.triple: expected a list, found '123'"),
        ({"count": 1, "label": 7}, "config.label: expected str, found 7"),
        ({"count": 1, "limit": "none"}, "config.limit: expected float, found 'none'"),
        ({"count": 1, "folder": 3}, "config.folder: expected Path, found 3"),
        ({"count": 1, "facts": [1]}, "config.facts: expected a mapping, found [1]"),
        ({"count": 1, 5: 1}, "config.5: unknown key; known keys are count, part, parts,"),
        ({"part": {}}, "config.count: missing; give it a value"),
    ],
)
def test_messages(data, message):
    with pytest.raises(ConfigError) as error:
        from_dict(Whole, data)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "+1e-3", ".1e-2", "1.e-3", "0.001", "1.0e-3"])
def test_numbers_with_an_exponent_are_numbers(text):
    """YAML 1.1 takes 1e-3 for text, which nobody expects of `--set rate=1e-3`."""
    assert from_dict(Part, apply_overrides({}, [f"rate={text}"])).rate == 1e-3
    assert from_dict(Part, {"rate": text} if "e" in text.lower() else yaml.safe_load(f"rate: {text}")).rate == 1e-3


def test_text_that_looks_like_a_number_stays_text():
    assert from_dict(Whole, apply_overrides({"count": 1}, ["label=1e96"])).label == "1e96"
    with pytest.raises(ConfigError, match="expected int"):
        from_dict(Whole, apply_overrides({}, ["count=1e3"]))


def test_overrides_leave_the_given_mapping_alone():
    data = {"count": 1, "part": {"rate": 1.0}, "parts": [{"rate": 2.0}]}
    changed = apply_overrides(data, ["part.rate=3", "part.kind=b", "label='7'", "limit=null", "triple=[1, 2, 3]"])
    assert data == {"count": 1, "part": {"rate": 1.0}, "parts": [{"rate": 2.0}]}
    expected = Whole(1, Part(kind="b", rate=3.0), (Part(rate=2.0),), (1.0, 2.0, 3.0), "7")
    assert from_dict(Whole, changed) == expected
    assert apply_overrides({}, ["a.b.c=1", "a.b.d=x=y"]) == {"a": {"b": {"c": 1, "d": "x=y"}}}
    assert apply_overrides(data, ["count=1", "count=2"])["count"] == 2


@pytest.mark.parametrize("override", ["count.deep=1", "label.x.y=1", "part=[1", "rate", ""])
def test_bad_overrides_are_quoted(override):
    with pytest.raises(ConfigError) as error:
        apply_overrides({"count": 1, "label": "x"}, [override])
    assert repr(override) in str(error.value) and "\n" not in str(error.value)


def test_empty_and_binary_files(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert read_yaml(tmp_path / "empty.yaml") == {}
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "object.yaml").write_text("a: !!python/object/apply:os.getcwd []")
    for name in ("binary.yaml", "object.yaml"):
        with pytest.raises(ConfigError, match=name) as error:
            read_yaml(tmp_path / name)
        assert "\n" not in str(error.value)
