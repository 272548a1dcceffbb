"""Molecular docking by diffusion with discrete latents; attributes are imported when they are first used."""

from importlib import import_module as _import_module

__version__ = "0.2.0"

_EXPORTS = {
    "Docker": "disco_dock.api.docker",
    "Result": "disco_dock.api.result",
    "PocketHint": "disco_dock.docking.settings",
    "dock": "disco_dock.api.dock",
    "dock_isomers": "disco_dock.api.dock",
    "dock_smiles": "disco_dock.api.dock_smiles",
    "rescore": "disco_dock.api.rescore",
    "Prediction": "disco_dock.docking.prediction",
}
"""Public name: the module that holds it."""


def __getattr__(name: str) -> object:
    """The public name, from its module."""
    if name not in _EXPORTS:
        raise AttributeError(f"module 'disco_dock' has no attribute {name!r}")
    return getattr(_import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    """Public names."""
    return sorted([*_EXPORTS, "__version__"])
