"""Which complexes make up the batch of a step: size buckets, shuffled by (seed, epoch)."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from disco_dock.runtime.random import derive_seed

WINDOW = 16  # batches that are sorted by size together; larger wastes less padding and mixes less


class BatchPlan:
    """Deterministic batches of complexes of similar size; the batch of a step depends on (seed, step) only.

    Every epoch sees every complex once, whatever its size.

    Args:
        atoms: (complexes,) ligand atoms.
        residues: (complexes,) residues.
        batch_size: most complexes per batch.
        seed: of the run.
        max_cost: largest padded atoms x residues x complexes of a batch, 0 for no limit; a batch that would cost more
            becomes several, and a complex that alone costs more is a batch of its own.
    """

    def __init__(
        self, atoms: np.ndarray, residues: np.ndarray, *, batch_size: int, seed: int, max_cost: int = 0
    ) -> None:
        if batch_size < 1 or not len(atoms):
            raise ValueError("a plan needs complexes and a batch size of at least 1")
        self.atoms, self.residues = atoms, residues
        self.batch_size, self.seed, self.max_cost = batch_size, seed, max_cost
        self._epochs: dict[int, list[np.ndarray]] = {}
        self._starts = [0]  # first step of each epoch; how many batches an epoch has depends on its order

    def _pieces(self, part: np.ndarray) -> list[np.ndarray]:
        """Complexes in order, cut where a batch is full or would cost too much."""
        cuts, first, widest_atoms, widest_residues = [], 0, 0, 0
        for here, (atoms, residues) in enumerate(zip(self.atoms[part], self.residues[part], strict=True)):
            widest_atoms, widest_residues = max(widest_atoms, int(atoms)), max(widest_residues, int(residues))
            count = here - first + 1
            costly = self.max_cost and widest_atoms * widest_residues * count > self.max_cost
            if count > self.batch_size or (costly and count > 1):
                cuts.append(here)
                first, widest_atoms, widest_residues = here, int(atoms), int(residues)
        return np.split(part, cuts)

    def _epoch(self, epoch: int) -> list[np.ndarray]:
        if epoch not in self._epochs:
            rng = np.random.default_rng(derive_seed("plan", self.seed, epoch))
            order = rng.permutation(len(self.atoms))
            batches: list[np.ndarray] = []
            window = self.batch_size * WINDOW
            for start in range(0, len(order), window):
                part = order[start : start + window]
                batches += self._pieces(part[np.argsort(self.residues[part], kind="stable")])
            shuffle = rng.permutation(len(batches))
            self._epochs = {epoch: [batches[i] for i in shuffle]}
        return self._epochs[epoch]

    def steps(self, epoch: int) -> range:
        """The steps of an epoch, counted from 0."""
        while len(self._starts) < epoch + 2:
            self._starts.append(self._starts[-1] + len(self._epoch(len(self._starts) - 1)))
        return range(self._starts[epoch], self._starts[epoch + 1])

    def batch(self, step: int) -> list[int]:
        """Indices of the complexes of a step."""
        while self._starts[-1] <= step:
            self.steps(len(self._starts) - 1)
        epoch = bisect_right(self._starts, step) - 1
        return self._epoch(epoch)[step - self._starts[epoch]].tolist()
