"""The text of an error on one line."""

from __future__ import annotations

import errno

import pytest

from dpsims_hub.storage.error_text import first_line, one_line


class AnswerError(OSError):
    """As of the Hub."""

    server_message = "\n no such name \nrequest 7"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("\n cut off. \nand more"), "cut off"),
        (OSError(errno.ENOSPC, "No space left on device", "a.png"), "No space left on device"),
        (AnswerError("404: https://..."), "no such name"),
        (KeyError(), "KeyError"),
    ],
)
def test_the_first_line_says_what_happened(error: Exception, words: str) -> None:
    assert first_line(error) == words


def test_one_line_holds_all_words_or_the_first_ones() -> None:
    error = ValueError("one\n two  three.")
    assert one_line(error) == one_line(error, 14) == "one two three."
    assert one_line(error, 7) == "one two ..."
    assert one_line(ValueError()) == "ValueError"
