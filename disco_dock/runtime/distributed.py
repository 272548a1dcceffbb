# pyright: basic
"""Processes of torchrun that train one model together; with one process, every function is the identity."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from disco_dock.runtime.errors import ConfigError

Item = TypeVar("Item")
PATIENCE = timedelta(hours=2)
"""How long a process waits for the others; validation by docking is slow."""


class Processes(NamedTuple):
    """Number of this process and how many there are."""

    rank: int
    size: int

    @property
    def first(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Every `size`-th item, from number `rank` on."""
        return list(items[self.rank :: self.size])


def processes() -> Processes:
    """This process among those that train together."""
    if dist.is_available() and dist.is_initialized():
        return Processes(dist.get_rank(), dist.get_world_size())
    return Processes(0, 1)


@contextmanager
def process_group(device: str) -> Iterator[str]:
    """Inside the block the processes that torchrun started are one group; gives the name of this one's device.

    Args:
        device: as the user named it; each process takes the GPU of its local rank where that is a GPU without number.

    Raises:
        ConfigError: one numbered GPU for several processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        yield device
        return
    cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if cuda and ":" in device:
        raise ConfigError(
            f"device {device!r} names one GPU for {os.environ['WORLD_SIZE']} processes; use --device cuda"
        )
    own = f"cuda:{os.environ['LOCAL_RANK']}" if cuda else device
    if cuda:
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield own
    finally:
        dist.destroy_process_group()


@torch.no_grad()
def total(value: Tensor) -> Tensor:
    """Sum of a tensor over the processes, without gradient; a new tensor."""
    value = value.detach().clone()
    if processes().size > 1:
        dist.all_reduce(value)
    return value


def differentiable_total(value: Tensor) -> Tensor:
    """Sum of a tensor over the processes; the gradient of every process flows to every process."""
    if processes().size == 1:
        return value
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(value)


def total_of_each(values: Mapping[str, float]) -> dict[str, float]:
    """Sums over the processes of numbers that all of them have, by name."""
    if processes().size == 1 or not values:
        return dict(values)
    names = sorted(values)
    sums = total(_on_device(torch.tensor([values[name] for name in names], dtype=torch.float64)))
    return dict(zip(names, sums.tolist(), strict=True))


def from_first(value: Item) -> Item:
    """The first process's value, in all of them."""
    if processes().size == 1:
        return value
    box: list[Any] = [value]
    dist.broadcast_object_list(box)
    return box[0]


def gathered(items: Sequence[Item]) -> list[Item]:
    """The items of all processes, in the order of ranks."""
    if processes().size == 1:
        return list(items)
    parts: list[Any] = [None] * processes().size
    dist.all_gather_object(parts, list(items))
    return [item for part in parts for item in part]


def wait_for_all() -> None:
    """Wait until every process has arrived here."""
    if processes().size > 1:
        dist.barrier()


@torch.no_grad()
def average_gradients(parameters: Iterable[torch.nn.Parameter], loss: Tensor) -> Tensor:
    """Replace each gradient by its mean over the processes, in one exchange; returns the mean of the losses.

    A parameter without a gradient in this process counts as zero; one without a gradient in any process keeps none.
    """
    size = processes().size
    if size == 1:
        return loss.detach()
    owners = [parameter for parameter in parameters if parameter.requires_grad]
    parts = [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in owners]
    reached = torch.tensor([float(p.grad is not None) for p in owners]).to(parts[0])
    flat = torch.cat([*parts, reached, loss.detach().reshape(1).to(parts[0])])
    dist.all_reduce(flat)
    sizes = [p.numel() for p in owners]
    *sums, reached, loss_sum = flat.split([*sizes, len(owners), 1])
    for parameter, part, known in zip(owners, sums, reached.tolist(), strict=True):
        parameter.grad = (part / size).view_as(parameter) if known else None
    return loss_sum[0] / size


def _on_device(value: Tensor) -> Tensor:
    """The tensor where the group's messages live."""
    return value.cuda() if dist.get_backend() == "nccl" else value
