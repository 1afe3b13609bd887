"""Cost estimate of a study, from counted multiply-adds or from a few timed steps of each arm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dpsims_hub.ablation.plan import Run
from dpsims_hub.benchmark.training_comparison import TrainingVariant, compare_trainings
from dpsims_hub.processes.child_process import Launch, run_child

STATED_RATE = 60e9
"""Multiply-adds a second of a training on two cores.

From the log of the bundled model: 5000 steps of 52.5e9 multiply-adds each in 3668 s on two busy cores of an
AMD EPYC in bf16, and 0.98 s a step in float32. Other machines differ; `time_arms` measures them.
"""

COUNTED_AT = 128 * 96
"""Pixels at which `Arm.cost` was counted."""

TIMED_STEPS = 3


@dataclass(frozen=True)
class ArmCost:
    """Expected cost of an arm: number of runs, steps of each run, multiply-adds and seconds of a step."""

    name: str
    runs: int
    steps: int
    multiply_adds: float
    seconds: float

    @property
    def hours(self) -> float:
        """Hours of all its runs, without evaluations."""
        return self.runs * self.steps * self.seconds / 3600


def expected_costs(runs: Sequence[Run], seconds: dict[str, float] | None = None) -> list[ArmCost]:
    """The cost of each arm, proportional to the pixels of a step.

    `Arm.cost` is that of 4 label maps with 2 photos each, or of the arm's own batch size. `seconds` of a step
    by arm replace those computed from `STATED_RATE`.
    """
    costs = []
    for name in dict.fromkeys(run.arm.name for run in runs):
        own = [run for run in runs if run.arm.name == name]
        config = own[0].config
        height, width = config.size
        maps = config.train_batch_size * config.gradient_accumulation_steps
        share = height * width / COUNTED_AT * maps / own[0].arm.changes.get("train_batch_size", 4)
        multiply_adds = own[0].arm.cost * 1e9 * share
        step = (seconds or {}).get(name, multiply_adds / STATED_RATE)
        costs.append(ArmCost(name, len(own), config.max_train_steps, multiply_adds, step))
    return costs


def time_arms(
    runs: Sequence[Run], tell: Callable[[str], object] = print, launch: Launch = run_child
) -> dict[str, float]:
    """Median seconds of a step by arm, each timed in a separate process.

    `tell` is called with a line for each arm; `launch` starts `python ARGUMENTS`, see `run_child`.

    Raises:
        ValueError: an arm cannot be run; the message is the last line of its log.
    """
    arms = {run.arm.name: TrainingVariant(run.arm.name, run.config) for run in reversed(runs)}
    timed = compare_trainings(
        list(arms.values()),
        TIMED_STEPS,
        warmup=1,
        rounds=1,
        tell=lambda name: tell(f"timing {TIMED_STEPS} steps of {name}"),
        launch=launch,
    )
    for one in timed:
        if "failure" in one:
            raise ValueError(f"{one['name']}: {one['failure']}")
    return {one["name"]: one["seconds_per_step"]["median"] for one in timed}


def format_costs(costs: Sequence[ArmCost], measured: bool) -> str:
    """A table of the costs as text."""
    rows = [("arm", "runs", "steps", "G multiply-adds a step", "s a step", "hours")]
    for cost in costs:
        step = f"{cost.multiply_adds / 1e9:.1f}"
        rows.append(
            (cost.name, str(cost.runs), str(cost.steps), step, f"{cost.seconds:.2f}", f"{cost.hours:.2f}")
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    rate = f"{STATED_RATE / 1e9:.0f} G multiply-adds/s"
    stated = f"at a stated {rate} (two cores; --list --measure times yours)"
    source = f"measured now, {TIMED_STEPS} steps each" if measured else stated
    total = sum(cost.hours for cost in costs)
    return "\n".join([*lines, f"together {total:.2f} hours of training, {source}; evaluations come on top."])
