"""Text of a dry run: settings, networks, steps, memory.

The memory is that of the tensors of one process. It is exact for weights and optimisers; gradients and
activations are estimated (`cost_estimate.py`). Memory that libraries allocate for themselves is not included.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.contrastive_choice import decide_contrastive_backbone
from dpsims_hub.training.cost_estimate import StepCosts, estimate_costs
from dpsims_hub.training.presets import BATCH_OF_RATES, PRESETS


def describe_plan(
    config: TrainConfig,
    num_classes: int,
    num_pairs: int | None = None,
    world_size: int = 1,
    checkpoint: Path | None = None,
) -> str:
    """The text that a dry run prints.

    `num_pairs` is None for a stream. The run resumes from `checkpoint`, if given.

    Raises:
        ValueError: a setting is unknown or contradicts another.
        FileNotFoundError: see `decide_contrastive_backbone`.
    """
    used, sentence = decide_contrastive_backbone(config, checkpoint)
    text = format_plan(config, estimate_costs(used, num_classes), num_classes, num_pairs, world_size)
    return f"{text}\n\n{sentence}" if sentence else text


def format_plan(
    config: TrainConfig, costs: StepCosts, num_classes: int, num_pairs: int | None, world_size: int
) -> str:
    """The text of `describe_plan` for known costs."""
    parts = (
        _settings(config),
        _networks(config, num_classes, costs),
        _steps(config, num_pairs, world_size, costs),
        _memory(config, world_size, costs),
    )
    return "\n\n".join(parts)


def _settings(config: TrainConfig) -> str:
    """All settings, as --config reads them, and the names of those that differ from the defaults."""
    plain = dataclasses.asdict(TrainConfig())
    merged = {**dataclasses.asdict(config), "dry_run": False}
    chosen = [name for name, value in merged.items() if value != plain[name]]
    text = json.dumps(merged, indent=2)
    return f"Settings, usable again with --config:\n{text}\nNot the defaults: {', '.join(chosen) or 'none'}."


def _networks(config: TrainConfig, num_classes: int, costs: StepCosts) -> str:
    height, width = config.size
    roles = {
        "generator": f"generator, preset {config.preset}",
        "discriminator": "discriminator, what is trained of it",
        "backbone": f"backbone {config.backbone}, frozen",
        "contrastive backbone": f"contrastive backbone {config.contrastive_backbone}, frozen",
    }
    rows = [("", "parameters", "multiply-adds per image")]
    for name, cost in costs.networks.items():
        rows.append((roles[name], f"{cost.parameters / 1e6:.2f} M", f"{cost.multiply_adds / 1e9:.2f} G"))
    text = f"Networks for {num_classes} classes at {width}x{height} (width x height):\n{_table(rows)}"
    if config.pretrained_model_name_or_path:
        text += (
            f"\n  These sizes are of --preset {config.preset}; the run takes the generator's architecture "
            f"from {config.pretrained_model_name_or_path}."
        )
    return text


def _steps(config: TrainConfig, num_pairs: int | None, world_size: int, costs: StepCosts) -> str:
    micro_batches = config.gradient_accumulation_steps
    maps = config.train_batch_size * micro_batches * world_size
    seen = config.max_train_steps * maps
    epochs = (
        "a stream, epochs unknown" if num_pairs is None else f"{seen / num_pairs:.1f} epochs of {num_pairs}"
    )
    lines = [
        f"Steps: {config.max_train_steps}.",
        f"  each {maps} label maps ({config.train_batch_size} x {micro_batches} micro-batches x "
        f"{world_size} processes), {maps * config.samples_per_map} generated photos",
        f"  each {costs.multiply_adds * micro_batches * world_size / 1e12:.3f} T multiply-adds, of both "
        "updates, forward and backward",
        f"  together {seen} pairs: {epochs}",
    ]
    if sentence := batch_sentence(config, world_size):
        lines.append(f"  {sentence}")
    return "\n".join(lines)


def batch_sentence(config: TrainConfig, world_size: int) -> str:
    """A line if the preset's learning rates belong to another batch size than the run's, else ""."""
    preset, wanted = PRESETS[config.preset], BATCH_OF_RATES.get(config.preset, 0)
    names = ("learning_rate_g", "learning_rate_d")
    maps = config.train_batch_size * config.gradient_accumulation_steps * world_size
    if wanted in (0, maps) or any(getattr(config, name) != preset[name] for name in names):
        return ""
    g, d = (f"{preset[name] * maps / wanted:.3g}" for name in names)
    return (
        f"The learning rates of --preset {config.preset} belong to {wanted} label maps an update; this run "
        f"has {maps}, for which rates in proportion are --learning_rate_g {g} --learning_rate_d {d}."
    )


def _memory(config: TrainConfig, world_size: int, costs: StepCosts) -> str:
    items = {
        "weights of all networks": costs.weights,
        "averaged generator": costs.average,
        "moments of both optimisers": costs.optimizers,
        "gradients and activations at their peak, estimated": costs.step_peak,
    }
    if config.gradient_accumulation_steps > 1:
        items["gradients kept between micro-batches"] = costs.trained
    if world_size > 1:
        items["gradient buckets of DDP"] = costs.trained
    items["together"] = sum(items.values())
    rows = [(name, f"{value / 1e6:.0f} MB") for name, value in items.items()]
    return (
        f"Memory of the tensors of each process:\n{_table(rows)}\n"
        "  Not in it: the libraries themselves, workspaces of convolutions, reserves of the allocator, the "
        "loader's workers" + (", what --compile saves or adds." if config.compile else ".")
    )


def _table(rows: list[tuple[str, ...]]) -> str:
    """First column left-aligned, the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows]
    return "\n".join(f"  {'  '.join(row)}" for row in cells)
