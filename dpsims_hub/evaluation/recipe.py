"""The recipe of an evaluation: features, weights, versions, machine; all JSON-safe."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import nn

from dpsims_hub import __version__
from dpsims_hub.evaluation.features import POOLING
from dpsims_hub.models import PretrainedBackbone

PACKAGES = ("torch", "diffusers", "timm", "numpy", "pillow", "torchmetrics", "torch-fidelity", "transformers")


def describe_backbone(
    backbone: PretrainedBackbone, weights: str | Path, model_kwargs: dict | None = None
) -> dict:
    """Name, weights and settings of a backbone; arguments as for `PretrainedBackbone`."""
    config = backbone.network.pretrained_cfg
    published = config.get("hf_hub_id") or config.get("url")
    is_file = Path(weights).is_file()
    return {
        "backbone": backbone.name,
        "weights": Path(weights).name if is_file else backbone.package or published,
        "weights_sha256": file_sha256(weights) if is_file else tensors_sha256(backbone),
        "model_kwargs": dict(model_kwargs or {}),
        "mean": [round(value, 6) for value in backbone.mean.flatten().tolist()],
        "std": [round(value, 6) for value in backbone.std.flatten().tolist()],
        "strides": backbone.strides,
        "channels": backbone.channels,
        "dimension": sum(backbone.channels),
        "pooling": POOLING,
    }


def describe_environment(device: torch.device) -> dict:
    """What the last digits of features depend on, besides the number of threads."""
    machine = describe_machine(device)
    return {name: machine[name] for name in ("device", "processor")} | package_versions()


def describe_machine(device: torch.device) -> dict:
    """Device, processor, threads and load of this machine."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "load_of_last_minute": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
    }


def machine_in_words(machine: Mapping) -> str:
    """The result of `describe_machine` on one line."""
    return (
        f"{machine['device']}, {machine['processor']}, {machine['cores']} cores, "
        f"{machine['torch_threads']} threads, load {machine['load_of_last_minute']}"
    )


def package_versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that numbers depend on."""
    found = {"python": platform.python_version(), "dpsims_hub": __version__}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file in hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tensors_sha256(module: nn.Module) -> str:
    """The SHA-256 of a module's tensors and their names, which does not depend on a file format."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _processor() -> str:
    """The processor's name, on Linux from /proc/cpuinfo."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
