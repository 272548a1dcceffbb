"""What the owner of a server decides: where it listens, what it accepts, and how long it keeps results."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from disco_dock.runtime.errors import ConfigError

MEGABYTE = 1 << 20
MIN_TOKEN = 16  # characters


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeSettings:
    """Settings of a server.

    Attributes:
        store: folder of the jobs; one server at a time uses it.
        host: address to listen on.
        port: to listen on; 0 lets the system choose.
        max_upload_mb: largest request body, and largest file after decompression, in MiB.
        max_queue: jobs that may wait.
        max_poses: poses for each ligand of a job.
        max_ligands: ligands of one job.
        keep_jobs: finished jobs to keep; older ones are deleted.
        keep_days: days to keep finished jobs.
        workers: processes that dock, each with its own copy of the networks.
        token: secret that every request must carry, or None.
        allowed_hosts: names that a request may use for a server on a loopback address, beside those of the loopback.
        checkpoint: folder of a checkpoint, or None for the bundled one.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
    """

    store: Path
    host: str = "127.0.0.1"
    port: int = 8000
    max_upload_mb: float = 50.0
    max_queue: int = 100
    max_poses: int = 100
    max_ligands: int = 100
    keep_jobs: int = 200
    keep_days: float = 30.0
    workers: int = 1
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    checkpoint: Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        """Check every number against its allowed range."""
        for name in ("max_queue", "max_poses", "max_ligands", "keep_jobs", "workers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name.replace('_', '-')} must be at least 1, not {getattr(self, name)}")
        for name in ("max_upload_mb", "keep_days"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"--{name.replace('_', '-')} must be larger than 0, not {getattr(self, name)}")
        if not 0 <= self.port < 1 << 16:
            raise ConfigError(f"--port must be between 0 and 65535, not {self.port}")
        if self.token is not None and (len(self.token) < MIN_TOKEN or not self.token.isascii() or " " in self.token):
            raise ConfigError(
                f"a token needs at least {MIN_TOKEN} ASCII characters without spaces; choose a longer one"
            )

    @property
    def max_bytes(self) -> int:
        """Largest request body, and largest file after decompression."""
        return int(self.max_upload_mb * MEGABYTE)

    @property
    def loopback(self) -> bool:
        """Whether only programs of this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
