"""Fine-tuning: both networks start from a published model, on the classes of new data.

Classes are matched by name. A matched class gets the published rows of the generator's label tables and of
the discriminator's head. A new class keeps its initial rows. All other weights are copied.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import logging
from huggingface_hub import snapshot_download
from torch import Tensor, nn
from torch.nn.utils import parametrize

from dpsims_hub.bundled import NAMES, bundled_model
from dpsims_hub.labels import ClassSpec
from dpsims_hub.models import DPSIMSDiscriminator, DPSIMSGenerator, PretrainedBackbone
from dpsims_hub.models.label_convolution import LabelConvolution
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.storage.stored_settings import CONFIG, own_settings
from dpsims_hub.storage.weight_files import WEIGHTS
from dpsims_hub.training.build import build_networks
from dpsims_hub.training.config import TrainConfig

_FLAG = "--pretrained_model_name_or_path"
_OF_THE_RUN = ("num_classes", "sample_size", "ignore_index")
_NAMES_SHOWN = 20


def build_finetuned(
    config: TrainConfig, spec: ClassSpec
) -> tuple[DPSIMSGenerator, DPSIMSDiscriminator, PretrainedBackbone | None, list[str]]:
    """Generator, discriminator and backbone that start from `config.pretrained_model_name_or_path`.

    The generator has the published architecture, with spectral norm on. The last result is a list of lines
    for the run's log: matched (new <- published), new and dropped classes, and the origin of the
    discriminator.

    Raises:
        FileNotFoundError: the model, or a file of the model or of the backbone, is missing.
        ValueError: no class is in common, a file is damaged, or settings do not fit the published model.
    """
    folder, pipe = _published(config)
    published = pipe.generator.remove_spectral_norm().eval()
    sources = match_classes(spec, pipe.spec)
    if not any(source is not None for source in sources):
        raise ValueError(
            f"{_FLAG}: {config.pretrained_model_name_or_path} and the data have no class in common: the "
            f"model has {_listed(pipe.spec.names)}; the data has {_listed(spec.names)}."
        )
    wanted = _with_architecture(config, published)
    generator, discriminator, backbone = build_networks(wanted, spec.num_classes, spec.ignore_index)
    _check_architecture(config, published, generator)
    copy_generator(generator, published, sources)
    report = _class_report(config.pretrained_model_name_or_path, spec, pipe.spec, sources)
    discriminator, line = _start_discriminator(config, folder, discriminator, sources)
    return generator, discriminator, backbone, [*report, line]


def build_run(
    config: TrainConfig, spec: ClassSpec
) -> tuple[DPSIMSGenerator, DPSIMSDiscriminator, PretrainedBackbone | None, list[str]]:
    """The results of `build_finetuned`; new networks and no lines if the settings name no published model."""
    if config.pretrained_model_name_or_path:
        return build_finetuned(config, spec)
    return *build_networks(config, spec.num_classes, spec.ignore_index), []


def match_classes(new: ClassSpec, old: ClassSpec) -> list[int | None]:
    """For each new class the id of the published class that it continues, or None.

    The name of a new class is looked up first, then its aliases. Each is compared with the old names before
    the old aliases, in any letter case. Several new classes may continue one published class (car and truck
    both continue vehicle).
    """
    sources: list[int | None] = []
    for info in new.classes:
        ids = (old.find(name) for name in (info.name, *info.aliases))
        sources.append(next((found for found in ids if found is not None), None))
    return sources


@torch.no_grad()
def copy_generator(new: DPSIMSGenerator, old: DPSIMSGenerator, sources: Sequence[int | None]) -> None:
    """Copy a published generator into one that may have spectral norm, with label tables row by row.

    `sources` comes from `match_classes`. `old` has no spectral norm; its architecture differs only in the
    number of classes.
    """
    for name, source in old.named_modules():
        target = new.get_submodule(name)
        if isinstance(source, LabelConvolution):
            _copy_label_table(target, source, sources)
            continue
        own = (*source.named_parameters(recurse=False), *source.named_buffers(recurse=False))
        for attribute, value in own:
            if parametrize.is_parametrized(target, attribute):
                norm = set_normalized_weight(target, value)
                parametrize.register_parametrization(target, attribute, PublishedNorm(norm))
            else:
                getattr(target, attribute).copy_(value)


class PublishedNorm(nn.Module):
    """Multiplies a spectrally normalised weight by its published norm, a constant.

    An average of weights of norm 1 has a norm slightly below 1. Normalising it to 1 would change every layer,
    and so the photos, by up to 1 %.
    """

    def __init__(self, norm: Tensor) -> None:
        super().__init__()
        self.register_buffer("norm", norm.clone())

    def forward(self, weight: Tensor) -> Tensor:
        """Weight of norm 1 -> weight of the published norm."""
        return weight * self.norm


@torch.no_grad()
def set_normalized_weight(layer: nn.Module, weight: Tensor) -> Tensor:
    """Make `weight / norm` the effective weight of a layer with spectral norm; returns the norm, a scalar.

    The norm is the largest singular value of `weight` as a matrix. The raw weight keeps its initial length,
    which matters to Adam but not to spectral norm. The power iteration starts at its fixed point, so that it
    does not change the weight.
    """
    chain = layer.parametrizations.weight
    matrix = weight.double().flatten(1)
    left = torch.linalg.eigh(matrix @ matrix.T).eigenvectors[:, -1]
    right = matrix.T @ left
    norm = right.norm()
    chain.original.copy_(weight * (chain.original.norm() / weight.norm()))
    chain[0]._u.copy_(left)
    chain[0]._v.copy_(right / norm)
    return norm.to(weight.dtype)


def _copy_label_table(new: LabelConvolution, old: LabelConvolution, sources: Sequence[int | None]) -> None:
    """Copy rows by class, and noise planes and bias unchanged; unknown pixels have no row."""
    for target, source in enumerate(sources):
        if source is not None:
            new.weight[:, target] = old.weight[:, source]
    new.weight[:, new.num_classes :] = old.weight[:, old.num_classes :]
    new.bias.copy_(old.bias)


def _published(config: TrainConfig) -> tuple[Path, DPSIMSPipeline]:
    """Folder and pipeline of the model; a bundled name takes precedence over a folder of that name."""
    name, revision, variant = config.pretrained_model_name_or_path, config.revision, config.variant or None
    logging.disable_progress_bar()
    try:
        if name in NAMES:
            folder = bundled_model(name)
        elif Path(name).is_dir():
            folder = Path(name)
        else:
            folder = Path(DPSIMSPipeline.download(name, revision=revision or None, variant=variant))
            # A pipeline does not download these. The folder is named after its commit.
            snapshot_download(
                name, revision=folder.name, allow_patterns=["training_config.json", "discriminator/*"]
            )
        return folder, DPSIMSPipeline.from_pretrained(folder, variant=variant, dtype=torch.float32)
    except OSError as error:
        raise FileNotFoundError(f"{_FLAG}: {str(error).splitlines()[0]}") from error


def _with_architecture(config: TrainConfig, published: DPSIMSGenerator) -> TrainConfig:
    """The run's settings, with the published architecture as the default."""
    offsets = published.config.use_instance_offsets
    if config.instance_offsets != offsets:
        raise ValueError(
            f"--instance_offsets: {config.pretrained_model_name_or_path} was trained "
            f"{'with' if offsets else 'without'} them; {'add' if offsets else 'leave out'} this flag."
        )
    settings = {k: v for k, v in own_settings(published.config).items() if k not in _OF_THE_RUN}
    merged = {**settings, "spectral_norm": True, **config.generator_config}
    return dataclasses.replace(config, generator_config=merged)


