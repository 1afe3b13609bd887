"""Model cards: the README.md of a published model, made from its folder and facts of its run.

A card says "not measured" or "not stated" of unknown facts. The template of its text is `template.md` beside
this file, to which `model_cards/template.md` links.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from safetensors import safe_open

from dpsims_hub.cards.measurements import eval_results, evaluation_section, table
from dpsims_hub.labels import ClassSpec

TEMPLATE = Path(__file__).with_name("template.md")
TAGS = ("dpsims", "semantic-image-synthesis", "gan")
LONG_LIST = 40  # classes; tables of more are collapsed
LIMITS = """\
- Photos are invented. Do not use them as evidence, nor as the only data to judge a perception system.
- The model knows the places, seasons, cameras and prejudices of its training photos, and nothing else.
- Which classes come out well was not judged for this card; look at your own maps before you rely on them."""
NO_LICENCE = (
    "not stated: until their owner states one here and in the header (`license:`), nobody has leave to use "
    "them"
)
NEEDS_PACKAGE = "With the package `dpsims_hub` installed:"
NEEDS_TRUST = """\
This repository brings its own code, `pipeline.py` and `generator/modeling_dpsims.py`: diffusers runs it on
your machine, and needs nothing else. Read it before you trust it."""
EXAMPLE = """\
import torch
from {package} import {pipeline}

