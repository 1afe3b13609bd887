"""Numbers of numpy as Python's own, which JSON takes and whose types settings are checked by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def plain_value(value: Any) -> Any:
    """Return a value with Python's numbers, truth values, texts and lists in place of numpy's.

    Args:
        value: Anything; mappings, lists and tuples are gone through, other values stay as they are.
    """
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {plain_value(key): plain_value(entry) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain_value(entry) for entry in value)
    return value
