"""Shapes and types of annotated tensors are checked at every call in tests; the product itself does not check them."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""The type checker: an int may stand for a float, as in PEP 484."""
