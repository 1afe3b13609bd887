"""A study: a question, and the settings that are compared to answer it.

An arm is a few settings of `TrainConfig` over those that all arms share. The first arm is the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Arm:
    """One setting under comparison.

    Args:
        name: of its row.
        changes: settings of `TrainConfig` over the shared ones; objects (`generator_config`) are merged.
        cost: thousand million multiply-adds of one step at 128x96 with 11 classes, both updates, forward and
            backward (counted by `train_accelerate.py --dry_run`).
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    cost: float = 58.7

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", MappingProxyType(dict(self.changes)))


@dataclass(frozen=True)
class Study:
    """A question and the arms that answer it.

    Args:
        name: on the command line.
        question: in one sentence.
        paper: what the public text of the paper says, as far as it was found.
        arms: at least two; the first is the reference.
        preset: of the arms that name none.
        settings: that all arms share, over the preset.
        steps: of every run, unless the user says otherwise.
        seeds: runs of every arm.
        needs: what the data or the machine must have beyond CamVid and two cores, or "".
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def select(self, names: tuple[str, ...]) -> tuple[Arm, ...]:
        """The named arms in the study's order; all without names.

        Raises:
            ValueError: there is no such arm.
        """
        known = [arm.name for arm in self.arms]
        if unknown := [name for name in names if name not in known]:
            raise ValueError(f"study {self.name} has no arm {unknown[0]!r}; it has {', '.join(known)}.")
        return tuple(arm for arm in self.arms if not names or arm.name in names)
