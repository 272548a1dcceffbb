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
from disco_dock.evaluation.cases import Bound, FileCases
from disco_dock.evaluation.fit.contact_training import (
    NEAR,
    ContactExample,
    ContactFitSettings,
    fit_contacts,
    held_out_member,
    joined_examples,
)
from disco_dock.evaluation.fit.decoys import (
    NATIVE,
    Decoys,
    DecoySettings,
    make_decoys,
    read_decoys,
    searched_decoys,
)
from disco_dock.evaluation.fit.judge import FEWEST, check_training
from disco_dock.evaluation.fit.tempting_decoys import TemptingSettings, tempting_decoys
from disco_dock.evaluation.strata import read_manifest
from disco_dock.physics.vina_receptor import vina_receptor
from disco_dock.ranking.contact_field import ContactField
from disco_dock.ranking.contact_network import ContactScorer, ContactScorerConfig, PoseContacts
from disco_dock.ranking.contact_score import pose_contacts
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.files import sha256_bytes
from disco_dock.runtime.tables import write_json
from disco_dock.weights.networks import Models, save_checkpoint

CONTACTS_FILE, DECOY_FOLDER, TEMPTING_FOLDER = "contacts.json", "decoys", "tempting"
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
        tempting: the same of the poses that the first round's score likes best.
        rounds: 1 for decoys of searches alone; 2 to fit again, with the poses that the first score likes best too.
        own_first_round: take the checkpoint's own contact score for that of the first round.
        fit: of the weights.
    """

    data: Path
    train: Path
    manifest: Path
    out: Path
    held_out: tuple[Path, ...] = ()
    scorer: ContactScorerConfig = field(default_factory=partial(ContactScorerConfig, angle_knots=ANGLE_KNOTS))
    decoys: DecoySettings = field(default_factory=DecoySettings)
    tempting: TemptingSettings = field(default_factory=TemptingSettings)
    rounds: int = 2
    own_first_round: bool = False
    fit: ContactFitSettings = field(default_factory=ContactFitSettings)

    def __post_init__(self) -> None:
        """Check the rounds."""
        if self.rounds not in (1, 2) or (self.rounds == 1 and self.own_first_round):
            raise ConfigError("a contact score is fitted in 1 or 2 rounds, and its own first round is one of 2")


def fit_contact_score(
    models: Models, settings: ContactSettings, *, report: Report = lambda line: None
) -> dict[str, Any]:
    """What `contacts.json` says, after writing it, and the score into the checkpoint.

    Raises:
        DiscoError: ids are held out, files are unusable, or there is too little to fit on.
    """
    first, members = models.contacts if settings.own_first_round else None, settings.scorer.members
    if settings.own_first_round and (first is None or first.config.members != members):
        raise ConfigError(f"the checkpoint has no contact score of {members} members for a first round; fit it")
    ids = read_ids(settings.train)
    check_training(ids, {name for file in settings.held_out for name in read_ids(file)})
    known = read_manifest(settings.manifest, ids).cluster
    cluster = {name: known.get(name, name) for name in ids}
    cases = FileCases(settings.data, ids, seed=settings.decoys.seed)

    decoys = _made(cases, settings.out / DECOY_FOLDER, settings.decoys, report, make=searched_decoys)
    if len(decoys) < FEWEST:
        raise ConfigError(f"{len(decoys)} complexes have decoys and the fit needs {FEWEST} at least; give more of them")
    examples = [contact_example(cases, name, cluster[name], own, settings.scorer) for name, own in decoys.items()]
    kinds = [own.kind for own in decoys.values()]
    if settings.rounds == 2:
        tempted_by = first or _fitted(examples, settings, report)

        def tempt(bound: Bound, how: TemptingSettings) -> Decoys:
            return tempting_decoys(bound, tempted_by.member(held_out_member(cluster[bound.name], members)), how)

        weights = b"".join(value.numpy().tobytes() for value in tempted_by.state_dict().values())
        of = {"score": sha256_bytes(weights)}
        more = _made(cases, settings.out / TEMPTING_FOLDER, settings.tempting, report, make=tempt, of=of)
        for place, name in enumerate(decoys):
            if name in more:
                tempting = contact_example(cases, name, cluster[name], more[name], settings.scorer)
                examples[place] = joined_examples([examples[place], tempting])
                kinds[place] = np.concatenate([kinds[place], more[name].kind])
    scorer = _fitted(examples, settings, report)
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


def _made(cases: FileCases, folder: Path, how: Any, report: Report, **more: Any) -> dict[str, Decoys]:
    """Decoys by id; those in the folder are kept. Arguments as of `make_decoys`."""

    def told(name: str, error: str, done: int, total: int) -> None:
        if error or done % 50 == 0 or done == total:
            report(f"{folder.name}: {done} of {total}" + (f", {name}: {error}" if error else ""))

    names = make_decoys(cases, how, folder, on_case=told, **more)
    return {name: read_decoys(folder, name) for name in names}


def _fitted(examples: Sequence[ContactExample], settings: ContactSettings, report: Report) -> ContactScorer:
    report(f"fitting {settings.scorer.members} members to {len(examples)} complexes")
    return fit_contacts(
        examples,
        settings.scorer,
        settings.fit,
        on_epoch=lambda epoch, loss: report(f"epoch {epoch}: loss {loss:.3f}"),
    )


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
