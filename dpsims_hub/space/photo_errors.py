"""Errors of the processes that make photos."""


class ProcessEndedError(RuntimeError):
    """The child process has ended before it answered."""


class ModelNotLoadedError(RuntimeError):
    """A photo was requested of a model that this process has not loaded."""
