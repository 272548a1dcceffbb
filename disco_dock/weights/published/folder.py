"""Published folders of DisCo-DiffDock and DiffDock-S made into checkpoint folders of this package.

A published folder holds one ``model_parameters.yml`` and state dicts (``.pt``):

- score model: ``best_ema_inference_epoch_model.pt`` (score model alone, the weights that dock) and, for models with
  latents, ``best_inference_epoch_model.pt`` (encoder and score model);
- latent prior: ``best_model_loss.pt``; its yml has `use_pretrained_score`;
- confidence network: one ``.pt`` file (``best_model_epoch75.pt`` where there are several); its yml has
  `rmsd_classification_cutoff`.

`import_published` takes a score model's folder, or a folder whose sub-folders are a score model's and, where there are
any, a prior's and a confidence network's.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.diffusion.sampler_config import PUBLISHED_DIFFDOCK_S, PUBLISHED_DISCO, PUBLISHED_INVERSE_TEMPERATURE
from disco_dock.models.all_atom.confidence import AllAtomConfidence
from disco_dock.models.encoder import LatentEncoder
from disco_dock.models.prior import LatentPrior
from disco_dock.models.score import ScoreModel
from disco_dock.runtime.checkpoint import load_into
from disco_dock.runtime.config import read_yaml
from disco_dock.runtime.errors import CheckpointError
from disco_dock.runtime.files import sha256_file
from disco_dock.weights.config import CheckpointConfig, write_config
from disco_dock.weights.networks import save_part
from disco_dock.weights.published.all_atom import convert_all_atom
from disco_dock.weights.published.config import YML, all_atom_config, encoder_config, prior_config, score_config
from disco_dock.weights.published.tensors import convert_encoder, convert_prior, convert_score, without_prefix

logger = logging.getLogger(__name__)

EMA_FILE = "best_ema_inference_epoch_model.pt"
RAW_FILE = "best_inference_epoch_model.pt"
PRIOR_FILE = "best_model_loss.pt"
CONFIDENCE_FILE = "best_model_epoch75.pt"


class PublishedFolders(NamedTuple):
    """Folders of networks that belong together; None for missing ones."""

    score: Path
    prior: Path | None
    confidence: Path | None


def _is_prior(folder: Path) -> bool:
    return bool(read_yaml(folder / YML).get("use_pretrained_score"))


def find_folders(source: Path) -> PublishedFolders:
    """The networks' folders under `source`, which may itself be the score model's.

    Of several score models, the one of the prior is taken.

    Raises:
        CheckpointError: there is no score model, or more than one and nothing to choose by.
    """
    if not source.is_dir():
        raise CheckpointError(f"{source}: no such folder; give a folder with {YML} and .pt files")
    below = sorted(path.parent for path in source.glob(f"*/{YML}"))
    priors = [folder for folder in below if _is_prior(folder)]
    confidences = [folder for folder in below if _is_confidence(folder)]
    if (source / YML).is_file():
        if _is_prior(source) or _is_confidence(source):
            kind = "latent prior" if _is_prior(source) else "confidence network"
            raise CheckpointError(
                f"{source}: this is a {kind} alone; give the folder that holds it and the score model's folder"
            )
        scores = [source]
    else:
        scores = [folder for folder in below if folder not in [*priors, *confidences]]
    if not scores:
        raise CheckpointError(f"{source}: neither it nor a sub-folder holds {YML} of a score model; check the path")
    if len(priors) > 1:
        raise CheckpointError(f"{source}: holds several priors ({_names(priors)}); keep one beside the score model")
    if len(confidences) > 1:
        raise CheckpointError(
            f"{source}: holds several confidence networks ({_names(confidences)}); keep one beside the score model"
        )
    if len(scores) > 1:
        parent = Path(str(read_yaml(priors[0] / YML).get("original_model_dir", ""))).name if priors else ""
        matching = [folder for folder in scores if folder.name == parent]
        if not matching:
            raise CheckpointError(f"{source}: holds several score models ({_names(scores)}); give the folder of one")
        scores = matching
    return PublishedFolders(scores[0], priors[0] if priors else None, confidences[0] if confidences else None)


def _is_confidence(folder: Path) -> bool:
    return "rmsd_classification_cutoff" in read_yaml(folder / YML)


def _names(folders: list[Path]) -> str:
    return ", ".join(folder.name for folder in folders)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors of a state dict written by `torch.save`; no code in the file is run.

    Raises:
        CheckpointError: missing, damaged, or anything but a mapping from names to finite tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; download the published weights into the folder of their {YML}")
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: not a state dict of tensors alone; download the published file again"
        ) from error
    if not isinstance(data, Mapping) or not data or not all(isinstance(value, Tensor) for value in data.values()):
        raise CheckpointError(
            f"{path}: not a state dict of named tensors; give the file of weights, not of a training state"
        )
    for name, value in data.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"{path}: tensor {name!r} holds values that are not finite; download the file again")
    return dict(data)


def _load(module: nn.Module, weights: Mapping[str, Tensor], where: Path) -> None:
    """Load converted weights; unused batch counters may be missing."""
    counters = {name: value for name, value in module.state_dict().items() if name.endswith("num_batches_tracked")}
    load_into(module, {**counters, **weights}, where=str(where))


def _read_score(folder: Path) -> tuple[list[Path], ScoreModel, LatentEncoder | None]:
    """The files read, the score model and the encoder (where there is one) of a score model's folder."""
    ema, raw = folder / EMA_FILE, folder / RAW_FILE
    files = [path for path in (ema, raw) if path.is_file()]
    if not files:
        raise CheckpointError(f"{folder}: holds neither {EMA_FILE} nor {RAW_FILE}; download the weights into it")
    args = read_yaml(folder / YML)
    states = {path: read_state_dict(path) for path in files}
    weights = states[files[0]]
    score = ScoreModel(score_config(args))
    _load(score, convert_score(without_prefix(weights, "score_model.") or weights, score.config), files[0])
    published = without_prefix(states.get(raw, {}), "encoder.")
    if not (score.config.trunk.num_latents and published):
        return files, score, None
    encoder = LatentEncoder(encoder_config(args))
    _load(encoder, convert_encoder(published, encoder.config), raw)
    return files, score, encoder


