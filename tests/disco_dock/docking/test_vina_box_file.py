"""Search boxes in configuration files of other tools."""

from __future__ import annotations

import numpy as np
import pytest

from disco_dock.docking.vina_box_file import read_box
from disco_dock.runtime.errors import InputError
from tests.support.complexes import write_ligand

VINA = """receptor = rec.pdbqt
# the pocket
center_x = 1.5
center_y=-2
 Center_Z = 3e1  # of it
size_x = 20
size_y = 22.5
size_z = 24
exhaustiveness = 8
"""


def test_box_of_vina(tmp_path):
    (tmp_path / "conf.txt").write_text(VINA)
    box = read_box(tmp_path / "conf.txt")
    assert box.center.tolist() == [1.5, -2.0, 30.0] and box.size.tolist() == [20.0, 22.5, 24.0]


def test_autobox_of_gnina(tmp_path):
    write_ligand(tmp_path / "ref.sdf", "CCCCO", np.array([5.0, 6.0, 7.0]))
    (tmp_path / "conf.txt").write_text("autobox_ligand = ref.sdf\n")
    wide = read_box(tmp_path / "conf.txt")
    (tmp_path / "conf.txt").write_text("autobox_ligand = ref.sdf\nautobox_add = 1\n")
    tight = read_box(tmp_path / "conf.txt")
    np.testing.assert_allclose(wide.size - tight.size, 6.0)
    np.testing.assert_allclose(wide.center, tight.center)
    assert np.abs(wide.center - (5.0, 6.0, 7.0)).max() < 1.5


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "no center_x"),
        (VINA.replace("size_y", "sze_y"), "no size_y"),
        (VINA.replace("22.5", "wide"), "'wide'"),
        (VINA.replace("22.5", "-3"), "positive"),
        (VINA.replace("1.5", "nan"), "'nan'"),
        ("autobox_ligand = gone.sdf", "gone.sdf"),
    ],
)
def test_broken_boxes(tmp_path, text, part):
    (tmp_path / "conf.txt").write_text(text)
    with pytest.raises(InputError, match=part):
        read_box(tmp_path / "conf.txt")
    with pytest.raises(InputError, match="cannot be opened"):
        read_box(tmp_path / "none.txt")