def _check_architecture(config: TrainConfig, published: DPSIMSGenerator, built: DPSIMSGenerator) -> None:
    """Refuse settings that change the shape of a published tensor."""
    plain = own_settings(built.config) | {"spectral_norm": False, "num_classes": published.config.num_classes}
    with torch.device("meta"):
        tensors = DPSIMSGenerator(**plain).state_dict()
    if _shapes(tensors) == _shapes(published.state_dict()):
        return
    theirs = own_settings(published.config)
    changed = [name for name, value in config.generator_config.items() if value != theirs[name]]
    raise ValueError(
        f"--generator_config: {', '.join(changed)} would change the shape of weights of "
        f"{config.pretrained_model_name_or_path}; leave out what differs from its generator/config.json."
    )


def _shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _start_discriminator(
    config: TrainConfig, folder: Path, fresh: DPSIMSDiscriminator, sources: Sequence[int | None]
) -> tuple[DPSIMSDiscriminator, str]:
    """The published discriminator, with the new classes, if there is one and it fits; otherwise `fresh`."""
    place = next((p for p in (folder, folder.parent) if _is_discriminator(p / "discriminator")), None)
    if place is None:
        return fresh, "Discriminator: new, none was published with the generator."
    path = place / "discriminator"
    try:
        settings = own_settings(json.loads((path / "config.json").read_text()))
        if reason := _misfit(config, place, settings, fresh):
            return fresh, f"Discriminator: new, the one in {path} has {reason}."
        old = DPSIMSDiscriminator.from_pretrained(path, dtype=torch.float32)
    except (RuntimeError, TypeError, ValueError, OSError) as error:
        raise ValueError(
            f"{path}: config.json or the weights are damaged or do not fit each other; copy them again, or "
            "move the folder away to begin with a new discriminator."
        ) from error
    new = DPSIMSDiscriminator(**{**settings, "num_classes": fresh.config.num_classes})
    copy_discriminator(new, old, sources)
    return new, f"Discriminator: from {path}, its classes matched likewise."


