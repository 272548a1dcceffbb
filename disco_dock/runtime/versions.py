"""Versions of Python, this package and its dependencies."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("disco-dock", "torch", "e3nn", "torch-geometric", "rdkit", "biopython", "numpy", "scipy", "safetensors")


def package_version(name: str) -> str | None:
    """Installed version of a distribution, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def versions() -> dict[str, str]:
    """Version by name, "not installed" for a missing package."""
    found = {name: package_version(name) or "not installed" for name in PACKAGES}
    return {"python": platform.python_version(), "platform": platform.platform(), **found}
