"""Settings given to `accelerate launch` or `accelerate config`; flags of the script override them.

The launcher passes the precision on in the environment, where "no" may also mean that none was given. It
passes accumulation steps on with DeepSpeed only. Therefore its command line is read too.
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
    """The settings of `TrainConfig` that the launcher was given; precision "no" only if given explicitly.

    Raises:
        ValueError: the number of accumulation steps is not a whole number above 0.
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
    """For each setting of the launcher, a line on the value that is used."""
    sentences = []
    for name, value in launched.items():
        mine = getattr(used, name)
        if mine == value:
            sentences.append(f"--{name} {value}, as accelerate launch says.")
        else:
            sentences.append(f"--{name} {mine} of this script holds, not {value} of accelerate launch.")
    return sentences


def option_of(words: Sequence[str], script: str, option: str) -> str:
    """The value of an option in a launcher's command line, or "".

    Words from the name of `script` on are not read. `option` is written with underscores.
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
    """The command line of the parent process; empty if it cannot be read."""
    import psutil

    try:
        return psutil.Process().parent().cmdline()
    except (psutil.Error, AttributeError):  # it has ended, or belongs to another user
        return []
