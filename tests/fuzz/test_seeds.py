"""The files that the fuzzer starts from are sound: each is accepted as it is."""

from __future__ import annotations

from random import Random

import pytest

from disco_dock.runtime.errors import DiscoError
from tests.fuzz import cases
from tests.fuzz.cases import KINDS

CALM = [kind for kind in KINDS if kind not in ("csv", "predict-csv")]  # these hold odd names and paths from the start


@pytest.mark.parametrize("kind", CALM)
def test_undamaged_files_are_accepted(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(cases, "edited", lambda data, *_, **__: data)
    for index in range(8):
        folder = tmp_path / str(index)
        folder.mkdir()
        path = KINDS[kind].write(Random(index), folder)
        try:
            if KINDS[kind].read(path):
                return
        except DiscoError:  # of a seed with several ligands, or of SMILES made at random
            continue
    pytest.fail("no file of eight was accepted")
