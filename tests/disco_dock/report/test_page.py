"""The page as text, the folder read back, and the scripts."""

from __future__ import annotations

import base64
import csv
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from disco_dock.cli.main import main
from disco_dock.interactions.find import find_interactions
from disco_dock.interactions.fingerprint import fingerprint, word
from disco_dock.interactions.pocket import PocketContacts
from disco_dock.report.folder import docked_folders, read_folder
from disco_dock.report.molviewspec import write_molviewspec
from disco_dock.report.page import page_data, report_page
from disco_dock.report.rendering import render
from disco_dock.report.scripts import held_by, residue_place, write_chimerax, write_pymol
from disco_dock.report.trust import trust
from disco_dock.runtime.errors import InputError

VOID = {"meta", "link", "input", "br", "circle", "line", "path", "rect"}
RELIABILITY = [
    {
        "threshold": 2.0,
        "which": which,
        "complexes": 50,
        "poses": poses,
        "ece": ece,
        "brier": 0.1,
        "base_brier": 0.2,
        "bins": [
            {"low": 0.0, "high": 0.5, "poses": poses - 10, "predicted": 0.2, "observed": 0.25},
            {"low": 0.5, "high": 1.0, "poses": 10, "predicted": 0.8, "observed": observed},
        ],
    }
    for which, poses, ece, observed in (("all", 500, 0.02, 0.7), ("first", 50, 0.06, 0.6))
]


class Balance(HTMLParser):
    """Complains about an element that is closed out of order."""

    def __init__(self):
        super().__init__()
        self.open, self.ids = [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_page_is_well_formed_and_self_contained(docked):
    text = report_page(docked)
    parser = Balance()
    parser.feed(text)
    assert parser.open == [] and len(set(parser.ids)) == len(parser.ids)
    outside = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"""(src|href)=["'](?!https://3dmol\.org|#|data:)""", outside)
    assert "default-src 'none'" in text and "BSD-3-Clause" in text and "University of Pittsburgh" in text
    data = json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)[1])
    assert len(data["poses"]) == 6 and len(data["frames"]) >= 1


def test_what_a_user_wrote_cannot_break_out(docked):
    nasty = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    record = {**docked.record, "name": nasty, "notes": [nasty]}
    rows = [{**row, "latents": nasty} for row in docked.rows]
    text = report_page(type(docked)(**{**vars(docked), "record": record, "rows": rows}))
    assert "<script>alert" not in text and "<img" not in text


def test_trajectory_ends_at_the_first_pose(docked, docked_path):
    first = docked.mols[0].GetConformer().GetPositions()[: docked.frames.shape[1]]
    np.testing.assert_allclose(docked.frames[-1], first, atol=2e-3)
    assert "MODEL" in (docked_path / "trajectory_rank1.pdb").read_text()
    assert " LIG " not in docked.receptor_pdb and "ATOM" in docked.receptor_pdb


def test_scripts_name_the_files_and_the_latents(docked, docked_path):
    for path, opening in ((write_pymol(docked), "load poses.sdf"), (write_chimerax(docked), "open poses.sdf")):
        lines = path.read_text()
        assert opening in lines and path.parent == docked_path
        assert str(docked_path.absolute()) in lines
        for _, number in held_by(docked):
            assert f"resi {number}" in lines or f":{number}" in lines


def test_command_writes_the_report(docked_path, capfd):
    assert main(["report", str(docked_path), "--pymol"]) == 0
    assert capfd.readouterr().out.splitlines() == [
        f"report: {docked_path / 'report.html'}",
        f"scene: {docked_path / 'view.pml'}",
    ]


@pytest.mark.parametrize("folder", [".", "absent"])
def test_folder_without_results(tmp_path, folder, capfd):
    assert main(["report", str(tmp_path / folder)]) == 1
    assert "holds no results" in capfd.readouterr().err
    with pytest.raises(InputError):
        docked_folders(tmp_path / folder)


