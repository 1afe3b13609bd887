"""The files of a model folder that are published, and checks of the folder.

Weights must be safetensors, because pickles can run code on the reader's machine. There must be a model card.
Checkpoints of a training are left out.
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
from dpsims_hub.storage.error_text import one_line
from dpsims_hub.storage.loading import check_network

OWNED = ("generator/", "discriminator/", "onnx/", "pipeline.py")
"""Path prefixes in the repository; an upload removes files under them that are not in the folder."""

NOT_UPLOADED = (
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
"""Names of files and folders that are never uploaded."""

PICKLES = (".bin", ".ckpt", ".pkl", ".pickle", ".pt", ".pth", ".joblib", ".npy", ".npz")
_ZIP, _PICKLE = b"PK\x03\x04", re.compile(rb"\x80[\x02-\x05]")  # a file of torch.save begins with one of them


def publishable_files(folder: str | Path) -> dict[str, Path]:
    """The files of a model folder to upload, by their path in the repository, after checks of the folder.

    Raises:
        FileNotFoundError: the folder, its card or a file of the model is missing.
        ValueError: the folder is a training run's, the card is not valid, there is a pickle, or a weight file
            is damaged.
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
    """All files except `NOT_UPLOADED`, by their path from the folder."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: path for name, path in names.items() if not _is_private(name)}


def _is_private(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(fnmatch.fnmatch(part, pattern) for part in parts for pattern in NOT_UPLOADED)


def check_card(path: Path) -> None:
    """Check that there is a model card that the Hub can read.

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
    except Exception as error:  # the errors of YAML and huggingface_hub have no other common class
        raise ValueError(
            f"{path}: the header of the model card cannot be read ({one_line(error)})."
        ) from error
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
    """Whether a valid card states the licence of the weights."""
    return ModelCard(path.read_text()).data.to_dict().get("license_name") != "not-stated"


def _check_kind(path: Path) -> None:
    """Raise ValueError for a pickle, which its content shows too, and for damaged safetensors."""
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
            f"{path}: may hold pickled code; publish weights as safetensors, and take this file out of the "
            "folder."
        )
