"""The errors of everything that is wrong with a label map or a class list."""

from __future__ import annotations


class LabelMapError(ValueError):
    """A label map that cannot be used; the message is one sentence with what, where and what to do.

    Args:
        message: The sentence.
        remedy: A key of `survey_advice.REMEDIES`, where the kind of fault does not say what to do.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class ClassSpecError(ValueError):
    """A class list that cannot be used; the message says which entry and what to change."""
