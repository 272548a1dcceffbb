"""What `Docker.dock` gives back."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdkit import Chem

from disco_dock.data.novelty import Novelty
from disco_dock.docking.binding_modes import Mode, PocketSuggestion
from disco_dock.docking.prediction import Prediction
from disco_dock.docking.runs.outputs import write_prediction
from disco_dock.ranking.reliability import Reliability
from disco_dock.runtime.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd


class Result:
    """Ranked poses of one ligand in one receptor; in a notebook it shows itself.

    Args:
        prediction: the poses.
        record: what run.json says.
    """

    def __init__(self, prediction: Prediction, record: Mapping[str, Any]) -> None:
        self.prediction = prediction
        self.record = dict(record)

    @property
    def mols(self) -> list[Chem.Mol]:
        """The poses as RDKit molecules with hydrogens, best first; the table's values are their properties."""
        return self.prediction.poses

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per pose, best first, with the columns of results.csv.

        Raises:
            ConfigError: pandas is not installed.
        """
        if find_spec("pandas") is None:
            raise ConfigError("pandas is not installed; pip install 'disco-dock[notebook]', or use .prediction.table")
        import pandas as pd

        return pd.DataFrame(self.prediction.table)

    def to_pandas(self) -> pd.DataFrame:
        """The table with the poses: the column `mol` holds RDKit molecules, such as `rdkit.Chem.PandasTools` takes.

        Raises:
            ConfigError: pandas is not installed.
        """
        return self.table.assign(mol=self.mols)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The codes of the latents with their probabilities and poses, most probable first."""
        return self.prediction.modes

    @property
    def pocket_suggestion(self) -> PocketSuggestion | None:
        """Where the prior's latents point, when that was asked for."""
        return self.prediction.pocket_suggestion

    @property
    def reliability(self) -> tuple[Reliability, ...]:
        """How well the probabilities of such poses held on complexes that nothing was fitted on."""
        return self.prediction.reliability

    @property
    def novelty(self) -> Novelty | None:
        """How near the complex is to the checkpoint's training set, or None where that is not known."""
        return self.prediction.novelty

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about inputs and results, one sentence each."""
        return self.prediction.notes

    def save(self, folder: str | Path) -> Path:
        """Write the files that `disco-dock predict` writes, and return the folder."""
        write_prediction(Path(folder), self.prediction, self.record)
        return Path(folder)

    def report(self, folder: str | Path) -> Path:
        """Write the files and `report.html`, and return the path of the page."""
        from disco_dock.report.page import write_report

        return write_report(self.save(folder))

    def __len__(self) -> int:
        """Number of poses."""
        return len(self.prediction.ranked)

    def __repr__(self) -> str:
        best = self.prediction.table[0]
        trust = "" if best["trust"] is None else f", P(RMSD < 2 A) {best['p_rmsd_under_2']:.2f}: {best['trust']}"
        return f"Result({self.prediction.name}: {len(self)} poses, first with confidence {best['confidence']}{trust})"

    def _repr_html_(self) -> str:
        """The view of `report.notebook_view`."""
        from disco_dock.report.folder import read_folder
        from disco_dock.report.notebook_view import notebook_view

        with tempfile.TemporaryDirectory() as folder:
            return notebook_view(read_folder(self.save(folder)))
