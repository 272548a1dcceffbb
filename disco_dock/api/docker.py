"""Docking with a loaded checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from disco_dock.api.progress import progress_bar
from disco_dock.api.result import Result
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligand_states import ligand_states
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.state_limits import check_count
from disco_dock.docking.best_state import best_state, kept_state
from disco_dock.docking.engine import Engine, docking_settings, load_engine
from disco_dock.docking.predict import predict_complex
from disco_dock.docking.receptors import ReceptorStore
from disco_dock.docking.runs.input_files import file_hash, settings_files
from disco_dock.docking.runs.inputs import DockingJob
from disco_dock.docking.runs.names import complex_name, safe_name
from disco_dock.docking.runs.record import job_hashes, run_record
from disco_dock.docking.settings import PredictSettings


class Docker:
    """A checkpoint that docks.

    Args:
        engine: as made by `load_engine`; `Docker.from_pretrained` is the usual way.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def from_pretrained(cls, checkpoint: str | Path | None = None, *, device: str = "auto") -> Docker:
        """A docker with the networks of a checkpoint folder, or of the bundled checkpoint for None.

        Args:
            checkpoint: folder with config.json and weights.
            device: "auto", "cpu", "cuda", "cuda:1" or "mps".

        Raises:
            CheckpointError: there is no usable checkpoint.
            ConfigError: the device is absent.
        """
        return cls(load_engine(None if checkpoint is None else Path(checkpoint), device))

    def dock(self, protein: str | Path, ligand: str | Path, *, progress: bool | None = None, **settings: Any) -> Result:
        """Ranked poses of a ligand in a protein, the same as `disco-dock predict` writes.

        Args:
            protein: PDB or mmCIF file, also gzipped.
            ligand: file with one molecule, or a SMILES string.
            progress: whether a bar shows it; None for one in notebooks only.
            settings: fields of `PredictSettings`, such as `num_poses=10`, `seed=1`, `modes=8`, `trajectory=True`,
                `valid_only=True`, `protonate=7.4` or `pocket=PocketHint(residues=("A:57",))`.

        Returns:
            Of the best state (by Vina score) where `protonate` finds several; `dock_states` gives all.

        Raises:
            TypeError: there is no such setting.
            DiscoError: with one sentence on what is wrong and what to do.
        """
        found = self.dock_states(protein, ligand, progress=progress, **settings)
        predictions = [one.prediction for one in found]
        kept = kept_state(predictions)
        record = found[best_state(predictions)].record
        return Result(kept, {**record, "notes": list(kept.notes)})

    def dock_states(
        self, protein: str | Path, ligand: str | Path, *, progress: bool | None = None, **settings: Any
    ) -> list[Result]:
        """Ranked poses of each protonation state that the settings ask for; arguments and errors as of `dock`.

        The same as `disco-dock predict --protonate` writes.

        Returns:
            One result for each of the `chem.ligand_states`; only one for a ligand that has no others.
        """
        return self._dock_states(protein, ligand, 0, progress, settings)

    def dock_isomers(
        self, protein: str | Path, ligand: str | Path, count: int, *, progress: bool | None = None, **settings: Any
    ) -> list[Result]:
        """Ranked poses of each configuration of a ligand with open centres or double bonds.

        The same as `disco-dock predict --stereo-isomers` writes.

        Args:
            protein: PDB or mmCIF file, also gzipped.
            ligand: file with one molecule, or a SMILES string.
            count: most configurations, at least 1.
            progress: as of `dock`.
            settings: as of `dock`.

        Returns:
            One result for each of the `chem.stereo_isomers`; only one for a ligand whose stereo is given.

        Raises:
            TypeError: there is no such setting.
            DiscoError: with one sentence on what is wrong and what to do.
        """
        check_count(count)
        return self._dock_states(protein, ligand, count, progress, settings)

    def _dock_states(
        self, protein: str | Path, ligand: str | Path, isomers: int, progress: bool | None, settings: dict[str, Any]
    ) -> list[Result]:
        chosen = PredictSettings(**settings)
        states = ligand_states(_read(ligand, chosen), protonate=chosen.protonate, isomers=isomers)
        return [self._dock(Path(protein), state, str(ligand), chosen, progress) for state in states]

    def _dock(self, path: Path, molecule: Ligand, spec: str, chosen: PredictSettings, progress: bool | None) -> Result:
        docking_settings(self.engine.models, chosen, None)
        files = settings_files(chosen)
        name = safe_name(complex_name(path, molecule.name))
        job = DockingJob(name=name, protein=path, ligand=molecule, ligand_spec=spec)
        hashes = job_hashes(self.engine, chosen, job, files, file_hash(path))
        store = ReceptorStore(chosen, self.engine.models.config.lm_dim, [path])
        with progress_bar(name, progress) as step:
            prediction = predict_complex(self.engine, chosen, store, path, molecule, name=name, on_step=step)
        return Result(prediction, run_record(self.engine, chosen, job, hashes, prediction))


def _read(ligand: str | Path, chosen: PredictSettings) -> Ligand:
    return read_ligand(str(ligand), template_smiles=chosen.template_smiles, largest_fragment=chosen.largest_fragment)
