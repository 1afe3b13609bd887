"""Which files of a folder may be published, and whether the folder is fit for it.

Weights are safetensors with a card that says what they are. Pickles can run code on whoever loads them, and
what a training run needs to go on is of no use to others.
"""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path, PurePosixPath

from huggingface_hub import ModelCard
from safetensors import SafetensorError, safe_open

from dpsims_hub.hub.remote_code import brings_code
from dpsims_hub.hub.source import is_run
from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.pipelines.model_folder import check_model_folder
from dpsims_hub.storage.loading import check_network

OWNED = ("generator/", "discriminator/", "onnx/", "pipeline.py")
"""Beginnings of paths that belong to the model: what an upload does not bring is removed."""

LEFT_AT_HOME = (
    "checkpoint-*",
    "logs",
    "log.jsonl",
    "events.out.tfevents.*",
    "wandb",
    "__pycache__",
    "*.pyc",
    "*.tmp",
    "*.old",
    ".*",
)
"""Names of files and folders that are never uploaded: checkpoints, logs, leftovers, hidden ones."""

PICKLES = (".bin", ".ckpt", ".pkl", ".pickle", ".pt", ".pth", ".joblib", ".npy", ".npz")
_ZIP, _PICKLE = b"PK\x03\x04", re.compile(rb"\x80[\x02-\x05]")  # torch.save writes the one or the other


def publishable_files(folder: str | Path) -> dict[str, Path]:
    """The files of a model folder that are uploaded, by their path in the repository.

    Args:
        folder: what `dpsims export` wrote, and what its owner added.

    Raises:
        FileNotFoundError: the folder, its card or a file of the model is missing.
        ValueError: the card is not valid, there is a pickle, or a weight file is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder.")
    if is_run(folder):
        raise ValueError(f"{folder}: is a training run; make a folder to publish: dpsims export {folder} NEW")
    files = files_to_upload(folder)
    check_card(folder / "README.md")
    if brings_code(folder):
        check_network(DPSIMSGenerator, folder / "generator")
    else:
        check_model_folder(folder)
    for path in files.values():
        _check_kind(path)
    return files


def files_to_upload(folder: Path) -> dict[str, Path]:
    """All files but checkpoints, logs, leftovers and hidden ones, by their path from the folder."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: path for name, path in names.items() if not _stays_at_home(name)}


def _stays_at_home(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(fnmatch.fnmatch(part, pattern) for part in parts for pattern in LEFT_AT_HOME)


def check_card(path: Path) -> None:
    """Refuse a model card that the Hub or a reader could make nothing of.

    Raises:
        FileNotFoundError: there is none.
        ValueError: its header cannot be read or lacks a field, or the template was not filled in.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: there is no model card; `dpsims export` writes one, or copy model_cards/template.md."
        )
    text = path.read_text()
    try:
        header = ModelCard(text).data.to_dict()
    except Exception as error:  # YAML's own errors, and those of huggingface_hub, share no other ancestor
        why = " ".join(str(error).split())
        raise ValueError(f"{path}: the header of the model card cannot be read ({why}).") from error
    wanted = ("license", "library_name", "pipeline_tag")
    if missing := [name for name in wanted if not header.get(name)]:
        raise ValueError(
            f"{path}: the header of the model card lacks {', '.join(missing)}; add it between ---."
        )
    if header["license"] == "other" and not header.get("license_name"):
        raise ValueError(f"{path}: the licence is `other`; say which one in license_name.")
    if left := re.search(r"\{\{.*?\}\}|\{%.*?%\}", text):
        raise ValueError(f"{path}: {left[0]} of the template was not filled in.")


def license_is_stated(path: Path) -> bool:
    """Whether a valid card says under which licence the weights are."""
    return ModelCard(path.read_text()).data.to_dict().get("license_name") != "not-stated"


def _check_kind(path: Path) -> None:
    """Refuse pickles, whatever they are called, and damaged safetensors.

    Raises:
        ValueError: the file is one of these.
    """
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="numpy"):
                return
        except SafetensorError as error:
            raise ValueError(f"{path}: is damaged or no safetensors file ({error}); export again.") from error
    with path.open("rb") as file:
        start = file.read(4)
    if path.suffix.lower() in PICKLES or start == _ZIP or _PICKLE.match(start):
        raise ValueError(
            f"{path}: may hold pickled code, which nobody should load; publish weights as safetensors, and "
            "take this file out of the folder."
        )
