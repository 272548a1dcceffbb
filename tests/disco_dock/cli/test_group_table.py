"""The lines on groups that `predict` prints, and the warning about one that may be wanted."""

from __future__ import annotations

import json

import pytest

from disco_dock.cli.group_table import group_table

TOO_WIDE = 80


def group(name: str, kind: str, *, kept: bool, why: str, distance: float = 3.0) -> dict:
    return {"id": name, "kind": kind, "kept": kept, "why": why, "distance": distance}


ZINC = group("A:ZN301", "metal", kept=True, why="metal", distance=20.0)
COENZYME = group("A:NAP302", "cofactor", kept=True, why="cofactor: a phosphate ester")
LOOSE = group("A:GOL401", "additive", kept=False, why="buffer, cryoprotectant, detergent or lipid")
FAR = group("A:GOL402", "additive", kept=False, why="buffer, cryoprotectant, detergent or lipid", distance=14.0)
DRUG = group("A:GP6:910", "ligand", kept=False, why="may be what is to be docked", distance=25.0)


def test_kept_near_and_drug_like_ones_are_shown():
    lines = group_table({"groups": [ZINC, COENZYME, LOOSE, FAR, DRUG]}).splitlines()
    assert lines == [
        "kept      A:ZN301    metal",
        "kept      A:NAP302   cofactor: a phosphate ester",
        "left out  A:GOL401   additive: buffer, cryoprotectant, detergent or lipid",
        "left out  A:GP6:910  ligand: may be what is to be docked",
        "left out  1 group farther than 6 A from the first pose",
    ]


def test_many_of_a_kind_share_a_line_in_80_columns():
    many = [group(f"A:ZN{number}", "metal", kept=True, why="metal") for number in range(301, 312)]
    assert group_table({"groups": [*many, LOOSE]}).splitlines() == [
        "kept      A:ZN301, A:ZN302, A:ZN303 and 8 more  metal",
        "left out  A:GOL401                              additive",
    ]
    long = group("A:LONG1:1234", "other", kept=True, why="w" * 120)
    assert max(map(len, group_table({"groups": [long]}).splitlines())) <= TOO_WIDE


@pytest.mark.parametrize("receptor", [{}, {"groups": []}, {"groups": [], "records": {"dropped": {"water": 3}}}])
def test_nothing_where_there_is_nothing(receptor):
    assert group_table(receptor) == ""


def test_water_is_a_count_for_those_who_ask():
    receptor = {"groups": [], "records": {"dropped": {"water": 3}}}
    assert group_table(receptor, verbose=True) == "left out  3 atoms of water"


def atom(serial: int, name: str, residue: str, number: int, place, element: str) -> str:
    xyz = "".join(f"{value:8.3f}" for value in place)
    return f"HETATM{serial:5d}  {name:<3s} {residue:>3s} A{number:4d}    {xyz}  1.00  0.00          {element:>2s}\n"


def test_predict_shows_the_groups_and_records_their_distance(disco, peptide, tmp_path):
    text = (tmp_path / peptide).read_text().replace("END\n", "")
    (tmp_path / peptide).write_text(text + atom(900, "ZN", "ZN", 301, (90.0, 0.0, 0.0), "ZN"))
    argv = ("--protein", peptide, "--ligand", "CCO", "-o", "out", "--num-poses", 2, "--steps", 2)
    done = disco("predict", *argv)
    assert done.status == 0, done.err
    assert "\nkept      A:ZN301  metal\n" in done.out
    (found,) = json.loads((tmp_path / "out" / "run.json").read_text())["receptor"]["groups"]
    assert found["distance"] > 20 and found["kept"]
