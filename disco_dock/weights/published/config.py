"""Configurations of this package for the ``model_parameters.yml`` of published models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from disco_dock.diffusion.schedule import NoiseConfig
from disco_dock.graph.receptor_atoms import AtomGraphConfig
from disco_dock.models.all_atom.confidence import AllAtomConfidenceConfig
from disco_dock.models.all_atom.edges import AllAtomConfig
from disco_dock.models.encoder import EncoderConfig
from disco_dock.models.prior import PriorConfig
from disco_dock.models.score import ScoreModelConfig
from disco_dock.models.trunk import TrunkConfig
from disco_dock.runtime.errors import CheckpointError

YML = "model_parameters.yml"
LM_DIM = 1280  # ESM-2 650M
ONLY: dict[str, tuple[Any, Any]] = {  # argument: (the value that is implemented, the published program's default)
    "all_atoms": (False, False),
    "sh_lmax": (1, 2),
    "use_second_order_repr": (False, False),
    "use_old_atom_encoder": (False, True),
    "embedding_type": ("sinusoidal", "sinusoidal"),
    "sigma_embed_dim": (32, 32),
    "distance_embed_dim": (32, 32),
    "cross_distance_embed_dim": (32, 32),
    "dynamic_max_cross": (True, False),
    "scale_by_sigma": (True, True),
    "no_torsion": (False, False),
    "no_batch_norm": (False, False),
    "latent_cross_attention": (False, False),
    "new_cross_attention": (False, False),
    "latent_virtual_nodes": (False, False),
    "latent_nodes_residual": (False, False),
    "latent_no_batchnorm": (False, False),
}

ONLY_CONFIDENCE: dict[str, tuple[Any, Any]] = {  # the same for the all-atom confidence network
    "all_atoms": (True, False),
    "sh_lmax": (2, 2),
    "use_second_order_repr": (False, False),
    "use_old_atom_encoder": (True, True),
    "embedding_type": ("sinusoidal", "sinusoidal"),
    "distance_embed_dim": (32, 32),
    "cross_distance_embed_dim": (32, 32),
    "dynamic_max_cross": (True, False),
    "no_batch_norm": (False, False),
    "confidence_no_batchnorm": (False, False),
    "rmsd_prediction": (False, False),
    "remove_hs": (True, False),
}
RESIDUE_CUTOFF = 20.0
"""Angstrom at sigma_tr = 0, the noise at which confidence is computed."""


def _only(args: Mapping[str, Any], allowed: Mapping[str, tuple[Any, Any]]) -> None:
    """Refuse variants that are not implemented.

    Raises:
        CheckpointError: one is.
    """
    for name, (value, default) in allowed.items():
        if (found := args.get(name, default)) != value:
            raise CheckpointError(f"{YML}: {name} = {found!r} is not supported, only {value!r}")


def _number(args: Mapping[str, Any], name: str) -> float:
    """A required number of the yml.

    Raises:
        CheckpointError: missing or not a number.
    """
    value = args.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CheckpointError(f"{YML}: {name} = {value!r}, expected a number; is this the file of a published model?")
    return float(value)


def _count(args: Mapping[str, Any], name: str) -> int:
    return int(_number(args, name))


def _latents(args: Mapping[str, Any]) -> int:
    """Number of node-pointer latents; 0 for the baseline.

    Raises:
        CheckpointError: latents of another kind.
    """
    count = _count(args, "latent_dim") if args.get("latent_dim") else 0
    if count and args.get("latent_vocab") != 1:
        raise CheckpointError(f"{YML}: latent_vocab = {args.get('latent_vocab')!r} is not supported, only 1")
    return count


def score_config(args: Mapping[str, Any]) -> ScoreModelConfig:
    """Our configuration for a published ``model_parameters.yml`` of a score model.

    Raises:
        CheckpointError: the file lacks an argument or asks for a variant that this package does not implement.
    """
    _only(args, ONLY)
    scalars = _count(args, "ns")
    if (layers := _count(args, "num_conv_layers")) < 2:
        raise CheckpointError(f"{YML}: num_conv_layers = {layers} is not supported, at least 2 are needed")
    trunk = TrunkConfig(
        scalars=scalars,
        vectors=_count(args, "nv"),
        pseudoscalars=scalars,
        layers=layers,
        hidden=3 * scalars,
        time_scale=_number(args, "embedding_scale"),
        num_latents=_latents(args),
        lm_dim=LM_DIM if args.get("esm_embeddings_path") else 0,
        ligand_radius=_number(args, "max_radius"),
        receptor_radius=_number(args, "receptor_radius"),
        receptor_neighbours=_count(args, "c_alpha_max_neighbors"),
        cross_distance_stop=_number(args, "cross_max_distance"),
        dropout=_number(args, "dropout"),
    )
    parts = {name: _number(args, name.replace("_", "_sigma_")) for name in NoiseConfig.__dataclass_fields__}
    return ScoreModelConfig(trunk=trunk, noise=NoiseConfig(**parts))


def encoder_config(args: Mapping[str, Any]) -> EncoderConfig:
    """Our encoder configuration for the same file.

    Raises:
        CheckpointError: the file lacks an argument.
    """
    cutoff, scalars = _number(args, "encoder_cross_max_distance"), _count(args, "encoder_ns")
    trunk = TrunkConfig(
        scalars=scalars,
        vectors=_count(args, "encoder_nv"),
        pseudoscalars=scalars,
        layers=_count(args, "encoder_num_conv_layers"),
        hidden=3 * scalars,
        time_dim=0,
        num_latents=0,
        lm_dim=0 if args.get("encoder_no_esm") or not args.get("esm_embeddings_path") else LM_DIM,
        ligand_radius=_number(args, "max_radius"),
        receptor_radius=_number(args, "receptor_radius"),
        receptor_neighbours=_count(args, "c_alpha_max_neighbors"),
        cross_cutoff=cutoff,
        cross_cutoff_per_sigma=0.0,
        cross_distance_stop=cutoff,
        dropout=_number(args, "dropout"),
    )
    return EncoderConfig(trunk=trunk, num_latents=_latents(args), head_width=_count(args, "latent_hidden_dim"))


def prior_config(args: Mapping[str, Any], score: ScoreModelConfig) -> PriorConfig:
    """Our prior configuration for the prior's ``model_parameters.yml``; its `ns` sets what the heads read.

    Raises:
        CheckpointError: the file lacks an argument.
    """
    return PriorConfig(
        trunk=score.trunk,
        noise=score.noise,
        head_inputs=2 * _count(args, "ns"),
        head_width=_count(args, "latent_hidden_dim"),
    )


def all_atom_config(args: Mapping[str, Any]) -> AllAtomConfidenceConfig:
    """Our configuration for the ``model_parameters.yml`` of a published confidence network.

    Raises:
        CheckpointError: the file lacks an argument or asks for a variant that this package does not implement.
    """
    _only(args, ONLY_CONFIDENCE)
    given = args.get("rmsd_classification_cutoff")
    cutoffs: list[Any] = given if isinstance(given, list) else [given]
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in cutoffs):
        raise CheckpointError(f"{YML}: rmsd_classification_cutoff = {cutoffs!r}, expected numbers in Angstrom")
    trunk = AllAtomConfig(
        scalars=_count(args, "ns"),
        vectors=_count(args, "nv"),
        layers=_count(args, "num_conv_layers"),
        time_dim=_count(args, "sigma_embed_dim"),
        lm_dim=LM_DIM if args.get("esm_embeddings_path") else 0,
        ligand_radius=_number(args, "max_radius"),
        receptor_radius=_number(args, "receptor_radius"),
        receptor_neighbours=_count(args, "c_alpha_max_neighbors"),
        atom_graph=AtomGraphConfig(radius=_number(args, "atom_radius"), neighbours=_count(args, "atom_max_neighbors")),
        residue_cutoff=RESIDUE_CUTOFF,
        atom_cutoff=_number(args, "max_radius"),
        cross_distance_stop=_number(args, "cross_max_distance"),
        dropout=_number(args, "dropout"),
    )
    return AllAtomConfidenceConfig(trunk=trunk, thresholds=tuple(map(float, cutoffs)))
