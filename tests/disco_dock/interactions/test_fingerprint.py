"""Words of a fingerprint: asking for one, and the residues that matter."""

from __future__ import annotations

import pytest

from disco_dock.interactions.fingerprint import check_asked, has, key_residues, recovered
from disco_dock.runtime.errors import InputError

WORDS = (
    "hbond:A:ASP189",
    "salt:A:ASP189",
    "pi:A:TRP215",
    "hydrophobic:A:VAL213",
    "metal:B:ZN300",
    "hbond:_:SER195B",
)
GROUPS = ("pi:A:GP6:910", "salt:A:CL-:30")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("hbond:A:ASP189", True),
        ("hbond:A:189", True),
        ("A:189", True),
        ("pi:A:189", False),
        ("A:GLU189", False),
        ("A:18", False),
        ("B:189", False),
        ("metal:B:300", True),
        (":195B", True),
        ("metal:B:ZN300", True),
        ("pi:A:GP6:910", True),
        ("A:910", True),
        ("A:GP7:910", False),
        ("A:6910", False),
        ("salt:A:CL-:30", True),
        ("A:-30", False),
    ],
)
def test_asking_for_an_interaction(asked, found):
    check_asked([asked])
    assert has((*WORDS, *GROUPS), asked) is found


@pytest.mark.parametrize("asked", ["", "A", "hb:A:189", "hbond:A:", "hbond A:189"])
def test_what_cannot_be_read_is_said(asked):
    with pytest.raises(InputError, match="hbond:A:MET793"):
        check_asked([asked])


def test_strongest_residues_first():
    assert key_residues(WORDS, 3) == ("A:ASP189", "B:ZN300", "_:SER195B")


def test_share_of_the_reference():
    assert recovered(WORDS[:2], WORDS) == pytest.approx(2 / 6)
    assert recovered(WORDS, ()) is None
