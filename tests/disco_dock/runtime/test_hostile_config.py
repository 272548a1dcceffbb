"""Configuration files that are no configuration."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from disco_dock.runtime.config import apply_overrides, from_dict, read_yaml
from disco_dock.runtime.errors import ConfigError


@dataclass(frozen=True)
class Rate:
    rate: float = 1.0


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [1]\nb: [*a, *a]",
        "a: &a\n  b: *a",
        "[" * 5000,
        "a: " + "{" * 5000,
        "day: 2020-99-99",
        "n: " + "9" * 5000,
        "a: \x00",
        "a" * 300_000,
        "- 1",
    ],
)
def test_yaml_that_is_refused(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match="c.yaml"):
        read_yaml(tmp_path / "c.yaml")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "1e999"])
def test_numbers_that_are_not_finite(value):
    with pytest.raises(ConfigError, match="finite"):
        from_dict(Rate, {"rate": value})


def test_overrides_that_are_refused():
    for override in ("a=" + "[" * 5000, "a=2020-99-99", "a=*x"):
        with pytest.raises(ConfigError):
            apply_overrides({}, [override])
