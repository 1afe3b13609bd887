"""Model folders: saved, pushed to the Hub, fetched from it, and checked before loading.

diffusers itself cannot fetch a component of a third-party package from the Hub. It also loads classes of any
library that model_index.json names. Here that file may only name our network.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from diffusers import DiffusionPipeline
from huggingface_hub import create_repo, file_exists, upload_folder

from dpsims_hub.labels import ClassSpec
from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.storage.hub_files import fetch_files, take_hub_options
from dpsims_hub.storage.loading import check_network, network_patterns, refuse_other_formats, without_origin
from dpsims_hub.storage.stored_settings import CONFIG, read_json_object, read_settings
from dpsims_hub.storage.weight_files import weight_files

COMPONENT = "generator"
INDEX = "model_index.json"
ENTRY = ["dpsims_hub", "DPSIMSGenerator"]  # in every published folder


def check_model_folder(folder: str | Path) -> None:
    """Check everything that loading checks, without making a network.

    Raises:
        FileNotFoundError: model_index.json, generator/config.json or the weights are missing.
        ValueError: a file is damaged, or two files contradict each other.
    """
    check_model_index(folder)
    check_network(DPSIMSGenerator, Path(folder) / COMPONENT)


def check_model_index(folder: str | Path, *, own_network: bool = False, own_classes: bool = False) -> None:
    """Check that model_index.json names our network, and that its class list matches that network.

    With `own_network` the caller supplies the network, and generator/ is not read. With `own_classes` the
    caller supplies the class list, and the stored one is not checked.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: a file is damaged, names other classes than ours, or the class list does not match.
    """
    folder = Path(folder)
    for name in (INDEX, *([] if own_network else [f"{COMPONENT}/{CONFIG}"])):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder}: is not a model folder, it has no {name}; "
                "give one that DPSIMSPipeline.save_pretrained wrote."
            )
    path = folder / INDEX
    stored = read_json_object(path)
    _check_entries(path, stored)
    if own_network or own_classes:
        return  # the pipeline compares them when it is made
    settings = read_settings(DPSIMSGenerator, folder / COMPONENT)
    try:
        matching_spec({"ignore_index": 255} | settings, stored.get("class_spec"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_entries(path: Path, stored: Mapping[str, Any]) -> None:
    if stored.get(COMPONENT) != ENTRY:
        raise ValueError(
            f"{path}: names {reprlib.repr(stored.get(COMPONENT))} as its generator, where {ENTRY} is the "
            "only one that is loaded; code that a model brings is never run here."
        )
    if stored.get("_class_name") != "DPSIMSPipeline":
        found = reprlib.repr(stored.get("_class_name"))
        raise ValueError(
            f"{path}: names the pipeline {found}, and DPSIMSPipeline is the only one loaded here."
        )
    known = {COMPONENT, "class_spec"}
    if foreign := sorted(name for name in stored if name not in known and not name.startswith("_")):
        raise ValueError(
            f"{path}: has the entry {reprlib.repr(foreign[0])}, which this version of dpsims_hub does not "
            "know; install a newer one."
        )


def matching_spec(settings: Mapping[str, Any], class_spec: Mapping | None) -> ClassSpec:
    """The class list of a pipeline, checked against its network's settings.

    Args:
        settings: settings of the network; `num_classes` and `ignore_index` are read.
        class_spec: `ClassSpec.to_dict()`, or None to name the classes by their numbers.

    Raises:
        ValueError: the class list is invalid, or contradicts the settings.
    """
    if class_spec is None:
        names = [f"class {number}" for number in range(settings["num_classes"])]
        return ClassSpec.from_dict(
            {"name": "unnamed", "classes": names, "ignore_index": settings["ignore_index"]}
        )
    spec = ClassSpec.from_dict(class_spec)
    for what in ("num_classes", "ignore_index"):
        here, there = getattr(spec, what), settings[what]
        if here != there:
            raise ValueError(f"{what} is {here} in the class list {spec.name} but {there} in the network.")
    return spec


class StoredPipeline(DiffusionPipeline):
    """The methods of `DPSIMSPipeline` for model folders and the Hub."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs: Any) -> Any:
        """Load a pipeline from a folder or from the Hub, as `DiffusionPipeline.from_pretrained` does.

        Everything is checked first, see `storage/loading.py`. Code in the model's repository is never run.

        Args:
            pretrained_model_name_or_path: a folder written by `save_pretrained`, or a Hub id "owner/name".
            **kwargs: arguments of `DiffusionPipeline.from_pretrained`: `dtype`, `variant`, `revision`,
                `token`, `cache_dir`, `local_files_only`, ...; `generator` and `class_spec` replace the
                stored ones.

        Raises:
            FileNotFoundError: there is no such folder or Hub model, or a file of it is missing.
            ValueError: a file is damaged, contradicts another or is not a safetensors file, or remote code
                was requested.
        """
        refuse_other_formats(kwargs)
        if any(kwargs.pop(name, None) for name in ("trust_remote_code", "custom_pipeline")):
            raise ValueError(
                "DPSIMSPipeline runs no code that a model brings; leave out trust_remote_code and "
                "custom_pipeline, or give them to DiffusionPipeline.from_pretrained if you trust the author."
            )
        own_network, variant = COMPONENT in kwargs, kwargs.get("variant")
        if own_network and kwargs[COMPONENT] is None:
            raise ValueError(
                "generator=None: a pipeline needs a network; give one, or leave the argument out."
            )
        name = folder = str(pretrained_model_name_or_path)
        options = take_hub_options(kwargs)
        if not Path(name).is_dir():
            network = {COMPONENT: kwargs[COMPONENT]} if own_network else {}
            folder = cls.download(name, variant=variant, **network, **options)
        check_model_index(folder, own_network=own_network, own_classes="class_spec" in kwargs)
        if own_network:
            kwargs.pop("variant", None)
        elif variant:  # diffusers' own message names no file
            weight_files(Path(folder) / COMPONENT, variant)
        pipe = super().from_pretrained(folder, **kwargs)
        pipe.register_to_config(_name_or_path=name)
        return pipe

    @classmethod
    def download(cls, pretrained_model_name: str, **kwargs: Any) -> str:
        """Fetch the files of a Hub model and return their folder; `from_pretrained` calls it.

        diffusers itself refuses to download components of third-party packages, although it loads them from
        a folder.

        Args:
            pretrained_model_name: Hub id "owner/name".
            **kwargs: `variant`, `cache_dir`, `force_download`, `local_files_only`, `token`, `revision`. If
                `generator` is a network, its files are not fetched. Other arguments of diffusers are ignored.

        Raises:
            FileNotFoundError: the model is neither on the Hub nor in the cache.
        """
        own_network = kwargs.get(COMPONENT) is not None
        patterns = [] if own_network else network_patterns(kwargs.get("variant"), COMPONENT)
        return str(fetch_files(pretrained_model_name, [INDEX, *patterns], **take_hub_options(kwargs)))

    def save_pretrained(
        self,
        save_directory: str | Path,
        safe_serialization: bool = True,
        variant: str | None = None,
        max_shard_size: int | str | None = None,
        push_to_hub: bool = False,
        **kwargs: Any,
    ) -> None:
        """Write model_index.json and generator/ as safetensors with a checksum; see `CheckedModel`.

        Args:
            save_directory: the folder, which need not exist.
            safe_serialization: must be True; there is no other format.
            variant: part of the weight files' names, for example "fp16".
            max_shard_size: larger weights are split into several files.
            push_to_hub: upload afterwards, see the method of that name.
            **kwargs: arguments of that method.

        Raises:
            ValueError: another format than safetensors was requested.
        """
        refuse_other_formats(kwargs | {"safe_serialization": safe_serialization})
        super().save_pretrained(str(save_directory), variant=variant, max_shard_size=max_shard_size)
        if push_to_hub:
            self.push_to_hub(kwargs.pop("repo_id", Path(save_directory).name), variant=variant, **kwargs)

    def push_to_hub(
        self,
        repo_id: str,
        commit_message: str | None = None,
        private: bool | None = None,
        token: str | None = None,
        create_pr: bool = False,
        safe_serialization: bool = True,
        variant: str | None = None,
    ) -> str:
        """Upload the pipeline in one commit, with a model card if the repository has none.

        `dpsims publish` also uploads evaluation, sample sheet and discriminator.

        Args:
            repo_id: Hub id "owner/name"; the repository is created if it does not exist.
            commit_message: message of the commit.
            private: whether a new repository is private.
            token: token of the Hub; default: the one stored by `hf auth login`.
            create_pr: open a pull request with the commit.
            safe_serialization: must be True; there is no other format.
            variant: part of the weight files' names, for example "fp16".

        Returns:
            Address of the commit.

        Raises:
            OSError: the Hub refuses or cannot be reached.
        """
        from dpsims_hub.cards.model_card import RunFacts, make_card

        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, safe_serialization, variant)
            card = make_card(Path(folder), repo_id, RunFacts())
            repo_id = create_repo(repo_id, private=private, token=token, exist_ok=True).repo_id
            if not file_exists(repo_id, "README.md", token=token):
                card.save(Path(folder) / "README.md")
            return upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                token=token,
                commit_message=commit_message or "Upload DPSIMSPipeline",
                create_pr=create_pr,
                delete_patterns=network_patterns(variant, COMPONENT),  # else older shards would be loaded
            )

    def to_json_string(self) -> str:
        """model_index.json, without the path that the pipeline was loaded from."""
        return without_origin(super().to_json_string())