def _read_prior(folder: Path, score: ScoreModel) -> LatentPrior:
    """The prior of a prior's folder."""
    weights = read_state_dict(folder / PRIOR_FILE)
    prior = LatentPrior(prior_config(read_yaml(folder / YML), score.config))
    trunk = without_prefix(weights, "pretrained_score_model.")
    _load(prior, convert_prior(trunk, weights, prior.config), folder / PRIOR_FILE)
    return prior


def _confidence_file(folder: Path) -> Path:
    """The file of a confidence network's weights: the published name, else the only one."""
    files = sorted(folder.glob("*.pt"))
    if folder / CONFIDENCE_FILE in files or not files:
        return folder / CONFIDENCE_FILE
    if len(files) > 1:
        raise CheckpointError(f"{folder}: holds several .pt files ({_names(files)}); keep one beside its {YML}")
    return files[0]


def _read_confidence(folder: Path) -> tuple[Path, AllAtomConfidence]:
    """The file read and the confidence network of its folder."""
    path = _confidence_file(folder)
    weights = read_state_dict(path)
    confidence = AllAtomConfidence(all_atom_config(read_yaml(folder / YML)))
    _load(confidence, convert_all_atom(weights, confidence.config), path)
    return path, confidence


def import_published(source: Path, out: Path) -> None:
    """Write the checkpoint folder `out` from a published folder, with the published sampler settings.

    Args:
        source: folder of a score model, or of sub-folders with a score model, a prior and a confidence network.
        out: folder to write; the configuration is written last, so a partial folder is never a checkpoint.

    Raises:
        CheckpointError: a file is missing, damaged or of a variant that is not implemented, or `out` is in use.
        ConfigError: a yml cannot be read or has a size out of range.
    """
    source, out = Path(source), Path(out)
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise CheckpointError(f"{out}: already exists; give a new or empty folder for the imported checkpoint")
    folder, prior_folder, confidence_folder = find_folders(source)
    files, score, encoder = _read_score(folder)
    latents = score.config.trunk.num_latents
    prior: LatentPrior | None = None
    if latents and prior_folder is not None:
        prior = _read_prior(prior_folder, score)
        files.append(prior_folder / PRIOR_FILE)
    elif latents:
        logger.warning(
            "%s: no latent prior, so this checkpoint docks without latents; import the folder that holds both", source
        )
    confidence: AllAtomConfidence | None = None
    if confidence_folder is not None:
        path, confidence = _read_confidence(confidence_folder)
        files.append(path)
    config = CheckpointConfig(
        name=folder.resolve().name,
        score=score.config,
        encoder=None if encoder is None else encoder.config,
        prior=None if prior is None else prior.config,
        all_atom_confidence=None if confidence is None else confidence.config,
        sampler=PUBLISHED_DISCO if latents else PUBLISHED_DIFFDOCK_S,
        latent_inverse_temperature=PUBLISHED_INVERSE_TEMPERATURE if latents else 1.0,
        training={"imported": {path.name: sha256_file(path) for path in files}},
    )
    for part, module in {"score": score, "encoder": encoder, "prior": prior, "confidence": confidence}.items():
        if module is not None:
            save_part(out, part, module)
    write_config(out, config)
