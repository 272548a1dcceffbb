"""What may be asked of a ligand's states, checked before any molecule is read."""

from __future__ import annotations

from disco_dock.runtime.errors import ConfigError

MAX_ISOMERS = 256
"""Most configurations of one ligand."""


def check_ph(ph: float) -> None:
    """Raise ConfigError for a pH that is none."""
    if not 0 <= ph <= 14:
        raise ConfigError(f"the pH of protonation must be between 0 and 14, not {ph:g}")


def check_count(count: int) -> None:
    """Raise ConfigError for a number of configurations that is out of range."""
    if not 1 <= count <= MAX_ISOMERS:
        raise ConfigError(f"the number of stereo isomers must be between 1 and {MAX_ISOMERS}, not {count}")
