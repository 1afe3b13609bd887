"""Whether this installation can draw plots."""

from importlib.util import find_spec


def require_matplotlib() -> None:
    """Finds out before the work whether a plot can be drawn after it.

    Raises:
        ValueError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise ValueError("the plot needs matplotlib; pip install matplotlib, or go without the plot.")
