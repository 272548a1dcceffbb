"""Made-up surroundings of poses."""

from __future__ import annotations

import torch

from disco_dock.evaluation.fit.contact_training import ContactExample
from disco_dock.ranking.contact_network import ANGLES, ContactScorerConfig, PoseContacts


def random_contacts(config: ContactScorerConfig, *, poses: int, atoms: int, seed: int) -> PoseContacts:
    """Up to six receptor atoms around each atom of each pose, some nearer than the first knot."""
    draws = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, 7, (poses * atoms,), generator=draws)
    pairs = int(counts.sum())
    return PoseContacts(
        first=counts.cumsum(0) - counts,
        receptor_class=torch.randint(0, config.receptor_classes, (pairs,), generator=draws),
        distance=1.0 + (config.cutoff - 1.0) * torch.rand(pairs, generator=draws, dtype=torch.float64),
        angles=torch.rand((pairs, ANGLES), generator=draws, dtype=torch.float64) * 2 - 1,
        ligand=torch.randint(0, 2, (atoms, config.ligand_features), generator=draws).double(),
        energy=torch.randn(poses, 2, generator=draws, dtype=torch.float64),
    )


def planted_examples(
    config: ContactScorerConfig, clusters: int, *, poses: int = 8, atoms: int = 4
) -> list[ContactExample]:
    """Complexes whose poses near the crystal's have receptor atoms of class 0 around them and the others of class 1."""
    found = []
    for number in range(clusters):
        contacts = random_contacts(config, poses=poses, atoms=atoms, seed=number)
        pose = torch.repeat_interleave(torch.arange(poses * atoms) // atoms, _counts(contacts))
        near = torch.arange(poses) % 4 == number % 4
        single = [value.float() if value.is_floating_point() else value for value in contacts]
        planted = PoseContacts(*single)._replace(receptor_class=torch.where(near[pose], 0, 1))
        rmsd = torch.where(near, 1.0, 6.0)
        found.append(ContactExample(id=f"made{number}", cluster=f"c{number}", contacts=planted, rmsd=rmsd))
    return found


def _counts(contacts: PoseContacts) -> torch.Tensor:
    return torch.diff(contacts.first, append=torch.tensor([len(contacts.distance)]))
