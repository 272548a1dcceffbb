"""Errors that users meet; each message is one sentence that says what, where, and what to do."""

MAX_MESSAGE = 1000
"""Longest message; text from a file can be of any length."""


def one_line(text: str, most: int = MAX_MESSAGE) -> str:
    """A text as one line of printable characters, with its middle cut out where it is longer than `most`.

    Files and names can hold control characters, line ends and halves of surrogate pairs, which garble a terminal or
    cannot be written.
    """
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(character if character.isprintable() else "?" for character in line)
    if len(line) <= most:
        return line
    half = (most - len(" ... ")) // 2
    return f"{line[:half]} ... {line[-half:]}"


class DiscoError(Exception):
    """Base of all errors that are shown to a user without a traceback; the message is made one printable line."""

    code = "error"

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class InputError(DiscoError):
    """A user's file or request cannot be used."""

    code = "input"


class ConfigError(DiscoError):
    """A setting is unknown, missing, of the wrong type or out of range."""

    code = "config"


class CheckpointError(DiscoError):
    """A checkpoint is missing, damaged or of another kind."""

    code = "checkpoint"


class NumericsError(DiscoError):
    """A computation gave a number that is not finite."""

    code = "numerics"