def test_damaged_folder(docked_path, tmp_path):
    for name in ("run.json", "results.csv", "poses.sdf", "complex_rank1.pdb"):
        (tmp_path / name).write_bytes((docked_path / name).read_bytes())
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        read_folder(tmp_path)
    (tmp_path / "run.json").write_bytes((docked_path / "run.json").read_bytes())
    with (docked_path / "results.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    (tmp_path / "results.csv").write_text("\n".join(",".join(line) for line in lines[:-1]) + "\n")
    with pytest.raises(InputError, match="6 readable poses"):
        read_folder(tmp_path)


def test_trust_in_words():
    row = {"rank": "1", "p_rmsd_under_2": "0.6", "p_rmsd_under_5": "0.9"}
    told = trust(row, RELIABILITY)
    assert (told["near"], told["far"], told["band"]) == (0.6, 0.9, "may be right")
    assert told["reliability"].startswith("Of 10 first-ranked poses of held-out") and "60 %" in told["reliability"]
    assert trust({**row, "rank": "2"}, RELIABILITY)["reliability"].startswith("Of 10 poses of held-out")
    assert trust(row, RELIABILITY[:1])["reliability"].startswith("Of 10 poses of held-out")  # first ones not measured
    assert trust({"rank": "1", "p_rmsd_under_2": ""}, [])["band"] is None


def changed(docked, rows=None, **record):
    """The folder with other rows, or other values in its record."""
    return type(docked)(**{**vars(docked), "rows": rows or docked.rows, "record": {**docked.record, **record}})


def body(docked) -> str:
    """The page without its scripts."""
    return re.sub(r"<script.*?</script>", "", report_page(docked), flags=re.DOTALL)


def test_trust_tells_the_reliability_and_that_it_is_no_affinity(docked):
    rows = [{**row, "p_rmsd_under_2": "0.6", "p_rmsd_under_5": "0.9", "trust": "likely"} for row in docked.rows]
    text = body(changed(docked, rows, reliability=RELIABILITY))
    assert "not a binding affinity" in text and text.count('class="reliability"') == 1 and text.count("<circle") >= 2
    assert "50 first-ranked poses of 50 held-out complexes: expected calibration error 0.060" in text
    assert "500 poses of 50 held-out complexes: expected calibration error 0.020" in text
    assert '<p class="big">60 %</p>' in text
    assert "Not calibrated" in body(docked)


def test_summary_tells_the_story(docked):
    row = {"vina_score": "-7.14", "strain": "3.9", "valid": "false", "failed_checks": "bond_lengths", "rmsd": "0.51"}
    rows = [{**one, **row, "lddt_pli": "0.9"} for one in docked.rows]
    text = body(changed(docked, rows, warnings=["this complex was trained on (as <1abc>)"]))
    summary = text[text.index('id="summary"') : text.index('class="stage"')]
    assert "-7.1" in summary and "not an affinity" in summary and "relaxed within 0.3 Å" in summary
    assert "not valid" in summary and "bond lengths" in summary and "0.51 Å" in summary and "Site:" in summary
    assert "This complex was trained on (as &lt;1abc&gt;)." in text


def test_one_row_for_each_distinct_pose_and_copies_on_request(docked):
    leaders = ["", "1", "1", "", "4", "4"]
    rows = [{**row, "copy_of": leader} for row, leader in zip(docked.rows, leaders, strict=True)]
    text = body(changed(docked, rows))
    assert text.count("data-copy hidden") == 4 and "show 4 copies" in text and "6 poses, 2 of them distinct" in text


def test_diagram_names_the_residues(docked):
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', report_page(docked), re.DOTALL)
    pose = json.loads(data[1])["poses"][0]
    assert pose["interactions"] and "<svg" in pose["diagram"]
    for name in pose["residues"]:
        assert name.partition(":")[2] in pose["diagram"]


def test_the_list_says_how_many_poses_share_an_interaction(docked):
    pocket = PocketContacts(docked.receptor)
    found = [find_interactions(mol, pocket) for mol in docked.mols]
    rows = [{**row, "copy_of": "1" if index == 1 else ""} for index, row in enumerate(docked.rows)]
    data = page_data(changed(docked, rows), found)
    words = [set(fingerprint(own)) for index, own in enumerate(found) if index != 1]
    assert data["distinct"] == len(rows) - 1
    for one, own in zip(data["poses"][0]["interactions"], found[0], strict=True):
        assert one["poses"] == sum(word(own) in others for others in words) >= 1
    assert any(found)


def test_vina_score_is_headed_as_no_affinity(docked):
    rows = [{**row, "vina_score": "-7.1"} for row in docked.rows]
    assert 'title="kcal/mol, not an affinity">Vina</th>' in body(changed(docked, rows))


def test_every_pose_has_a_verdict_with_names(docked):
    rows = [{**row, "valid": "true", "failed_checks": ""} for row in docked.rows]
    rows[5] |= {"valid": "false", "failed_checks": "bond_lengths <b>internal_energy"}
    text = body(changed(docked, rows, validity={"draws": 9, "acceptance_rate": 0.6667}))
    assert "5 of 6 checked poses are valid" in text and "67 % were accepted" in text
    assert "bond lengths, &lt;b&gt;internal energy" in text
    one = [rows[0], *({**row, "valid": ""} for row in rows[1:])]
    assert "1 of 1 checked pose is valid; 5 were not checked." in body(changed(docked, one, validity=None))
    none = [{**row, "valid": ""} for row in rows]
    assert "were not checked by PoseBusters" in body(changed(docked, none, validity=None))


def test_folders_of_older_versions_have_no_reliability(docked):
    record = {key: value for key, value in docked.record.items() if key != "reliability"}
    assert "Not calibrated" in report_page(type(docked)(**{**vars(docked), "record": record}))


def test_novelty_in_words(docked):
    found = {
        "protein": {"nearest": "", "identity": 0.0, "bin": "below 30 %"},
        "ligand": {"nearest": "1abc", "tanimoto": 0.514, "bin": "0.4 to 0.7"},
        "sentences": ["one", "of 12 measured complexes, <some>"],
    }
    text = body(changed(docked, novelty=found))
    assert "none alike" in text and "Tanimoto 0.51" in text and "Of 12 measured complexes, &lt;some&gt;." in text
    assert "no training index" in body(changed(docked, novelty=None))


def test_groups_are_listed_with_what_became_of_them(docked):
    assert 'id="groups"' not in body(changed(docked, receptor={}))
    zinc = {"id": "A:ZN301", "kind": "metal", "kept": True, "why": "metal", "buried": 0.91, "distance": 2.14}
    loose = {"id": "A:<b>:401", "kind": "additive", "kept": False, "why": "buffer & co", "buried": None}
    text = body(changed(docked, receptor={"groups": [loose, zinc], "records": {"dropped": {"water": 12}}}))
    table = text[text.index('id="groups"') :]
    assert table.index("A:ZN301") < table.index("A:&lt;b&gt;:401")
    for part in ("91 %", "2.1 Å", "left out", "buffer &amp; co", "12 atoms of water were left out"):
        assert part in table


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("A:ASP189", ("A", 189, "")),
        ("_:SER195B", ("", 195, "B")),
        ("A:GP6:910", ("A", 910, "")),
        ("A:CL-:30", ("A", 30, "")),
        ("A:GLU-5", ("A", -5, "")),
    ],
)
def test_places_of_residues_and_groups(name, place):
    assert residue_place(name) == place


def test_templates_escape_and_miss_nothing():
    with pytest.raises(Exception, match="undefined"):
        render("summary.html")


def test_scene_has_both_structures_inside(docked):
    made = json.loads(write_molviewspec(docked).read_text())
    urls = [child["params"]["url"] for child in made["root"]["children"]]
    assert len(urls) == 2 and all(url.startswith("data:text/plain;base64,") for url in urls)
    assert b"ATOM" in base64.b64decode(urls[0].partition(",")[2])
    assert {child["children"][0]["params"]["format"] for child in made["root"]["children"]} == {"pdb", "mol"}
