"""What the columns of a store may hold; SQLite keeps a value of any type in any column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from disco_dock.screening.ledger.errors import damaged
from disco_dock.screening.ledger.schema import NEEDED, TEXT, WHOLE
from disco_dock.screening.messages import STATUSES

BYTES = frozenset({"digest", "data"})


def check_values(path: Path, columns: Sequence[str], values: Sequence[object]) -> None:
    """Raise DamagedStoreError unless every value is one that its column may hold."""
    for column, value in zip(columns, values, strict=True):
        if not is_sound(column, value):
            raise damaged(path, f"{column} holds {str(value)[:40]!r}")


def is_sound(column: str, value: object) -> bool:
    """Whether a column may hold a value."""
    if value is None:
        return column not in NEEDED
    if column == "status":
        return value in STATUSES
    if column in TEXT:
        return isinstance(value, str)
    if column in BYTES:
        return isinstance(value, bytes)
    if isinstance(value, float):
        return column not in WHOLE and math.isfinite(value)
    return isinstance(value, int) and (column not in NEEDED or value >= 0)
