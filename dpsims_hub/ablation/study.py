"""A study: a question, and the settings that are compared to answer it.

An arm is a set of `TrainConfig` settings that override those shared by all arms. The first arm is the
reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Arm:
    """One setting under comparison.

    Args:
        name: in the tables.
        changes: settings of `TrainConfig` that override the shared ones; objects (`generator_config`) are
            merged.
        cost: multiply-adds of one step in units of 1e9, at 128x96 with 11 classes: both updates, forward and
            backward (counted by `train_accelerate.py --dry_run`).
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    cost: float = 58.7


@dataclass(frozen=True)
class Study:
    """A question and the arms that answer it.

    Args:
        name: on the command line.
        question: in one sentence.
        paper: what the public text of the paper reports, as far as it was found.
        arms: at least two; the first is the reference.
        preset: of the arms that do not name one.
        settings: shared by all arms; they override the preset.
        steps: of every run, by default.
        seeds: number of runs of every arm, by default.
        needs: requirements on the data or the machine beyond CamVid and two cores, or "".
    """

    name: str
    question: str
    paper: str
    arms: tuple[Arm, ...]
    preset: str = "small"
    settings: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 1000
    seeds: int = 2
    needs: str = ""

    def select(self, names: tuple[str, ...]) -> tuple[Arm, ...]:
        """The named arms in the study's order; all without names.

        Raises:
            ValueError: there is no such arm.
        """
        known = [arm.name for arm in self.arms]
        if unknown := [name for name in names if name not in known]:
            raise ValueError(f"study {self.name} has no arm {unknown[0]!r}; it has {', '.join(known)}.")
        return tuple(arm for arm in self.arms if not names or arm.name in names)
