"""The error of everything that is wrong with one label map."""

from __future__ import annotations


class LabelMapError(ValueError):
    """A label map that cannot be used; the message is one sentence with what, where and what to do."""
