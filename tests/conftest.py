"""Settings and fixtures of all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

import tests.support.shape_checks  # noqa: F401 - the hook looks the checker up as an attribute

install_import_hook(
    ["disco_dock.geometry", "disco_dock.diffusion", "disco_dock.latents"], "tests.support.shape_checks.checked"
)

from tests.support.golden import golden_root  # noqa: E402 - after the hook, which acts on later imports

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are cached in the test session's folder, never in the user's."""
    base = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("DISCO_DOCK_CACHE", str(base))


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def golden_dir() -> Path:
    """Folder of golden vectors; skips where it is absent."""
    root = golden_root()
    if root is None:
        pytest.skip("golden vectors are not at hand (set DISCO_GOLDEN_DIR)")
    return root
