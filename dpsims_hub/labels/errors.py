"""The errors of everything that is wrong with a label map or a class list."""

from __future__ import annotations


class LabelMapError(ValueError):
    """A label map that cannot be used; the message is one sentence with what, where and what to do."""


class ClassSpecError(ValueError):
    """A class list that cannot be used; the message says which entry and what to change."""
