"""Which complexes make up the batch of a step: size buckets, shuffled by (seed, epoch)."""

from __future__ import annotations

import numpy as np

from disco_dock.runtime.random import derive_seed

WINDOW = 16  # batches that are sorted by size together; larger wastes less padding and mixes less


class BatchPlan:
    """Deterministic batches of complexes of similar size; the batch of a step depends on (seed, step) only.

    Args:
        atoms: (complexes,) ligand atoms.
        residues: (complexes,) residues.
        batch_size: complexes per batch.
        seed: of the run.
        max_cost: largest padded atoms x residues x complexes of a batch; larger batches are cut, 0 for no limit.
    """

    def __init__(
        self, atoms: np.ndarray, residues: np.ndarray, *, batch_size: int, seed: int, max_cost: int = 0
    ) -> None:
        if batch_size < 1 or not len(atoms):
            raise ValueError("a plan needs complexes and a batch size of at least 1")
        self.atoms, self.residues = atoms, residues
        self.batch_size, self.seed, self.max_cost = batch_size, seed, max_cost
        self._epochs: dict[int, list[np.ndarray]] = {}
        self.batches_per_epoch = -(-len(atoms) // batch_size)

    def _epoch(self, epoch: int) -> list[np.ndarray]:
        if epoch not in self._epochs:
            rng = np.random.default_rng(derive_seed("plan", self.seed, epoch))
            order = rng.permutation(len(self.atoms))
            batches: list[np.ndarray] = []
            window = self.batch_size * WINDOW
            for start in range(0, len(order), window):
                part = order[start : start + window]
                part = part[np.argsort(self.residues[part], kind="stable")]
                batches += [part[i : i + self.batch_size] for i in range(0, len(part), self.batch_size)]
            shuffle = rng.permutation(len(batches))
            self._epochs = {epoch: [batches[i] for i in shuffle]}
        return self._epochs[epoch]

    def batch(self, step: int) -> list[int]:
        """Indices of the complexes of a step."""
        epoch, number = divmod(step, self.batches_per_epoch)
        chosen = self._epoch(epoch)[number]
        if self.max_cost:
            cost = int(self.atoms[chosen].max() * self.residues[chosen].max())
            chosen = chosen[: max(1, self.max_cost // max(cost, 1))]
        return chosen.tolist()