pipe = {pipeline}.from_pretrained("{repo_id}"{trust})
photos = pipe("map.png", num_images_per_label=4, generator=torch.Generator().manual_seed(0)).images
photos[0].save("photo.png")"""


@dataclass(frozen=True)
class CardFacts:
    """Facts on a card that are neither in the folder nor in the run.

    Args:
        license: of the weights, an identifier of the Hub such as "cc-by-nc-4.0"; "" means not stated.
        datasets: Hub ids of the training data, in addition to the run's `dataset_name`.
        data_license: of the training photos, in words.
        evaluation: the decoded report of `dpsims evaluate --output`; None means not measured.
    """

    license: str = ""
    datasets: tuple[str, ...] = ()
    data_license: str = ""
    evaluation: Mapping[str, Any] | None = None


NOTHING_ELSE = CardFacts()


@dataclass(frozen=True)
class RunFacts:
    """Facts of a training run.

    Args:
        step: number of generator updates; None or 0 means unknown.
        config: the content of its config.json.
        run: the content of its run.json: processes, seconds, versions.
    """

    step: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)


def make_card(folder: Path, repo_id: str, run: RunFacts, facts: CardFacts = NOTHING_ELSE) -> ModelCard:
    """The card of a folder in Hub layout; its pictures and `training_config.json` are named if they exist.

    Raises:
        FileNotFoundError: the template or a file of the model is missing.
        ValueError: the evaluation report lacks a part.
    """
    check_template()
    name = repo_id.rpartition("/")[2]
    generator = json.loads((folder / "generator" / "config.json").read_text())
    spec = _class_list(folder, generator)
    height, width = generator["sample_size"]
    return ModelCard.from_template(
        _header(name, spec, run.config, facts),
        template_path=str(TEMPLATE),
        model_name=name,
        num_classes=str(spec.num_classes),
        picture=_picture(folder),
        **_usage(folder, repo_id),
        size=f"{width}x{height}",
        files=_file_list(folder),
        class_table=_class_table(spec),
        training=_training_section(folder, run),
        evaluation="Not measured." if facts.evaluation is None else evaluation_section(facts.evaluation),
        limits=LIMITS,
        licences=_licences(run.config, facts),
    )


def check_template() -> None:
    """Raise FileNotFoundError if the template of cards is missing; called before hours of training."""
    if not TEMPLATE.is_file():
        raise FileNotFoundError(
            f"{TEMPLATE}: the template of model cards is missing; install dpsims_hub again."
        )


def _header(name: str, spec: ClassSpec, config: Mapping[str, Any], facts: CardFacts) -> ModelCardData:
    datasets = dict.fromkeys((*facts.datasets, *_hub_ids(config.get("dataset_name"))))
    base = _hub_ids(config.get("pretrained_model_name_or_path"))
    data = ModelCardData(
        license=facts.license or "other",
        license_name=None if facts.license else "not-stated",
        library_name="diffusers",
        pipeline_tag="image-to-image",
        tags=[*TAGS, *([spec.name] if re.fullmatch(r"[\w-]+", spec.name) else [])],
        datasets=list(datasets) or None,
        base_model=base or None,
        model_name=name if facts.evaluation is not None else None,
        eval_results=None if facts.evaluation is None else eval_results(facts.evaluation),
    )
    data.inference = False
    return data


def _hub_ids(name: object) -> list[str]:
    """The name in a list if it is a Hub id, else an empty list."""
    is_id = isinstance(name, str) and re.fullmatch(r"\w[\w.-]*/[\w.-]+", name) and not Path(name).exists()
    return [name] if is_id else []


def _usage(folder: Path, repo_id: str) -> dict[str, str]:
    """What the model needs, and an example that makes a photo, by their names in the template."""
    if (folder / "pipeline.py").is_file():
        words = {"package": "diffusers", "pipeline": "DiffusionPipeline", "trust": ", trust_remote_code=True"}
        return {"needs": NEEDS_TRUST, "example": EXAMPLE.format(repo_id=repo_id, **words)}
    words = {"package": "dpsims_hub", "pipeline": "DPSIMSPipeline", "trust": ""}
    return {"needs": NEEDS_PACKAGE, "example": EXAMPLE.format(repo_id=repo_id, **words)}


def _picture(folder: Path) -> str:
    pictures = {
        "samples.png": "label maps and photos made of them",
        "validation_sheet.png": "label map, real photo, two samples",
    }
    return "\n\n".join(f"![{text}]({name})" for name, text in pictures.items() if (folder / name).is_file())


def _class_list(folder: Path, generator: Mapping[str, Any]) -> ClassSpec:
    """The classes of the pipeline; without a stored class list they are named by their numbers."""
    stored = json.loads((folder / "model_index.json").read_text()).get("class_spec")
    names = [f"class {number}" for number in range(generator["num_classes"])]
    unknown = generator.get("ignore_index", 255)
    return ClassSpec.from_dict(stored or {"name": "unnamed", "classes": names, "ignore_index": unknown})


def _class_table(spec: ClassSpec) -> str:
    rows = [(str(info.id), info.name, "#{:02x}{:02x}{:02x}".format(*info.rgb)) for info in spec.classes]
    unknown = (str(spec.ignore_index), "unknown", "#{:02x}{:02x}{:02x}".format(*spec.ignore_rgb))
    text = table([("id", "name", "colour"), *rows, unknown])
    if spec.num_classes <= LONG_LIST:
        return text
    return f"<details><summary>{spec.num_classes} classes</summary>\n\n{text}\n\n</details>"


def _file_list(folder: Path) -> str:
    """A list of the repository's files, with the sizes of the networks."""
    size = _millions(folder / "generator")
    lines = [f"`generator/`: {size}, averaged weights, safetensors"]
    if any((folder / "generator").glob("*.fp16*.safetensors")):
        lines.append('the same as float16: add `variant="fp16", dtype=torch.float16`')
    if (folder / "discriminator").is_dir():
        size = _millions(folder / "discriminator")
        lines.append(
            f"`discriminator/`: {size}, the decoder over its frozen backbone, for fine-tuning; generation "
            "does not load it"
        )
    more = {
        "training_config.json": "for `train_accelerate.py --config`",
        "classes.json": "the class list, as data sets have it; its colours are in `palette.png`",
        "onnx/generator.onnx": "`label_map` (B, H, W) int64 ids and `latents` (B, z) float32 to `photos` "
        "(B, 3, H, W) from -1 to 1; class names, stride and the id of unknown pixels are in its metadata",
    }
    lines += [f"`{name}`: {text}" for name, text in more.items() if (folder / name).is_file()]
    return "Files:\n\n" + "\n".join(f"- {line}" for line in lines)


