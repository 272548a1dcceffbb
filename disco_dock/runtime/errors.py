"""The errors that a user can cause or meet; each message is one sentence that says what, where and what to do."""


class DiscoError(Exception):
    """Base of all errors that are shown to a user without a traceback."""

    code = "error"


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
