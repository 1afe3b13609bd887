"""Conversion of numpy's numbers to Python's, for JSON and for type checks of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def plain_value(value: Any) -> Any:
    """A value in which numpy's numbers, bools, strings and arrays are replaced by Python's and lists.

    Mappings, lists and tuples are converted recursively; other values stay.
    """
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {plain_value(key): plain_value(entry) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain_value(entry) for entry in value)
    return value
