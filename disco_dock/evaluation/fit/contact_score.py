"""Fit of a checkpoint's contact score on training complexes; each member is measured on clusters it did not see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from disco_dock.data.sources import read_ids
from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.fit.contact_training import (
    NEAR,
    ContactExample,
    ContactFitSettings,
    fit_contacts,
    held_out_member,
)
from disco_dock.evaluation.fit.decoys import NATIVE, Decoys, DecoySettings, make_decoys, read_decoys
from disco_dock.evaluation.fit.judge import FEWEST, check_training
from disco_dock.evaluation.strata import read_manifest
from disco_dock.physics.vina_receptor import vina_receptor
from disco_dock.ranking.contact_field import ContactField
from disco_dock.ranking.contact_network import ContactScorer, ContactScorerConfig, PoseContacts
from disco_dock.ranking.contact_score import pose_contacts
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.tables import write_json
from disco_dock.weights.networks import Models, save_checkpoint

CONTACTS_FILE, DECOY_FOLDER = "contacts.json", "decoys"
ANGLE_KNOTS = (2.2, 2.7, 3.0, 3.4, 3.9, 4.5, 5.2)  # Angstrom
Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ContactSettings:
    """Settings of the fit.

    Attributes:
        data: folder of the complexes' files.
        train: file of ids of training complexes.
        manifest: CSV of their clusters.
        out: folder for decoys and results; an interrupted run continues there.
        held_out: files of ids that must not be fitted on.
        scorer: sizes.
        decoys: how many, and how they are made.
        fit: of the weights.
    """

    data: Path
    train: Path
    manifest: Path
    out: Path
    held_out: tuple[Path, ...] = ()
    scorer: ContactScorerConfig = field(default_factory=partial(ContactScorerConfig, angle_knots=ANGLE_KNOTS))
    decoys: DecoySettings = field(default_factory=DecoySettings)
    fit: ContactFitSettings = field(default_factory=ContactFitSettings)


def fit_contact_score(
    models: Models, settings: ContactSettings, *, report: Report = lambda line: None
) -> dict[str, Any]:
    """What `contacts.json` says, after writing it, and the score into the checkpoint.

    Raises:
        DiscoError: ids are held out, files are unusable, or there is too little to fit on.
    """
    ids = read_ids(settings.train)
    check_training(ids, {name for file in settings.held_out for name in read_ids(file)})
    cluster = read_manifest(settings.manifest, ids).cluster
    cases = FileCases(settings.data, ids, seed=settings.decoys.seed)
    folder = settings.out / DECOY_FOLDER

    def told(name: str, error: str, done: int, total: int) -> None:
        if error or done % 50 == 0 or done == total:
            report(f"decoys: {done} of {total}" + (f", {name}: {error}" if error else ""))

    made = make_decoys(cases, settings.decoys, folder, on_case=told)
    if len(made) < FEWEST:
        raise ConfigError(f"{len(made)} complexes have decoys and the fit needs {FEWEST} at least; give more of them")
    kinds, examples = [], []
    for name in made:
        decoys = read_decoys(folder, name)
        kinds.append(decoys.kind)
        examples.append(contact_example(cases, name, cluster.get(name, name), decoys, settings.scorer))
    report(f"fitting {settings.scorer.members} members to {len(examples)} complexes")
    scorer = fit_contacts(
        examples,
        settings.scorer,
        settings.fit,
        on_epoch=lambda epoch, loss: report(f"epoch {epoch}: loss {loss:.3f}"),
    )
    facts = {
        "complexes": len(examples),
        "clusters": len({example.cluster for example in examples}),
        "poses": sum(len(example.rmsd) for example in examples),
    }
    summary = {
        **facts,
        "fit": asdict(settings.fit),
        "scorer": asdict(settings.scorer),
        "unseen_clusters": compare(scorer, examples, kinds),
    }
    write_json(settings.out / CONTACTS_FILE, summary)
    config = models.config
    config = replace(config, contacts=settings.scorer, training={**config.training, "contacts": facts})
    save_checkpoint(models.directory, config, {"contacts": scorer})
    return summary


def contact_example(
    cases: FileCases, name: str, cluster: str, decoys: Decoys, config: ContactScorerConfig
) -> ContactExample:
    """The decoys of a complex as input of the fit, in single precision."""
    bound = cases.read(name)
    field = ContactField(bound.receptor, vina_receptor(bound.receptor))
    contacts = pose_contacts(field, bound.ligand, decoys.pos.astype(np.float64), decoys.energies, config)
    single = (value.float() if value.is_floating_point() else value for value in contacts)
    return ContactExample(
        id=name, cluster=cluster, contacts=PoseContacts(*single), rmsd=torch.from_numpy(decoys.rmsd).float()
    )


@torch.no_grad()
def compare(
    scorer: ContactScorer, examples: Sequence[ContactExample], kinds: Sequence[np.ndarray]
) -> Mapping[str, Mapping[str, float]]:
    """Share of complexes (%) whose first pose is within 2 Angstrom.

    By Vina energy, by the contact score's member that did not see the cluster, and by an oracle.
    Of all poses, and of those without the ones from starts close to the crystal pose.
    """
    members = scorer.config.members
    found: dict[str, list[list[bool]]] = {"searched poses": [], "all poses": []}
    for example, kind in zip(examples, kinds, strict=True):
        score = scorer(example.contacts)[held_out_member(example.cluster, members)].numpy()
        energy, near = example.contacts.energy.sum(1).numpy(), example.rmsd.numpy() < NEAR
        for name, some in (("searched poses", kind != NATIVE), ("all poses", kind >= 0)):
            one = near[some]
            found[name].append([bool(one[energy[some].argmin()]), bool(one[score[some].argmax()]), bool(one.any())])
    rates = {name: (100 * np.mean(rows, axis=0)).round(1).tolist() for name, rows in found.items()}
    return {name: dict(zip(("vina", "contacts", "oracle"), row, strict=True)) for name, row in rates.items()}
