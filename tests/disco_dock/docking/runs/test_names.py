"""Names of complexes as folder names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.docking.runs.names import MAX_LENGTH, UniqueNames, safe_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1a0q", "1a0q"),
        ("../../etc/passwd", "etc_passwd"),
        ("a b/c\\d:e", "a_b_c_d_e"),
        ("", "complex"),
        ("...", "complex"),
        ("CON", "CON_"),
        ("nul.txt", "nul.txt_"),
        ("results.csv", "results.csv_"),
        ("Ångström", "ngstr_m"),
    ],
)
def test_safe_name(text, expected):
    assert safe_name(text) == expected


@given(st.text(max_size=200))
def test_safe_name_is_one_visible_path_component(text):
    name = safe_name(text)
    assert name and set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-")
    assert not name.startswith(".") and len(name) <= MAX_LENGTH + 1


@given(st.lists(st.sampled_from(["a", "A", "a_2", "b", "", "a/", "results.csv"]), max_size=12))
def test_names_are_unique_without_regard_to_case(texts):
    names = UniqueNames()
    taken = [names.take(text).lower() for text in texts]
    assert len(set(taken)) == len(taken)


def test_repeated_names_are_numbered():
    names = UniqueNames()
    assert [names.take(text) for text in ("lig", "LIG", "lig")] == ["lig", "LIG_2", "lig_3"]
