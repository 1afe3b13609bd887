"""The command line of a training run: one flag per setting; launcher < preset < file < flags."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import textwrap
from pathlib import Path
from typing import Any, NoReturn

from dpsims_hub.storage.written_json import json_value, likely_name, read_written_json
from dpsims_hub.training.config import KINDS, TrainConfig, kind_of
from dpsims_hub.training.launcher import launcher_settings
from dpsims_hub.training.presets import PRESETS

SETTINGS = tuple(field.name for field in dataclasses.fields(TrainConfig))
UNRECOGNIZED = "unrecognized arguments: "  # argparse's own words


class _Parser(argparse.ArgumentParser):
    """Raises ValueError instead of exiting, so that a wrong flag results in one sentence."""

    def error(self, message: str) -> NoReturn:
        words = message.removeprefix(UNRECOGNIZED).split() if message.startswith(UNRECOGNIZED) else []
        flags = [word.partition("=")[0].removeprefix("--") for word in words if word.startswith("--")]
        near = next((said for flag in flags if (said := likely_name(flag, SETTINGS))), "")
        hint = near.replace(" '", " '--") or "see --help."
        raise ValueError(f"{message}; {hint}")


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line; it returns only the flags that were given."""
    parser = _Parser(
        prog="train_accelerate.py",
        description="Train DP-SIMS on photos and their label maps.",
        epilog=_presets_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", help="JSON file of settings; flags override it")
    groups: dict[str, Any] = {}
    for field in dataclasses.fields(TrainConfig):
        group = field.metadata["group"]
        if group not in groups:
            groups[group] = parser.add_argument_group(group)
        groups[group].add_argument(f"--{field.name}", **_flag_options(field))
    return parser


def _flag_options(field: dataclasses.Field) -> dict[str, Any]:
    kind, default = kind_of(field), field.default
    text = field.metadata["help"]
    if choices := field.metadata.get("choices"):
        text += f": {', '.join(choices)}"
    shown = "" if not default and kind in (tuple, dict) else json.dumps(default) if kind is tuple else default
    if kind is bool:
        return {"help": f"{text} (default: {shown})", "action": argparse.BooleanOptionalAction}
    if shown != "":
        text += f" (default: {shown})"
    return {"help": text, "metavar": KINDS[kind][1], "type": json_value if kind in (tuple, dict) else kind}


def _presets_help() -> str:
    lines = ["presets, over the defaults above and under a --config file and flags:"]
    for name, settings in PRESETS.items():
        words = f"{name}: " + ", ".join(f"{key} {value}" for key, value in settings.items())
        lines.append(textwrap.fill(words, 100, initial_indent="  ", subsequent_indent="      "))
    return "\n".join(lines)


def parse_config(argv: list[str] | None = None) -> TrainConfig:
    """Settings merged from launcher, preset, file and flags, each of which overrides those before it.

    `argv` is None for the command line of the process. Names of flags may contain _ or -.

    Raises:
        ValueError: an unknown flag or setting, or an invalid value.
        FileNotFoundError: the configuration file does not exist.
    """
    words = sys.argv[1:] if argv is None else argv
    flags = vars(make_parser().parse_args([_with_underscores(word) for word in words]))
    path = flags.pop("config", None)
    chosen = {**(_read_settings(Path(path)) if path else {}), **flags}
    preset = chosen.get("preset", TrainConfig.preset)
    # TrainConfig refuses an unknown preset.
    presets = PRESETS.get(preset, {}) if isinstance(preset, str) else {}
    return TrainConfig(**{**launcher_settings(), **presets, **chosen})


def _with_underscores(word: str) -> str:
    """--mixed-precision=bf16 -> --mixed_precision=bf16; argparse's --no-flip is kept."""
    if not word.startswith("--"):
        return word
    name, equals, value = word[2:].partition("=")
    no = "no-" if name.startswith("no-") else ""
    return f"--{no}{name.removeprefix(no).replace('-', '_')}{equals}{value}"


def _read_settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"--config: no such file: {path}.")
    settings = read_written_json(path, f"--config: {path}")
    if not isinstance(settings, dict):
        raise ValueError(f"--config: {path} must hold one object of settings.")
    if unknown := sorted(settings.keys() - set(SETTINGS)):
        hint = next((f"; {said}" for name in unknown if (said := likely_name(name, SETTINGS))), ".")
        raise ValueError(f"--config: {path} has unknown settings: {', '.join(unknown)}{hint}")
    return settings
