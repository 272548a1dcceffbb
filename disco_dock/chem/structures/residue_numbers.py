"""Residue numbers and serials that do not fit into their columns: hybrid-36, hexadecimal, five digits, asterisks."""

from __future__ import annotations

import re

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HYBRID = re.compile(r"[A-Z][0-9A-Z]{3}|[a-z][0-9a-z]{3}")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{4}")
FIRST_WIDE = 10_000
"""The first number that four digits cannot hold; 2710 in hexadecimal."""


def hybrid36(value: int, width: int) -> str:
    """A number of at most `width` characters: decimal while it fits, then A000, A001 .. zzzz.

    Raises:
        ValueError: it is too large.

    Source: hybrid-36 of the Computational Crystallography Toolbox (cci.lbl.gov/hybrid_36).
    """
    if -(10 ** (width - 1)) < value < 10**width:
        return f"{value:{width}d}"
    value -= 10**width
    block = 26 * 36 ** (width - 1)
    if not 0 <= value < 2 * block:
        raise ValueError(f"{value} does not fit into {width} characters of hybrid-36")
    upper, value = value < block, value % block + 10 * 36 ** (width - 1)
    text = ""
    for _ in range(width):
        value, digit = divmod(value, 36)
        text = _DIGITS[digit] + text
    return text if upper else text.lower()


class ResidueNumbers:
    """Reads the residue numbers of a file in order: what 2710 or A000 means depends on what came before."""

    def __init__(self) -> None:
        self._chain, self._last, self._hexadecimal = "", 0, False
        self._unknown: tuple[str, str] = ("", "")

    def read(self, text: str, insertion: str, chain: str, residue: str) -> tuple[int, str]:
        """Number and insertion code.

        Args:
            text: columns 23 to 26.
            insertion: column 27.
            chain: of the record; hexadecimal numbers end with it.
            residue: its name; numbers that are asterisks or blank go up when it changes.

        Raises:
            ValueError: the text is no number in any of the notations.
        """
        if chain != self._chain:
            self._chain, self._hexadecimal, self._unknown = chain, False, ("", "")
        number = self._decimal(text)
        if number is not None and insertion.isdigit():  # five digits reach into the column of the insertion code
            number, insertion = int(text.strip() + insertion), ""
        if self._hexadecimal or (text == "2710" and self._last == FIRST_WIDE - 1):
            if _HEXADECIMAL.fullmatch(text) and int(text, 16) >= FIRST_WIDE:
                self._hexadecimal, number = True, int(text, 16)
            else:
                self._hexadecimal = False
        if number is None:
            number = self._wide(text, residue)
        self._last = number
        return number, insertion.strip()

    @staticmethod
    def _decimal(text: str) -> int | None:
        stripped = text.strip()
        return int(stripped) if stripped.lstrip("-").isdecimal() and stripped.isascii() else None

    def _wide(self, text: str, residue: str) -> int:
        if _HYBRID.fullmatch(text):
            lower = 26 * 36**3 if text[0].islower() else 0
            return int(text, 36) - 10 * 36**3 + lower + FIRST_WIDE
        if _HEXADECIMAL.fullmatch(text):
            return int(text, 16)
        if not text.strip() or not text.strip("*"):
            known = self._unknown == (text, residue)
            self._unknown = (text, residue)
            return self._last if known else self._last + 1
        raise ValueError(text)