@torch.no_grad()
def copy_discriminator(
    new: DPSIMSDiscriminator, old: DPSIMSDiscriminator, sources: Sequence[int | None]
) -> None:
    """Copy a discriminator, with the rows of its head by class and "fake" from "fake"; see `copy_generator`.

    A head with spectral norm keeps norm 1, so that added or dropped classes scale all rows by one factor.
    """
    kept = {name: value for name, value in old.state_dict().items() if not name.startswith("head.")}
    new.load_state_dict(kept, strict=False)
    # In training mode, reading a weight makes a power iteration.
    heads = [module.head.eval() for module in (new, old)]
    weight, theirs = (head.weight.clone() for head in heads)
    for target, source in [(0, 0), *((t + 1, s + 1) for t, s in enumerate(sources) if s is not None)]:
        weight[target] = theirs[source]
        heads[0].bias[target] = heads[1].bias[source]
    if parametrize.is_parametrized(heads[0], "weight"):
        set_normalized_weight(heads[0], weight)
    else:
        heads[0].weight.copy_(weight)
    new.head.train()


def _is_discriminator(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and (folder / f"{WEIGHTS}.safetensors").is_file()


def _misfit(
    config: TrainConfig, place: Path, published: dict[str, Any], fresh: DPSIMSDiscriminator
) -> str | None:
    """How a published discriminator differs from the one that the run needs, or None.

    Widths that the run does not set may differ. Two backbones may have feature maps of equal shapes. The
    settings of the publishing run, if present, distinguish them.
    """
    # The first name is that in a run's folder, the second that in a published folder.
    runs = (place / name for name in ("config.json", "training_config.json"))
    run = next((path for path in runs if path.is_file()), None)
    backbone = None if run is None else json.loads(run.read_text()).get("backbone")
    if backbone not in (None, config.backbone):
        return f"the backbone {backbone}, not {config.backbone}"
    free = {"num_classes"} | ({"decoder_widths"} - config.discriminator_config.keys())
    for name, value in own_settings(fresh.config).items():
        theirs = published.get(name, value)
        value = list(value) if isinstance(value, tuple) else value
        if name not in free and value != theirs:
            return f"{name} {theirs}, not {value}"
    return None


def _class_report(name: str, new: ClassSpec, old: ClassSpec, sources: Sequence[int | None]) -> list[str]:
    pairs = [f"{new.names[t]} <- {old.names[s]}" for t, s in enumerate(sources) if s is not None]
    added = [new.names[target] for target, source in enumerate(sources) if source is None]
    dropped = [other for number, other in enumerate(old.names) if number not in sources]
    return [
        f"Generator: from {name}, {len(pairs)} of {new.num_classes} classes matched: {', '.join(pairs)}.",
        f"New classes: {', '.join(added) or 'none'}.",
        f"Classes of {name} that were dropped: {', '.join(dropped) or 'none'}.",
    ]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
