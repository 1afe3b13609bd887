"""Errors of label maps and class lists."""

from __future__ import annotations


class LabelMapError(ValueError):
    """An unusable label map; the message is one sentence with place, fault and advice.

    Args:
        message: The sentence.
        remedy: A key of `survey.advice.REMEDIES`, if the kind of fault is not specific enough.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class ClassSpecError(ValueError):
    """An unusable class list; the message names the entry and the change to make."""
