"""Model cards: the README.md of a published model, written from what its folder and its run say.

A card states what is known and says "not measured" or "not stated" for the rest. Its text is
`model_cards/template.md`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from safetensors import safe_open

from dpsims_hub.hub.measurements import eval_results, evaluation_section, table
from dpsims_hub.labels import ClassSpec

TEMPLATE = Path(__file__).resolve().parents[2] / "model_cards" / "template.md"
TAGS = ("dpsims", "semantic-image-synthesis", "gan")
LONG_LIST = 40  # class tables above this are folded away
LIMITS = """\
- Photos are invented. Do not use them as evidence, nor as the only data to judge a perception system.
- The model knows the places, seasons, cameras and prejudices of its training photos, and nothing else.
- Which classes come out well was not judged for this card; look at your own maps before you rely on them."""
NO_LICENCE = """\
No licence was stated for these weights. Until their owner states one here and in the header (`license:`),
nobody has leave to use them; the terms of the training photos may bind the choice."""
LICENCE = (
    "The weights are under the licence `{}`. The photos that they were trained on have terms of their own."
)


@dataclass(frozen=True)
class CardFacts:
    """What a card says and neither folder nor run know.

    Args:
        license: Of the weights, an identifier of the Hub such as "cc-by-nc-4.0"; "" means not stated.
        datasets: Hub ids of the training data, beside the run's own `dataset_name`.
        limits: Markdown in the place of the general words about limits.
        evaluation: The report that `dpsims evaluate --output` wrote, decoded; None means not measured.
    """

    license: str = ""
    datasets: tuple[str, ...] = ()
    limits: str = ""
    evaluation: Mapping[str, Any] | None = None


NOTHING_ELSE = CardFacts()


@dataclass(frozen=True)
class RunFacts:
    """What a run says about itself.

    Args:
        step: Generator updates done.
        config: The run's settings, as its config.json holds them.
        run: Its run.json: processes, seconds, versions.
    """

    step: int
    config: Mapping[str, Any]
    run: Mapping[str, Any]


def make_card(folder: Path, repo_id: str, run: RunFacts, facts: CardFacts = NOTHING_ELSE) -> ModelCard:
    """Write the card of a folder that is ready to be published.

    Args:
        folder: In Hub layout, with `validation_sheet.png` and `training_config.json` where there are any.
        repo_id: Hub id "owner/name" under which it will be loaded.
        run: What trained it.
        facts: What else is known.

    Raises:
        FileNotFoundError: The template or a file of the model is missing.
        ValueError: The evaluation report lacks what a card says of it.
    """
    check_template()
    name = repo_id.rpartition("/")[2]
    generator = json.loads((folder / "generator" / "config.json").read_text())
    spec = _class_list(folder, generator)
    height, width = generator["sample_size"]
    sheet = (folder / "validation_sheet.png").is_file()
    return ModelCard.from_template(
        _header(name, spec, run.config, facts),
        template_path=str(TEMPLATE),
        model_name=name,
        model_id=repo_id,
        num_classes=str(spec.num_classes),
        picture="![label map, real photo, two samples](validation_sheet.png)" if sheet else "",
        size=f"{width}x{height}",
        files=_file_list(folder),
        class_table=_class_table(spec),
        training=_training_section(folder, run),
        evaluation="Not measured." if facts.evaluation is None else evaluation_section(facts.evaluation),
        limits=facts.limits or LIMITS,
        licence=LICENCE.format(facts.license) if facts.license else NO_LICENCE,
    )


def check_template() -> None:
    """Make sure that cards can be written, before hours of training rather than after.

    Raises:
        FileNotFoundError: The template is not there.
    """
    if not TEMPLATE.is_file():
        raise FileNotFoundError(
            f"{TEMPLATE}: the template of model cards is missing; it comes with the repository, so run "
            "from a clone or `pip install -e` one."
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


def _class_list(folder: Path, generator: Mapping[str, Any]) -> ClassSpec:
    """Classes of the pipeline, which may name them by numbers only."""
    stored = json.loads((folder / "model_index.json").read_text()).get("class_spec")
    names = [f"class {number}" for number in range(generator["num_classes"])]
    return ClassSpec.from_dict(stored or {"name": "unnamed", "classes": names})


def _class_table(spec: ClassSpec) -> str:
    rows = [(str(info.id), info.name, "#{:02x}{:02x}{:02x}".format(*info.rgb)) for info in spec.classes]
    unknown = (str(spec.ignore_index), "unknown", "#{:02x}{:02x}{:02x}".format(*spec.ignore_rgb))
    text = table([("id", "name", "colour"), *rows, unknown])
    if spec.num_classes <= LONG_LIST:
        return text
    return f"<details><summary>{spec.num_classes} classes</summary>\n\n{text}\n\n</details>"


def _file_list(folder: Path) -> str:
    """One sentence on what the repository holds; sizes are read from the weight files' headers."""
    words = [f"`generator/` ({_millions(folder / 'generator')}; averaged weights)"]
    if (folder / "discriminator").is_dir():
        words.append(
            f"`discriminator/` ({_millions(folder / 'discriminator')}; the decoder over its frozen backbone, "
            "for fine-tuning; generation does not load it)"
        )
    if (folder / "training_config.json").is_file():
        words.append("`training_config.json` (for `train_accelerate.py --config`)")
    return f"Files: {', '.join(words)}. Weights are safetensors."


def _millions(folder: Path) -> str:
    count = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="numpy") as weights:
            names = list(weights.keys())
            count += sum(math.prod(weights.get_slice(name).get_shape()) for name in names)
    return f"{count / 1e6:.2f} M parameters"


def _training_section(folder: Path, run: RunFacts) -> str:
    config, processes = run.config, run.run.get("processes", 1)
    rows = [("", ""), ("data", _data_words(config)), ("steps", f"{run.step:,}")]
    names = ("preset", "backbone", "resolution", "mixed_precision", "ema_decay", "max_grad_norm", "seed")
    rows += [(name.replace("_", " "), str(config[name])) for name in names if name in config]
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


def _data_words(config: Mapping[str, Any]) -> str:
    name = publishable_path(config.get("dataset_name") or config.get("train_data_dir") or "") or "not stated"
    split = config.get("train_split")
    return f"`{name}`, split `{split}`" if split else f"`{name}`"


def publishable_path(value: str) -> str:
    """The text, or the last part of a path that would tell a stranger how the owner's folders are called."""
    private = value.startswith(("/", "~", "..")) or re.match(r"[A-Za-z]:[\\/]", value)
    return re.split(r"[\\/]", value.rstrip("\\/"))[-1] if private else value
