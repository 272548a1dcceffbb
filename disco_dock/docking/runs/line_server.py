"""Docking for programs that talk JSON, a line for a request and one for its answer: EasyDock's "server" interface.

Source: EasyDock 1.3, `easydock.dock.server_dock`. A request is `{"id", "command", "payload"}` with the commands info
(what the server wants), init (the payload is the configuration) and dock (the payload is ligands by name).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.write_sdf import sdf_text
from disco_dock.docking.engine import Engine, docking_settings
from disco_dock.docking.judging import check_physics
from disco_dock.docking.predict import predict_complex
from disco_dock.docking.receptors import ReceptorStore
from disco_dock.docking.settings import PocketHint, PredictSettings
from disco_dock.physics.settings import EFFORT, PhysicsChoice
from disco_dock.runtime.errors import ConfigError, DiscoError, one_line

INFO = {"ligand_in_format": "smiles", "ligand_out_format": "sdf", "score_mode": "min", "batch_size": 1}
POCKET = tuple(field.name for field in fields(PocketHint))
PHYSICS = ("minimize", *EFFORT, "rank_by")
SAMPLING = ("num_poses", "steps", "seed", "batch_size", "chains", "largest_fragment", "check_poses")

Load = Callable[[Path | None, str], Engine]


class LineServer:
    """Answers requests; networks and receptor are read once, by init.

    Args:
        load: gives the engine of a checkpoint folder (None: the bundled one) on a device.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._ready: tuple[Engine, PredictSettings, ReceptorStore, Path] | None = None

    def serve(self, requests: Iterable[str], answers: IO[str]) -> None:
        """Answer line after line until there are no more."""
        for line in requests:
            if line.strip():
                answers.write(json.dumps(self.answer(line)) + "\n")
                answers.flush()

    def answer(self, line: str) -> dict[str, Any]:
        """The answer to one request; what is wrong is a sentence under `error`."""
        try:
            request = json.loads(line)
        except ValueError:
            request = None
        if not isinstance(request, dict) or not isinstance(request.get("payload") or {}, dict):
            return {"id": None, "payload": {"status": "error", "error": "a request is a JSON object in one line"}}
        try:
            payload = {"status": "ok", **self._payload(str(request.get("command")), request.get("payload") or {})}
        except DiscoError as error:
            payload = {"status": "error", "error": str(error)}
        return {"id": request.get("id"), "payload": payload}

    def _payload(self, command: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        if command == "info":
            return dict(INFO)
        if command == "init":
            self._init(payload)
            return {}
        if command == "dock":
            return {"results": {name: self._dock(name, str(smiles)) for name, smiles in payload.items()}}
        raise ConfigError(f"there is no command {command!r}; the commands are info, init and dock")

    def _init(self, config: Mapping[str, Any]) -> None:
        """Load what docking needs.

        Raises:
            DiscoError: a key is unknown or has a wrong value, or a file cannot be read.
        """
        known = {"protein", "checkpoint", "device", *(f"pocket_{name}" for name in POCKET), *PHYSICS, *SAMPLING}
        unknown = sorted(set(config) - known)
        if unknown or "protein" not in config:
            what = f"unknown key {unknown[0]}" if unknown else "the key protein is missing"
            raise ConfigError(f"{what}; the keys are {', '.join(sorted(known))}")
        hint = {name: config[f"pocket_{name}"] for name in POCKET if config.get(f"pocket_{name}") is not None}
        for name in ("center", "residues"):
            if name in hint:
                hint[name] = tuple(hint[name])
        chosen = {name: config[name] for name in SAMPLING if config.get(name) is not None}
        if "chains" in chosen:
            chosen["chains"] = tuple(chosen["chains"])
        try:
            settings = PredictSettings(
                **{"check_poses": 0, **chosen},
                pocket=PocketHint(**hint) if hint else None,
                physics=PhysicsChoice(score=True, **{name: config.get(name) for name in PHYSICS}),
            )
        except TypeError as error:  # a text where a number should be, and the like
            raise ConfigError(one_line(f"a value of the configuration is of the wrong kind ({error})")) from error
        engine = self._load(
            Path(config["checkpoint"]) if config.get("checkpoint") else None, config.get("device", "auto")
        )
        docking_settings(engine.models, settings, None)
        check_physics(settings.physics, engine.models)
        protein = Path(config["protein"])
        store = ReceptorStore(settings, engine.models.config.lm_dim, [protein])
        store.get(protein)
        self._ready = engine, settings, store, protein

    def _dock(self, name: str, smiles: str) -> dict[str, Any] | None:
        """Score and poses of a ligand; the first pose alone is what the caller keeps, the others are raw.

        Raises:
            ConfigError: init has not been called.
        """
        if self._ready is None:
            raise ConfigError("there was no init before; send the configuration first")
        engine, settings, store, protein = self._ready
        try:
            ligand = read_ligand(smiles, largest_fragment=settings.largest_fragment)
            found = predict_complex(engine, settings, store, protein, ligand, name=name)
        except DiscoError as error:
            return {"docking_score": None, "error": str(error)}
        text = sdf_text(found.ligand, found.records)
        score = found.table[0]["vina_score"]
        return {"docking_score": score, "mol_block": text.partition("M  END")[0] + "M  END\n", "raw_block": text}
