"""Saving and loading of networks: diffusers' methods with checks.

Diffusers falls back to pickled weights, warns only if tensors are missing and leaves them unset, ignores
unknown settings, and shows the parser's message for a damaged file. Here a folder is checked in order of
cost: its settings, the headers of its weights, then every number. Only after that is a network built.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
from pathlib import Path
from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin

from dpsims_hub.storage.hub_files import fetch_files, take_hub_options
from dpsims_hub.storage.plain_values import plain_value
from dpsims_hub.storage.stored_settings import CONFIG, read_settings
from dpsims_hub.storage.weight_checksum import check_checksum, write_checksum
from dpsims_hub.storage.weight_files import check_headers, check_numbers, weight_files, weight_names

ALIGNMENT = 64
"""PyTorch's own alignment of memory on a CPU, in bytes."""


def network_patterns(variant: str | None, subfolder: str = "") -> list[str]:
    """Patterns for the Hub that match every file that one network may have."""
    prefix = f"{subfolder.strip('/')}/" if subfolder else ""
    return [f"{prefix}{name}" for name in (CONFIG, *weight_names(variant))]


def refuse_other_formats(keywords: dict[str, Any]) -> None:
    """Remove the keywords about file formats; ValueError if they ask for another format than safetensors."""
    if any(keywords.pop(name, None) is False for name in ("use_safetensors", "safe_serialization")):
        raise ValueError(
            "weights are read and written as safetensors only, since a pickled checkpoint can run code; "
            "leave out use_safetensors=False and safe_serialization=False."
        )
    for name in ("use_flashpack", "use_onnx"):
        if keywords.pop(name, None):
            raise ValueError(f"weights are read and written as safetensors only; leave out {name}.")


def check_network(
    kind: type[CheckedModel],
    folder: str | Path,
    variant: str | None = None,
    settings: dict[str, Any] | None = None,
    shapes: bool = True,
) -> None:
    """Check the folder of one network before its weights take memory.

    Args:
        kind: class of the network.
        folder: holds config.json and the weights.
        variant: of the weights, for example "fp16".
        settings: replace the stored ones.
        shapes: whether the shapes of tensors must fit the settings.

    Raises:
        FileNotFoundError: a file is missing, or there are pickled weights only.
        ValueError: a setting, a tensor or a checksum does not fit.
    """
    folder = Path(folder)
    settings = read_settings(kind, folder, settings)
    files = weight_files(folder, variant)
    try:
        with torch.device("meta"):
            expected = kind(**settings).state_dict()
    except ValueError as error:
        raise ValueError(f"{folder / CONFIG}: {error}") from error
    check_headers(files, expected, shapes)
    for path in files:
        check_checksum(path)
        check_numbers(path)


@torch.no_grad()
def align_storages(module: torch.nn.Module) -> None:
    """Copy tensors at unaligned addresses, which memory-mapped files can have, to aligned memory.

    Vector instructions sum an unaligned tensor in another order, which would change the last bits of a photo.
    """
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.device.type == "cpu" and tensor.data_ptr() % ALIGNMENT:
            tensor.data = tensor.data.clone()


def _has_content(record: logging.LogRecord) -> bool:
    """False for diffusers' warning at every `.to(dtype)` that no parts are to be kept in float32."""
    return "should be kept in float32: []" not in record.getMessage()


logging.getLogger("diffusers.models.modeling_utils").addFilter(_has_content)


class CheckedModel(ModelMixin, ConfigMixin):
    """Base of the networks: diffusers' `from_pretrained` and `save_pretrained`, safetensors only, checked."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Make the constructor convert numpy's numbers to Python's, which JSON settings need."""
        super().__init_subclass__(**options)
        construct = cls.__init__

        @functools.wraps(construct)
        def construct_plainly(self: CheckedModel, *values: Any, **settings: Any) -> None:
            construct(self, *plain_value(values), **plain_value(settings))

        cls.__init__ = construct_plainly

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        subfolder: str | None = None,
        variant: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Load a network from a folder or from the Hub, in evaluation mode.

        Args:
            pretrained_model_name_or_path: a folder, or a Hub id "owner/name".
            subfolder: "generator" or "discriminator" in the folder of a pipeline.
            variant: of the weights, for example "fp16"; `dtype` alone decides the arithmetic.
            **kwargs: of diffusers' `ModelMixin.from_pretrained` (`dtype`, `revision`, `token`, `cache_dir`,
                `local_files_only`, ...), or settings that replace the stored ones.

        Raises:
            FileNotFoundError: there is no such folder or Hub model, or a file of it is missing.
            ValueError: a file is damaged, does not fit the settings or is no safetensors file.
        """
        refuse_other_formats(kwargs)
        options = take_hub_options(kwargs)
        name = str(pretrained_model_name_or_path)
        folder = Path(name)
        if not folder.is_dir():
            folder = fetch_files(name, network_patterns(variant, subfolder or ""), **options)
        folder = folder / (subfolder or "")
        known = inspect.signature(cls.__init__).parameters
        own = {key: value for key, value in kwargs.items() if key in known}
        check_network(cls, folder, variant, own, shapes=not kwargs.get("ignore_mismatched_sizes"))
        loaded = super().from_pretrained(str(folder), variant=variant, use_safetensors=True, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        align_storages(model)
        model.register_to_config(_name_or_path=name)
        return loaded

    def save_pretrained(
        self,
        save_directory: str | Path,
        safe_serialization: bool = True,
        variant: str | None = None,
        max_shard_size: int | str = "10GB",
        push_to_hub: bool = False,
        **kwargs: Any,
    ) -> None:
        """Write config.json and safetensors that are readable for all and carry a checksum.

        Args:
            save_directory: the folder; it is created if it is missing.
            safe_serialization: must be True; there is no other format.
            variant: part of the weight files' names, for example "fp16".
            max_shard_size: larger weights are split into several files.
            push_to_hub: upload afterwards, see the method of that name.
            **kwargs: of diffusers' `ModelMixin.save_pretrained`; with `push_to_hub` those of that method.

        Raises:
            ValueError: another format than safetensors is asked for.
        """
        refuse_other_formats(kwargs | {"safe_serialization": safe_serialization})
        local = {key: kwargs.pop(key) for key in ("is_main_process", "save_function") if key in kwargs}
        folder = Path(save_directory)
        single, index, _ = weight_names(variant)
        (folder / index).unlink(missing_ok=True)  # diffusers reads an index before a single file
        super().save_pretrained(str(folder), variant=variant, max_shard_size=max_shard_size, **local)
        if (folder / index).is_file():
            (folder / single).unlink(missing_ok=True)
        for path in weight_files(folder, variant):
            write_checksum(path)
        if push_to_hub:
            self.push_to_hub(kwargs.pop("repo_id", folder.name), variant=variant, **kwargs)

    def to_json_string(self) -> str:
        """The settings as JSON, without the path that they were loaded from."""
        return without_origin(super().to_json_string())


def without_origin(text: str) -> str:
    """A configuration's JSON without the path that it was loaded from."""
    settings = json.loads(text)
    settings.pop("_name_or_path", None)
    return json.dumps(settings, indent=2, sort_keys=True) + "\n"
