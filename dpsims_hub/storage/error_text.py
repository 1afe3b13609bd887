"""The text of an error on one line, for use within a message."""

from __future__ import annotations


def first_line(error: BaseException) -> str:
    """The system's reason, else the message's first line without a final stop, else the type's name."""
    text = getattr(error, "strerror", None) or getattr(error, "server_message", None) or str(error)
    lines = (line.strip() for line in text.splitlines())
    return next(filter(None, lines), type(error).__name__).rstrip(".:")


def one_line(error: BaseException, most: int | None = None) -> str:
    """The message on one line, cut after `most` characters, or the name of the error's type."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words if most is None or len(words) <= most else f"{words[:most]} ..."
