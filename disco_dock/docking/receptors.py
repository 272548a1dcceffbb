"""Receptors of a run: each is read and prepared once, and dropped after its last use."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from disco_dock.chem.posebusters_checks import Surroundings
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.structures.structure_files import read_structure
from disco_dock.docking.clashes import Obstacles, obstacles
from disco_dock.docking.language_model import read_embeddings
from disco_dock.docking.pocket import Pocket, find_pocket, reference_of
from disco_dock.docking.settings import PredictSettings
from disco_dock.physics.vina_scorer import VinaField
from disco_dock.ranking.contact_field import ContactField
from disco_dock.runtime.errors import DiscoError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class ReceptorFields:
    """A receptor prepared for scores of poses, each at first use.

    Attributes:
        receptor: as read.
    """

    receptor: Receptor

    @cached_property
    def field(self) -> VinaField:
        """The receptor prepared for Vina scores."""
        return VinaField(self.receptor)

    @cached_property
    def contacts(self) -> ContactField:
        """The receptor prepared for the contact score."""
        return ContactField(self.receptor, self.field.receptor)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedReceptor(ReceptorFields):
    """A receptor and everything derived from it and the settings, for any ligand.

    Attributes:
        path: file it came from.
        key: short hash of its sequence, the same for the same protein in another file.
        around: atoms that poses must not overlap.
        pocket: where to dock, or None.
        embeddings: (residues, dim) language-model features, or None.
        seconds: time it took.
    """

    path: Path
    key: str
    around: Obstacles
    pocket: Pocket | None
    embeddings: np.ndarray | None
    seconds: float

    @cached_property
    def surroundings(self) -> Surroundings:
        """The receptor prepared for PoseBusters, made when it is first asked for."""
        return Surroundings(self.receptor)


def prepare_receptor(path: Path, settings: PredictSettings, lm_dim: int) -> PreparedReceptor:
    """Read a receptor and find its pocket and embeddings.

    Raises:
        InputError: a file cannot be read or does not fit the receptor.
        ConfigError: embeddings are needed and missing, or given and not needed.
    """
    begin = time.perf_counter()
    structure = read_structure(path)
    receptor = read_receptor(structure, chains=settings.chains, groups=settings.groups)
    pocket = None if settings.pocket is None else find_pocket(settings.pocket, receptor)
    replaced = reference_of(settings.pocket, receptor)
    near = None if pocket is None or settings.chains_within is None else (pocket.center[None], settings.chains_within)
    if near is not None or (replaced is not None and receptor.kept_groups):
        receptor = read_receptor(
            structure, chains=settings.chains, keep_within=near, groups=settings.groups, replaced=replaced
        )
    return PreparedReceptor(
        path=path,
        receptor=receptor,
        key=hashlib.sha256(" ".join(receptor.names).encode()).hexdigest()[:8],
        around=obstacles(receptor),
        pocket=pocket,
        embeddings=read_embeddings(settings.embeddings, path, receptor, lm_dim),
        seconds=time.perf_counter() - begin,
    )


class ReceptorStore:
    """Prepared receptors by file; a file that failed is not read again."""

    def __init__(self, settings: PredictSettings, lm_dim: int, uses: Iterable[Path] = ()) -> None:
        """Serve receptors for these settings.

        Args:
            settings: of the run.
            lm_dim: language-model features that the checkpoint needs.
            uses: the receptor file of every complex to come; each is kept until its last `release`.
        """
        self._settings = settings
        self._lm_dim = lm_dim
        self._left = Counter(path.resolve() for path in uses)
        self._kept: dict[Path, PreparedReceptor | DiscoError] = {}

    def get(self, path: Path) -> PreparedReceptor:
        """The prepared receptor of a file; raises what `prepare_receptor` raised."""
        key = path.resolve()
        if key not in self._kept:
            logger.info("reading receptor %s", path)
            try:
                self._kept[key] = prepare_receptor(path, self._settings, self._lm_dim)
            except DiscoError as error:
                self._kept[key] = error
        found = self._kept[key]
        if isinstance(found, DiscoError):
            raise found
        return found

    def release(self, path: Path) -> None:
        """Count one complex of this file as done; drop the receptor after the last."""
        key = path.resolve()
        self._left[key] -= 1
        if self._left[key] <= 0:
            self._kept.pop(key, None)
