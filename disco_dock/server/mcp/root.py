"""The folder whose files an agent may name."""

from __future__ import annotations

import os
from pathlib import Path

from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.runtime.user_files import open_regular
from disco_dock.server.uploads import TooLargeError


class Root:
    """A folder outside which no file is opened, whatever a name or a link says.

    Args:
        folder: of the user's files.

    Raises:
        ConfigError: there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigError(f"{folder}: is no folder; name the folder of your structures with --root")
        self.folder = folder.resolve()

    def path(self, name: str, what: str) -> Path:
        """The file of a name.

        Args:
            name: relative to the folder, or absolute and inside it.
            what: name of the tool's argument.

        Raises:
            InputError: it is outside, or no file is there.
        """
        try:
            path = (self.folder / os.path.expanduser(name)).resolve()
            inside = path.is_relative_to(self.folder)
            there = inside and path.is_file()
        except (OSError, ValueError):  # too long, or with a null byte
            raise InputError(f"{what}: {name[:80]!r} is no path of a file") from None
        if not inside:
            raise InputError(f"{what}: {name[:200]} lies outside {self.folder}, the folder that this server may read")
        if not there:
            raise InputError(f"{what}: there is no file {name[:200]} in {self.folder}")
        return path

    def read(self, name: str, what: str, limit: int) -> bytes:
        """The content of a file of at most so many bytes.

        Raises:
            InputError: as of `path`, or it cannot be read, or is larger.
        """
        path = self.path(name, what)
        try:
            with open_regular(path) as file:
                content = file.read(limit + 1)
        except OSError as error:
            raise InputError(f"{what}: {name} cannot be read ({error.strerror})") from error
        if len(content) > limit:
            raise TooLargeError(f"{what}: is larger than {limit / (1 << 20):.3g} MB; this server accepts no more")
        return content
