"""Wheels with compiled kernels: `DISCO_DOCK_PREBUILD=1 python -m build --wheel` needs GCC 11 or later on Linux.

Without that variable the wheel is the same for all systems, and kernels are compiled on first use where there is a
compiler. Everything else of the build is in pyproject.toml.
"""

import importlib.util
import os
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

PREBUILD = os.environ.get("DISCO_DOCK_PREBUILD", "") not in ("", "0")
KERNELS = Path(__file__).parent / "disco_dock" / "kernels"


class BuildWithKernels(build_py):
    """Copies the packages, and puts compiled kernels beside their sources."""

    def run(self) -> None:
        """Copy and compile."""
        super().run()
        spec = importlib.util.spec_from_file_location("kernel_sources", KERNELS / "sources.py")
        sources = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sources)
        target = Path(self.build_lib) / "disco_dock" / "kernels" / sources.PREBUILT
        sources.prebuild(KERNELS, target, os.environ.get("CC", "cc"))


class PlatformWheel(bdist_wheel):
    """A wheel for one platform and every Python: the kernels are loaded by ctypes."""

    def finalize_options(self) -> None:
        """Say that the wheel is not the same for all platforms."""
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self) -> tuple[str, str, str]:
        """Tags of the wheel's name."""
        return "py3", "none", super().get_tag()[2]


class PlatformDistribution(Distribution):
    """Goes into the folder for packages with compiled parts."""

    def has_ext_modules(self) -> bool:
        """Whether there are compiled parts."""
        return True


if PREBUILD:
    setup(distclass=PlatformDistribution, cmdclass={"build_py": BuildWithKernels, "bdist_wheel": PlatformWheel})
else:
    setup()
