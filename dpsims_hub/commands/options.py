"""Options whose help ends with their default value, and parsers of values for argparse."""

import argparse
from collections.abc import Callable
from typing import Any


def add_option(
    parser: Any,
    flag: str,
    words: str,
    default: Any = None,
    metavar: str | None = None,
    parse: Callable[[str], Any] | None = None,
    **more: Any,
) -> None:
    """Adds a flag to a parser or to a group of one.

    The help is `words`, with the default at the end unless it is empty or `words` already name one. `parse`
    is the `type` of `add_argument`, which also gets `more`.
    """
    shown = " ".join(map(str, default)) if isinstance(default, list) else default
    if shown not in (None, "") and "default" not in words:
        words = f"{words} (default: {shown})"
    given = {"default": default, "metavar": metavar, "type": parse}
    more |= {name: value for name, value in given.items() if value is not None}
    parser.add_argument(flag, help=words, **more)


def whole_number(low: int, high: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers from `low` to `high`, or without an upper limit."""

    def parse(text: str) -> int:
        fits = text.isascii() and text.isdigit() and low <= int(text) and (high is None or int(text) <= high)
        if not fits:
            to = "" if high is None else f" to {high}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low}{to}")
        return int(text)

    return parse


def positive_number(text: str) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number above 0")
    return value


def image_size(text: str) -> tuple[int, int]:
    """(height, width) from "WxH"."""
    width, cross, height = text.lower().partition("x")
    if not cross or not (width + height).isascii() or not width.isdigit() or not height.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write width x height, for example 256x192")
    return int(height), int(width)
