"""Several processes started by torchrun that train one model; alone, everything here is the identity."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.loop import STATE_FILE


@dataclass(frozen=True)
class Group:
    """This process among those that train together.

    Attributes:
        rank: its number.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def rows(self, batch_size: int) -> range:
        """This process's rows of a global batch.

        Raises:
            ConfigError: the batch is not divisible by the number of processes.
        """
        if batch_size % self.size:
            raise ConfigError(f"batch_size {batch_size} is not divisible by {self.size} processes")
        return range(self.rank, batch_size, self.size)

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over the processes; it shares its parameters with the one given."""
        return nn.parallel.DistributedDataParallel(module) if self.size > 1 else module

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.size > 1:
            dist.barrier()

    @contextmanager
    def state_folder(self, folder: Path) -> Iterator[Path]:
        """Where this process keeps its training state: `folder` for the first, a passing copy for others."""
        if self.first:
            yield folder
            return
        with tempfile.TemporaryDirectory(prefix="disco-image-") as own:
            if (folder / STATE_FILE).exists():
                shutil.copyfile(folder / STATE_FILE, Path(own) / STATE_FILE)
            yield Path(own)


@contextmanager
def joined(device: str) -> Iterator[tuple[Group, str]]:
    """Inside the block the processes of torchrun are one group; gives it and the name of this one's device.

    Args:
        device: as the user named it; each process takes the GPU of its local rank.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group(), device
        return
    cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    own = f"cuda:{os.environ['LOCAL_RANK']}" if cuda else "cpu"
    if cuda:
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Group(dist.get_rank(), dist.get_world_size()), own
    finally:
        dist.destroy_process_group()
