"""Previews by a process that is started when the first is asked for, one at a time, each under a time limit."""

from __future__ import annotations

import threading
from typing import Any

from disco_dock.runtime.capped_worker import CappedWorker, WorkerError
from disco_dock.runtime.errors import DiscoError, InputError
from disco_dock.server.previews.records import LigandPreview, ProteinPreview
from disco_dock.server.previews.structures import MODULES, preview_ligand, preview_protein
from disco_dock.server.uploads import ligand_name, protein_name

SECONDS = 20.0  # processor time of a preview
PATIENCE = 60.0  # seconds that a request waits for its turn


class BusyError(DiscoError):
    """Others wait for previews already."""

    code = "busy"


class Previewer:
    """Reads files of clients; all methods may be called from any thread.

    Args:
        max_ligands: that a job may have.
    """

    def __init__(self, max_ligands: int) -> None:
        self._max_ligands = max_ligands
        self._worker = CappedWorker(MODULES)
        self._turn = threading.Lock()

    def close(self) -> None:
        """End the process."""
        self._worker.close()

    def protein(self, content: bytes) -> ProteinPreview:
        """What a structure file holds.

        Raises:
            InputError: it cannot be read.
            BusyError: too many ask at once.
        """
        return ProteinPreview.model_validate(self._ask("protein", preview_protein, content, protein_name(content)))

    def ligand(self, content: bytes, template_smiles: str | None, largest_fragment: bool) -> LigandPreview:
        """What a file of molecules holds.

        Args:
            content: of the file.
            template_smiles: bond orders of a PDB ligand.
            largest_fragment: keep the largest fragment of a salt.

        Raises:
            InputError: no molecule of it can be docked.
            BusyError: too many ask at once.
        """
        asked = (content, ligand_name(content), template_smiles, largest_fragment, self._max_ligands)
        return LigandPreview.model_validate(self._ask("ligand", preview_ligand, *asked))

    def _ask(self, what: str, function: Any, *arguments: Any) -> dict[str, Any]:
        if not self._turn.acquire(timeout=PATIENCE):
            raise BusyError("the server is busy with the previews of others; try again in a minute")
        try:
            found = self._worker.call(function, *arguments, seconds=SECONDS)
        except WorkerError as error:
            raise InputError(f"{what}: cannot be shown ({error}); docking may still work") from error
        finally:
            self._turn.release()
        if "error" in found:
            raise InputError(found["error"])
        return found
