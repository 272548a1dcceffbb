"""The interactions of a pose as words: `hbond:A:ASP189 pi:A:TRP215`, to filter and to compare."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from disco_dock.interactions.find import KINDS, Interaction
from disco_dock.runtime.errors import InputError

WORDS: dict[str, str] = dict(
    zip(KINDS, ("hbond", "salt", "pi", "cation-pi", "halogen", "metal", "hydrophobic"), strict=True)
)
"""Kind: its word in a fingerprint."""
_WEIGHT: dict[str, float] = dict(
    zip(KINDS, (3.0, 4.0, 2.0, 2.0, 2.0, 5.0, 1.0), strict=True)
)  # what a reader looks for first
_ASKED = re.compile(
    rf"(?:(?P<kind>{'|'.join(WORDS.values())}):)?(?P<chain>[^:\s]*):(?:(?P<name>[A-Za-z0-9+-]{{1,5}}?)(?:(?<=[0-9+-]):)?)??"
    r"(?P<number>-?\d+[A-Za-z]?)"
)
_RESIDUE = re.compile(r"(?P<chain>[^:\s]*):(?P<name>[^\s:]*?):?(?P<number>-?\d+[A-Za-z]?)")


def fingerprint(found: Iterable[Interaction]) -> tuple[str, ...]:
    """Each kind and residue once, in the order of `KINDS`, strongest and nearest first."""
    return tuple(dict.fromkeys(map(word, found)))


def word(one: Interaction) -> str:
    """Kind and residue of an interaction, such as "hbond:A:ASP189"."""
    return f"{WORDS[one.kind]}:{one.residue}"


def recovered(own: Iterable[str], reference: Iterable[str]) -> float | None:
    """Share of a reference's fingerprint that a pose has too, or None for a reference without interactions."""
    wanted = set(reference)
    return len(wanted & set(own)) / len(wanted) if wanted else None


def key_residues(words: Iterable[str], most: int = 4) -> tuple[str, ...]:
    """The residues that hold a pose, those with the strongest interactions first."""
    kinds = {word: kind for kind, word in WORDS.items()}
    weight: defaultdict[str, float] = defaultdict(float)
    for word in words:
        kind, _, residue = word.partition(":")
        weight[residue] += _WEIGHT.get(kinds.get(kind, ""), 0.0)
    return tuple(sorted(weight, key=weight.__getitem__, reverse=True)[:most])


def check_asked(asked: Sequence[str]) -> None:
    """Raise InputError for a wanted interaction that cannot be read."""
    for text in asked:
        if _ASKED.fullmatch(text) is None:
            kinds = ", ".join(WORDS.values())
            raise InputError(
                f"interaction {text!r}: cannot be read; write kind:chain:residue such as hbond:A:MET793, or only "
                f"A:793 for any kind (kinds: {kinds})"
            )


def meets(words: Sequence[str], require: Iterable[str], exclude: Iterable[str] = ()) -> bool:
    """Whether a fingerprint has every wanted interaction, and none of those that it must not have."""
    return all(has(words, asked) for asked in require) and not any(has(words, asked) for asked in exclude)


def asked_in_words(require: Iterable[str], exclude: Iterable[str]) -> str:
    """What is wanted, for a sentence: "with hbond:A:MET793, without salt:A:ASP855"; "" for nothing."""
    return ", ".join([*(f"with {one}" for one in require), *(f"without {one}" for one in exclude)])


def has(words: Iterable[str], asked: str) -> bool:
    """Whether a fingerprint has a wanted interaction: "hbond:A:MET793", "hbond:A:793" or "A:793" (of any kind).

    Args:
        words: of a fingerprint.
        asked: as checked by `check_asked`.
    """
    want = _ASKED.fullmatch(asked)
    if want is None:
        return False
    for word in words:
        kind, _, residue = word.partition(":")
        own = _RESIDUE.fullmatch(residue)
        if (
            own is not None
            and want["kind"] in (None, kind)
            and own["chain"] == (want["chain"] or "_")
            and own["number"] == want["number"]
            and (want["name"] or own["name"]).upper() == own["name"].upper()
        ):
            return True
    return False
