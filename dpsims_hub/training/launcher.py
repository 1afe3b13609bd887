"""What `accelerate launch` and `accelerate config` say about a run; it holds where the script has no flag.

The launcher hands the precision on in the environment, where "no" may also mean that nobody said anything.
Accumulation it hands on with DeepSpeed only. Its own command line is read for these two.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

PRECISION = "ACCELERATE_MIXED_PRECISION"
ACCUMULATION = "ACCELERATE_GRADIENT_ACCUMULATION_STEPS"


def launcher_settings() -> dict[str, Any]:
    """The settings of `TrainConfig` that the launcher was given; precision "no" only where it was written.

    Raises:
        ValueError: the number of steps is no whole number above 0.
    """
    settings: dict[str, Any] = {}
    words = _parent_words()
    precision = os.environ.get(PRECISION, "no")
    if precision != "no" or option_of(words, sys.argv[0], "mixed_precision") == "no":
        settings["mixed_precision"] = precision
    steps = os.environ.get(ACCUMULATION) or option_of(words, sys.argv[0], "gradient_accumulation_steps")
    if steps:
        if not (steps.isascii() and steps.isdigit() and int(steps)):
            raise ValueError(
                f"--gradient_accumulation_steps {steps!r} of accelerate launch is no whole number above 0; "
                "correct it there, or give the script's own flag."
            )
        settings["gradient_accumulation_steps"] = int(steps)
    return settings


def launcher_sentences(launched: dict[str, Any], used: Any) -> list[str]:
    """One line for each setting of the launcher, about what holds.

    Args:
        launched: of `launcher_settings`.
        used: the `TrainConfig` of the run.
    """
    sentences = []
    for name, value in launched.items():
        mine = getattr(used, name)
        if mine == value:
            sentences.append(f"--{name} {value}, as accelerate launch says.")
        else:
            sentences.append(f"--{name} {mine} of this script holds, not {value} of accelerate launch.")
    return sentences


def option_of(words: Sequence[str], script: str, option: str) -> str:
    """The value of an option in a launcher's command line; "" where there is none.

    Args:
        words: of a process, which need not be the launcher.
        script: as the launcher was told to run it; the words from there on are the script's.
        option: its name, with underscores.
    """
    name = PurePath(script).name
    end = next((place for place, word in enumerate(words) if PurePath(word).name == name), 0)
    mine = list(words[:end])
    if not any("accelerate" in PurePath(word).name for word in mine):
        return ""
    found = ""
    for word, following in zip(mine, [*mine[1:], ""], strict=True):
        flag, equals, value = word.partition("=")
        if flag.replace("-", "_") == f"__{option}":
            found = value if equals else following
    return found


def _parent_words() -> list[str]:
    """The command line of the process that started this one; empty where it cannot be seen."""
    import psutil

    try:
        return psutil.Process().parent().cmdline()
    except (psutil.Error, AttributeError):  # it is gone, or not ours to see
        return []
