"""Whether this installation can draw plots."""

import importlib


def require_matplotlib() -> None:
    """Finds out before the work whether a plot can be drawn after it.

    Raises:
        ValueError: matplotlib is not installed.
    """
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise ValueError(
            "the plot needs matplotlib; pip install matplotlib, or go without the plot."
        ) from error
