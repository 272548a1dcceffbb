# pyright: basic
"""Strict conversion between nested frozen dataclasses and plain mappings; unknown keys are errors."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import types
import typing
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml

from disco_dock.runtime.errors import ConfigError, InputError, one_line
from disco_dock.runtime.files import atomic_write
from disco_dock.runtime.user_files import MIB, read_text

Config = TypeVar("Config")
MAX_YAML_BYTES = MIB // 4
"""Largest configuration file; PyYAML reads some 100 KB a second."""
MAX_YAML_DEPTH = 100
"""Deepest nesting of brackets."""

EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
"""Numbers such as 1e-3, which YAML 1.1 reads as text; they are numbers where a float is expected."""


def to_dict(config: Any) -> Any:
    """Nested dataclasses as plain mappings, tuples as lists."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {field.name: to_dict(getattr(config, field.name)) for field in dataclasses.fields(config)}
    if isinstance(config, Mapping):
        return {key: to_dict(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [to_dict(value) for value in config]
    return str(config) if isinstance(config, Path) else config


def from_dict(cls: type[Config], data: Mapping[str, Any], *, where: str = "config") -> Config:
    """The dataclass from a mapping; fields with a default may be left out.

    Args:
        cls: a dataclass.
        data: nested mapping with the dataclass's field names.
        where: dotted path of `data`, for messages.

    Raises:
        ConfigError: unknown or missing key, or a value of the wrong type or out of range.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where}: expected a mapping, found {data!r}")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in data:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(fields)}"
            raise ConfigError(f"{where}.{key}: unknown key; {hint}")
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _convert(hints[name], data[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where}.{name}: missing; give it a value")
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{where}: {error}") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    """`value` as the type of `hint`, or a ConfigError that says what was expected."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        options = [option for option in arguments if option is not type(None)]
        if len(options) == 1:
            return _convert(options[0], value, where)
    if origin is typing.Literal:
        if value not in arguments:
            raise ConfigError(f"{where}: expected one of {', '.join(map(repr, arguments))}, found {_shown(value)}")
        return value
    if origin is tuple:
        return _convert_tuple(arguments, value, where)
    if origin is dict or hint is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: expected a mapping, found {_shown(value)}")
        return dict(value)
    if dataclasses.is_dataclass(hint):
        kind, found = cast("Any", hint), cast("Any", value)
        return found if isinstance(found, kind) else from_dict(kind, found, where=where)
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _finite(value, where)
    if hint is float and isinstance(value, str) and EXPONENT.fullmatch(value):
        return _finite(value, where)
    if hint is Path and isinstance(value, (str, Path)):
        return Path(value)
    if isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise ConfigError(f"{where}: expected {getattr(hint, '__name__', hint)}, found {_shown(value)}")


def _shown(value: Any) -> str:
    """A value for a message, cut when long."""
    return one_line(repr(value), 100)


def _finite(value: float | str, where: str) -> float:
    """A number as float; NaN passes every check of a range."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConfigError(f"{where}: expected a finite number, found {one_line(str(value), 40)}")
    return number


def _convert_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ConfigError(f"{where}: expected a list, found {_shown(value)}")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_convert(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if len(value) != len(arguments):
        raise ConfigError(f"{where}: expected {len(arguments)} values, found {len(value)}")
    return tuple(
        _convert(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(zip(arguments, value, strict=True))
    )


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: missing, not YAML, or not a mapping.
    """
    try:
        data = _parse_yaml(read_text(Path(path), limit=MAX_YAML_BYTES))
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: cannot be read ({reason}); check the path") from error
    except InputError as error:
        raise ConfigError(str(error)) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: not valid YAML ({_first_line(error)}); correct the file") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected a mapping at the top, found {type(data).__name__}")
    return data


def _parse_yaml(text: str) -> Any:
    """The value of a YAML text.

    Raises:
        yaml.YAMLError: it is not YAML.
        ValueError: it has aliases (a few lines of them can expand to gigabytes), is nested too deeply, or holds an
            impossible number or date.
    """
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", text):  # PyYAML's time grows with the square of the depth
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_YAML_DEPTH:
            raise ValueError("it is nested too deeply")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise ValueError("aliases such as *name are not read, write the values out")
        return yaml.safe_load(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def write_yaml(path: str | Path, data: Mapping[str, Any]) -> None:
    """Write a mapping as YAML, keys in their given order, atomically."""
    with atomic_write(path, "w") as handle:
        yaml.safe_dump(dict(data), handle, sort_keys=False)


def apply_overrides(data: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of nested mappings with ``section.field=value`` assignments made; values are read as YAML.

    Raises:
        ConfigError: an assignment without ``=``, or a path through something that is not a mapping.
    """
    out = to_dict(dict(data))
    for override in overrides:
        path, separator, text = override.partition("=")
        if not separator or not path:
            raise ConfigError(f"override {override!r}: expected section.field=value")
        *parents, last = path.split(".")
        target = out
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise ConfigError(f"override {override!r}: {parent!r} is a value, not a section")
        try:
            target[last] = _parse_yaml(text)
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError(f"override {override!r}: the value is not valid YAML") from error
    return out
