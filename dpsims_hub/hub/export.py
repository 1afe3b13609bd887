"""A folder to publish, with everything that is needed to use, evaluate and fine-tune a model."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from dpsims_hub.cards.model_card import CardFacts, check_template, make_card, publishable_path
from dpsims_hub.hub.onnx_file import FILE as ONNX_FILE
from dpsims_hub.hub.onnx_file import PACKAGES, write_onnx
from dpsims_hub.hub.pictures import example_maps, sample_sheet
from dpsims_hub.hub.remote_code import write_remote_code
from dpsims_hub.hub.source import Source
from dpsims_hub.labels import render_legend
from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.pictures.sheets import save_picture
from dpsims_hub.processes.missing_package import require_packages
from dpsims_hub.storage.atomic_write import atomic_folder, check_new_folder, write_json

PRIVATE_SETTINGS = (
    *("output_dir", "cache_dir", "resume_from_checkpoint"),
    *("push_to_hub", "hub_model_id", "hub_private_repo", "hub_license"),
)
Say = Callable[[str], None]


@dataclass(frozen=True)
class ExportOptions:
    """Content of the folder beside the model.

    Args:
        repo_id: Hub id in the card's example; "" takes the folder's name.
        facts: further facts for the card.
        maps: label maps of the sample sheet; by default the bundled layouts of these classes, if there are
            any.
        remote_code: whether the folder gets its own code, see `dpsims_hub.hub.remote_code`.
        onnx: whether an ONNX file is written too.
    """

    repo_id: str = ""
    facts: CardFacts = field(default_factory=CardFacts)
    maps: Sequence[str | Path] = ()
    remote_code: bool = False
    onnx: bool = False


def export(
    source: Source, folder: str | Path, options: ExportOptions | None = None, say: Say = print
) -> Path:
    """Write the folder of a model atomically, and return its path.

    Args:
        source: the model; spectral norm is folded into its weights in place.
        folder: the target, which must be new or empty.
        options: the content; None takes the defaults.
        say: called with one line for each part.

    Raises:
        FileExistsError: the folder is not empty.
        FileNotFoundError: a label map, or the template of cards, is missing.
        ModuleNotFoundError: packages for ONNX are missing.
        ValueError: a number of the weights is not finite, a label map does not fit, or the evaluation report
            lacks a part.
        OSError: the folder cannot be written.
    """
    folder, options = Path(folder), options or ExportOptions()
    _check_before_work(folder, options)
    with atomic_folder(folder) as unfinished:
        write_networks(source, unfinished, say)
        _write_pictures(source, unfinished, options, say)
        if options.onnx:
            difference = write_onnx(source.pipe.generator, source.pipe.spec, unfinished / ONNX_FILE)
            say(f"{ONNX_FILE}: the photos of PyTorch within {difference:.1g} (values from -1 to 1)")
        if options.remote_code:
            write_remote_code(unfinished)
            say("pipeline.py, generator/modeling_dpsims.py: the code, for trust_remote_code=True")
        if source.run.config:
            write_json(unfinished / "training_config.json", _publishable(source.run.config))
        facts = replace(options.facts, license=options.facts.license or source.license)
        card = make_card(unfinished, options.repo_id or folder.name, source.run, facts)
        card.save(unfinished / "README.md")
        say("README.md: the model card")
        for path in unfinished.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)  # safetensors lets only the owner read
    return folder


def _check_before_work(folder: Path, options: ExportOptions) -> None:
    check_template()
    check_new_folder(folder)
    if missing := [path for path in options.maps if not Path(path).is_file()]:
        raise FileNotFoundError(f"{missing[0]}: there is no such label map.")
    if options.onnx:
        require_packages(*PACKAGES)


def write_networks(source: Source, folder: Path, say: Say = print) -> None:
    """Write pipeline, float16 weights, class list and discriminator into an existing folder.

    Spectral norm is folded into the weights in place. Raises ValueError if a weight is not finite.
    """
    generator = source.pipe.generator.remove_spectral_norm()
    if broken := _not_finite(generator.state_dict()):
        raise ValueError(f"{source.name}: {broken} holds numbers that are not finite; nothing was exported.")
    source.pipe.save_pretrained(folder)
    say("generator/: averaged weights, spectral norm folded in")
    _write_half(generator, folder / "generator", say)
    write_json(folder / "classes.json", source.pipe.spec.to_dict())
    if source.discriminator is not None:
        source.discriminator.save_pretrained(folder / "discriminator")
        say("discriminator/: its decoder, for fine-tuning")


def _write_half(generator: DPSIMSGenerator, folder: Path, say: Say) -> None:
    """Write the float16 variant of a copy; the float32 original is needed for the sample sheet."""
    half = copy.deepcopy(generator)
    torch.nn.Module.to(half, torch.float16)  # the method of diffusers would warn
    if broken := _not_finite(half.state_dict()):
        say(f"no fp16 variant: {broken} is outside the range of float16")
        return
    half.save_pretrained(folder, variant="fp16")
    say("generator/: the same as float16 (variant fp16)")


def _not_finite(weights: dict[str, torch.Tensor]) -> str:
    """The name of the first tensor with NaN or infinity; "" for none."""
    return next((name for name, value in weights.items() if not value.isfinite().all()), "")


def _write_pictures(source: Source, folder: Path, options: ExportOptions, say: Say) -> None:
    spec = source.pipe.spec
    save_picture(render_legend(spec, [*range(spec.num_classes), spec.ignore_index]), folder / "palette.png")
    say(f"classes.json, palette.png: {spec.num_classes} classes")
    maps = list(options.maps) or example_maps(spec)
    if maps:
        save_picture(sample_sheet(source.pipe, maps), folder / "samples.png")
        say("samples.png: photos of label maps")
    if source.sheet is not None:
        shutil.copyfile(source.sheet, folder / "validation_sheet.png")
        say("validation_sheet.png: shows photos of the data; make sure that you may publish them")
    elif not maps:
        say("no sample sheet: no layouts are known for these classes, name label maps with --maps")


def _publishable(config: dict[str, Any]) -> dict[str, Any]:
    """The settings without private folders and without the owner's Hub repository."""
    kept = {key: value for key, value in config.items() if key not in PRIVATE_SETTINGS}
    return {key: publishable_path(value) if isinstance(value, str) else value for key, value in kept.items()}
