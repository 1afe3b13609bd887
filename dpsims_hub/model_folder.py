"""Model folders as `DPSIMSPipeline.save_pretrained` writes them: fetched from the Hub, checked on loading.

Diffusers names few faults clearly: a missing tensor leaves unset weights behind with a mere warning, a
damaged file ends in a parser's message without the file's name, and a component of a third-party package
cannot be fetched at all.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from safetensors import SafetensorError, safe_open

COMPONENT = "generator"
WEIGHTS = "diffusion_pytorch_model"


def fetch_model_folder(name: str, variant: str | None = None, **options: Any) -> str:
    """Fetches from the Hub what a pipeline needs, nothing else, and checks it.

    Args:
        name: Hub id "owner/name".
        variant: which weights, for example "fp16".
        **options: of `huggingface_hub.snapshot_download`.

    Returns:
        The folder in the Hub's cache.

    Raises:
        FileNotFoundError: the name is no Hub id, the Hub cannot give the model, or the model lacks files.
        ValueError: a weight file is damaged.
    """
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise FileNotFoundError(f"{name}: there is no such model folder, and it is no Hub id (owner/name).")
    stem = f"{COMPONENT}/{WEIGHTS}.{variant}" if variant else f"{COMPONENT}/{WEIGHTS}"
    patterns = ["model_index.json", f"{COMPONENT}/config.json", f"{stem}.safetensors"]
    patterns += [f"{stem}-*-of-*.safetensors", f"{COMPONENT}/*.safetensors.index*.json"]
    try:
        folder = snapshot_download(name, allow_patterns=patterns, **options)
    except OSError as error:  # all of the Hub's own errors are OSErrors, with either HTTP library
        why = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise FileNotFoundError(
            f"{name}: neither a model folder here nor a model that the Hub gives ({why})."
        ) from error
    check_model_folder(folder, variant)
    return folder


def check_model_folder(folder: str | Path, variant: str | None = None) -> None:
    """Checks that a folder is complete and its weight files are whole.

    Reads the headers of the weight files only: a cut-off file is found, a flipped bit in the numbers is not.

    Args:
        folder: holds model_index.json and generator/.
        variant: which weights, for example "fp16".

    Raises:
        FileNotFoundError: model_index.json, generator/config.json or the weights are missing.
        ValueError: a weight file is damaged.
    """
    folder = Path(folder)
    for name in ("model_index.json", f"{COMPONENT}/config.json"):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder}: is not a model folder, it has no {name}; "
                "give one that DPSIMSPipeline.save_pretrained wrote."
            )
    files = _weight_files(folder, variant)
    if not files:
        kind = f"{variant} weights" if variant else "weights"
        raise FileNotFoundError(f"{folder / COMPONENT}: has no {kind} (*.safetensors); copy them there.")
    for path in files:
        _tensor_names(path)


def check_complete(folder: str | Path, tensor_names: Iterable[str], variant: str | None = None) -> None:
    """Checks that the weights hold every tensor of a network.

    Args:
        folder: a model folder that passed `check_model_folder`.
        tensor_names: of the network.
        variant: which weights.

    Raises:
        ValueError: a tensor is missing.
    """
    stored = set().union(*map(_tensor_names, _weight_files(Path(folder), variant)))
    missing = sorted(set(tensor_names) - stored)
    if missing:
        raise ValueError(
            f"{folder}: the weights lack {len(missing)} tensors of the network, first {missing[0]}; "
            "copy or download them again."
        )


def _weight_files(folder: Path, variant: str | None) -> list[Path]:
    """The weight files of one variant: a single one or several shards."""
    stem = f"{WEIGHTS}.{variant}" if variant else WEIGHTS
    patterns = (f"{stem}.safetensors", f"{stem}-*-of-*.safetensors")
    return sorted(path for pattern in patterns for path in (folder / COMPONENT).glob(pattern))


def _tensor_names(path: Path) -> set[str]:
    try:
        with safe_open(path, framework="pt") as weights:
            return set(weights.keys())
    except SafetensorError as error:
        raise ValueError(
            f"{path}: is damaged or no safetensors file ({error}); copy or download it again."
        ) from error
