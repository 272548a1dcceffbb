"""Training of the contact score: the poses of a complex compete, and those near the crystal pose must win."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from disco_dock.ranking.contact_network import ContactScorer, ContactScorerConfig, PoseContacts

NEAR, FAR = 2.0, 5.0  # Angstrom
CLIP = 1.0
"""Largest norm of a member's gradient."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactFitSettings:
    """Settings of the training.

    Attributes:
        epochs: times that each complex is seen.
        learning_rate: highest of one cycle.
        batch: complexes of a step.
        weight_decay: of all weights but those of the energies.
        kept: share of a complex's poses, drawn anew each time, that compete.
        far_weight: of the same loss for poses within 5 Angstrom, which tells the right place from others.
        cluster_power: a complex of a cluster of n counts n to the minus this.
        seed: random seed.
    """

    epochs: int = 12
    learning_rate: float = 3e-3
    batch: int = 8
    weight_decay: float = 1e-2
    kept: float = 0.5
    far_weight: float = 0.5
    cluster_power: float = 0.5
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class ContactExample:
    """Poses of one complex.

    Attributes:
        id: of the complex.
        cluster: of its protein; the poses of a cluster are all seen by a member or none.
        contacts: the poses, float32.
        rmsd: (poses,) Angstrom.
    """

    id: str
    cluster: str
    contacts: PoseContacts
    rmsd: Tensor


def joined_examples(parts: Sequence[ContactExample]) -> ContactExample:
    """Poses of one complex from several sets as those of one."""
    contacts = [part.contacts for part in parts]
    pairs = np.cumsum([0, *(len(one.distance) for one in contacts)]).tolist()

    def along(name: str) -> Tensor:
        return torch.cat([getattr(one, name) for one in contacts])

    together = PoseContacts(
        first=torch.cat([one.first + before for one, before in zip(contacts, pairs, strict=False)]),
        receptor_class=along("receptor_class"),
        distance=along("distance"),
        angles=along("angles"),
        ligand=contacts[0].ligand,
        energy=along("energy"),
    )
    return replace(parts[0], contacts=together, rmsd=torch.cat([part.rmsd for part in parts]))


def held_out_member(cluster: str, members: int) -> int:
    """The member that is not fitted to a cluster, and so is a fair judge of its complexes."""
    return zlib.crc32(cluster.encode()) % members


def fit_contacts(
    examples: Sequence[ContactExample],
    config: ContactScorerConfig,
    settings: ContactFitSettings,
    *,
    on_epoch: Callable[[int, float], None] | None = None,
) -> ContactScorer:
    """A contact score whose members are each fitted to all clusters but their own share, see `held_out_member`.

    The loss of a complex is minus the logarithm of the probability (a softmax of the scores) of all poses within 2
    Angstrom, and the same for 5 Angstrom with a weight; where all poses or none are that near, there is none.

    Args:
        examples: of training complexes, at least one step's batch.
        config: sizes.
        settings: of the fit.
        on_epoch: called with its number from 1 and the mean loss over complexes and members.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        scorer = ContactScorer(config).train()
        weights = _weights(examples, config.members, settings.cluster_power)
        groups = [
            {"params": [p for name, p in scorer.named_parameters() if name != "energy_weight"]},
            {"params": [scorer.energy_weight], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        steps = settings.epochs * (len(examples) // settings.batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=steps + 1, pct_start=0.1
        )
        for epoch in range(1, settings.epochs + 1):
            order, total = torch.randperm(len(examples), generator=generator).tolist(), 0.0
            for first in range(0, len(order) - settings.batch + 1, settings.batch):
                optimizer.zero_grad()
                for number in order[first : first + settings.batch]:
                    loss = _loss(scorer, examples[number], settings, generator)
                    if loss is not None:
                        (loss @ weights[number] / settings.batch).backward()
                        total += float(loss.detach().mean())
                _clip(scorer)
                optimizer.step()
                schedule.step()
            if on_epoch is not None:
                on_epoch(epoch, total / len(examples))
    return scorer.eval().requires_grad_(False)


def _weights(examples: Sequence[ContactExample], members: int, power: float) -> Tensor:
    """(examples, members) weight of each complex, 1 on average; 0 for the member that may not see it."""
    clusters = [example.cluster for example in examples]
    names, index, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    weight = torch.from_numpy(counts[index] ** -power).float()
    own = torch.tensor([held_out_member(name, members) for name in names.tolist()])[torch.from_numpy(index)]
    seen = own[:, None] != torch.arange(members) if members > 1 else torch.ones(len(examples), 1, dtype=torch.bool)
    return (weight / weight.mean())[:, None] * seen


def _loss(
    scorer: ContactScorer, example: ContactExample, settings: ContactFitSettings, generator: torch.Generator
) -> Tensor | None:
    """(members,) losses, or None where no poses can be told apart."""
    rmsd = example.rmsd[keep := torch.rand(len(example.rmsd), generator=generator) < settings.kept]
    wanted = [(weight, rmsd < limit) for limit, weight in ((NEAR, 1.0), (FAR, settings.far_weight))]
    wanted = [(weight, right) for weight, right in wanted if weight and right.any() and not right.all()]
    if not wanted:
        return None
    log_probability = scorer(example.contacts.poses(keep)).log_softmax(1)
    losses = [-weight * log_probability[:, right].logsumexp(1) for weight, right in wanted]
    return torch.stack(losses).sum(0)


def _clip(scorer: ContactScorer) -> None:
    """Clip the gradient of each member."""
    gradients = [p.grad for p in scorer.parameters() if p.grad is not None]
    norm = sum((gradient.flatten(1).square().sum(1) for gradient in gradients), torch.zeros(())).sqrt()
    factor = (CLIP / (norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))