def _millions(folder: Path) -> str:
    """The number of parameters, from the headers of the weight files."""
    stem, count = "diffusion_pytorch_model", 0
    for path in (*folder.glob(f"{stem}.safetensors"), *folder.glob(f"{stem}-*-of-*.safetensors")):
        with safe_open(path, framework="numpy") as weights:
            names = list(weights.keys())
            count += sum(math.prod(weights.get_slice(name).get_shape()) for name in names)
    return f"{count / 1e6:.2f} M parameters"


def _training_section(folder: Path, run: RunFacts) -> str:
    config, processes = run.config, run.run.get("processes", 1)
    steps = f"{run.step:,}" if run.step else "not stated"
    rows = [("", ""), ("data", _data_words(config)), ("steps", steps)]
    names = ("preset", "backbone", "resolution", "mixed_precision", "ema_decay", "max_grad_norm", "seed")
    rows += [(name.replace("_", " "), str(config[name])) for name in names if name in config]
    if reach := run.run.get("ema_horizon"):
        rows.append(("weights averaged over", f"about the last {reach:.0f} steps"))
    if {"train_batch_size", "samples_per_map", "gradient_accumulation_steps"} <= config.keys():
        maps = config["train_batch_size"] * config["gradient_accumulation_steps"] * processes
        words = f"{maps} label maps with {config['samples_per_map']} latents each, on {processes} process(es)"
        rows.append(("batch of one step", words))
    if {"learning_rate_g", "learning_rate_d"} <= config.keys():
        rates = (
            f"Adam, {config['learning_rate_g']:g} (generator), {config['learning_rate_d']:g} (discriminator)"
        )
        rows.append(("optimiser", rates))
    if start := config.get("pretrained_model_name_or_path"):
        rows.append(("fine-tuned from", f"`{publishable_path(start)}`"))
    rows += [("torch", str(run.run["torch"]))] if "torch" in run.run else []
    stored = (folder / "training_config.json").is_file()
    more = "\n\nAll settings are in [training_config.json](training_config.json)." if stored else ""
    return table(rows) + more


def _licences(config: Mapping[str, Any], facts: CardFacts) -> str:
    """A table with the licences of weights, data, backbone and code."""
    weights = f"`{facts.license}`" if facts.license else NO_LICENCE
    data = facts.data_license or "not stated here; the photos have terms of their own"
    backbone = config.get("backbone") or "not stated"
    rows = [
        ("what", "licence"),
        ("these weights", weights),
        (f"training data ({_data_words(config)})", data),
        (f"backbone of the discriminator ({backbone})", _backbone_licence(config)),
        ("the code, `dpsims_hub`", "Apache-2.0"),
    ]
    return table(rows)


def _backbone_licence(config: Mapping[str, Any]) -> str:
    """The licence that timm states for its own weights; that of a weights file is unknown."""
    name = config.get("backbone")
    if name == "none":
        return "none was used"
    if not name or config.get("backbone_weights", "pretrained") != "pretrained":
        return "not stated; the backbone served in training and is not included"
    from timm.models import get_pretrained_cfg

    known = get_pretrained_cfg(name, allow_unregistered=True)
    licence = getattr(known, "license", None) or "not stated"
    return f"{licence}, as timm says; the backbone served in training and is not included"


def _data_words(config: Mapping[str, Any]) -> str:
    name = publishable_path(config.get("dataset_name") or config.get("train_data_dir") or "") or "not stated"
    split = config.get("train_split")
    return f"`{name}`, split `{split}`" if split else f"`{name}`"


def publishable_path(value: str) -> str:
    """The text itself or, if it is a private path, the last part of the path."""
    private = value.startswith(("/", "~", "..")) or re.match(r"[A-Za-z]:[\\/]", value)
    return re.split(r"[\\/]", value.rstrip("\\/"))[-1] if private else value
