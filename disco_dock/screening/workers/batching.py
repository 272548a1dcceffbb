"""Which ligands are docked in one network batch, and in which order."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from disco_dock.sampling.several_ligands import cpu_share, cpu_shares
from disco_dock.screening.ledger.identity import ScreenSettings
from disco_dock.screening.messages import Work
from disco_dock.screening.plan import BATCH_LIGANDS, BUCKET_ATOMS, Batch


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchPolicy:
    """How many ligands one network batch holds.

    Attributes:
        ligands: at most so many, of one number of heavy atoms; 1 where each has its own batch.
        num_poses: of each.
        places: whether each ligand has its own share of the batch, as on a CPU.
    """

    ligands: int = 1
    num_poses: int = 1
    places: bool = False

    def share(self, work: Work) -> int:
        """The share of a batch that a ligand has; ligands of one share are not docked in one batch."""
        return cpu_share(work.smiles, self.num_poses) if self.places else 0


ONE_PER_BATCH = BatchPolicy()


def batch_policy(settings: ScreenSettings, device: str) -> BatchPolicy:
    """Ligands per network batch on this type of device.

    A CPU advances 8 poses at a time, so as many ligands as fit into 8. An accelerator takes the batch size, unless
    sampling may stop early, which is decided ligand by ligand.
    """
    predict = settings.predict
    if predict.choose_latents or predict.trajectory or predict.valid_only:
        return ONE_PER_BATCH
    if device == "cpu":
        shares = cpu_shares(predict.num_poses)
        return BatchPolicy(ligands=shares, num_poses=predict.num_poses, places=shares > 1)
    if settings.stop_when_converged or settings.time_budget is not None:
        return ONE_PER_BATCH
    return BatchPolicy(ligands=max(1, predict.batch_size // predict.num_poses), num_poses=predict.num_poses)


class Queue:
    """Waiting ligands, bucketed by size; a bounded window of the ledger's pending rows."""

    def __init__(self, batching: BatchPolicy = ONE_PER_BATCH) -> None:
        """Start empty; ligands that share a network batch need the same number of atoms, others a like one."""
        self._batching = batching
        self._width = BUCKET_ATOMS if batching.ligands == 1 else 1
        self._buckets: defaultdict[int, dict[int, deque[Work]]] = defaultdict(dict)
        self._alone: deque[Work] = deque()

    def __len__(self) -> int:
        """Number of waiting ligands."""
        return len(self._alone) + sum(len(works) for shares in self._buckets.values() for works in shares.values())

    def add(self, works: Iterable[Work]) -> None:
        """Append ligands; those over which a worker died are docked alone."""
        for work in works:
            if work.attempts:
                self._alone.append(work)
                continue
            bucket = self._buckets[work.heavy_atoms // self._width]
            bucket.setdefault(self._batching.share(work), deque()).append(work)

    def add_alone(self, works: Iterable[Work]) -> None:
        """Append ligands that get a batch of their own."""
        self._alone.extend(works)

    def take(self, largest: int) -> Batch | None:
        """Up to `largest` ligands of the bucket with the largest molecules, so that a run ends with short jobs.

        Ligands of different shares are taken in turn.
        """
        if self._alone:
            return Batch(works=(self._alone.popleft(),))
        if not self._buckets:
            return None
        key = max(self._buckets)
        bucket, works = self._buckets[key], list[Work]()
        while bucket and len(works) < largest:
            for share in sorted(bucket)[: largest - len(works)]:
                works.append(bucket[share].popleft())
                if not bucket[share]:
                    del bucket[share]
        if not bucket:
            del self._buckets[key]
        return Batch(works=tuple(works))

    def batch_size(self, workers: int) -> int:
        """Ligands of the next batch: fewer when few are left, so that no worker idles while another has a full one."""
        return max(1, min(max(BATCH_LIGANDS, self._batching.ligands), len(self) // (2 * max(workers, 1))))
