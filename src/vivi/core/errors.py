"""Errors that the user can mend. The command line prints their text as one line and exits with code 2."""


class ViviError(Exception):
    """What is wrong (naming the file or the field), what is legal, and what to do, in one line."""


class ConfigError(ViviError):
    """A configuration value or name that is not legal."""


class StoreError(ViviError):
    """A shot store that is missing, incomplete, damaged or of another version."""


class CheckpointError(ViviError):
    """A checkpoint or encoder folder that is missing, damaged or made by another experiment."""


class DiskFullError(ViviError):
    """The disk, the quota or the file size limit was reached while writing; earlier outputs are intact."""


class InterruptedRunError(ViviError):
    """A run was asked to stop by a signal and saved itself; the same command goes on."""
