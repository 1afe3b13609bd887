"""LPIPS (Zhang et al. 2018), a learned distance between photos: version 0.1 with AlexNet, of torchmetrics.

Its weights are those of torchvision's AlexNet and of five small layers that torchmetrics contains.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dpsims_hub.evaluation.diversity import mean_over_pairs
from dpsims_hub.evaluation.features import photo_tensor
from dpsims_hub.evaluation.local_weights import find_weights, read_weights
from dpsims_hub.evaluation.recipe import file_sha256
from dpsims_hub.evaluation.scenes import ACROSS, ALIKE, APART, REAL, Scene, within
from dpsims_hub.processes.missing_package import require_packages

FILE = "alexnet-owt-7be5be79.pth"
URL = f"https://download.pytorch.org/models/{FILE}"
LAYERS = (0, 3, 6, 8, 10)  # AlexNet's convolutions, numbered as in torchvision
MIN_SIDE = 31  # pixels; AlexNet cannot pool the feature maps of smaller photos


class LpipsMeasure:
    """LPIPS between photos.

    Args:
        weights: file of torchvision's AlexNet; None for the one in torch's cache.
        device: of the network.

    Raises:
        MissingWeightsError: no file was given and the cache has none.
        FileNotFoundError: the given file does not exist.
        ModuleNotFoundError: torchmetrics is not installed.
        ValueError: the file contains other weights.
    """

    name = "lpips"

    def __init__(self, weights: str | Path | None, device: torch.device | str = "cpu") -> None:
        path = find_weights(weights, FILE, URL, "LPIPS", "--lpips-weights")
        self.network = _load(path).to(device)
        self.device = torch.device(device)
        self.description: dict[str, Any] = {
            "network": "LPIPS 0.1, AlexNet (torchmetrics)",
            "weights": path.name,
            "weights_sha256": file_sha256(path),
            "resizing": f"none; photos with a side below {MIN_SIDE} px are enlarged to it, bilinear",
        }

    @torch.no_grad()
    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Distances (B,) float64 between two batches of photos (B, H, W, 3) uint8."""
        values = self.network(self._pixels(first), self._pixels(second))
        return values.flatten().double().cpu().numpy()

    def record(self, scene: Scene) -> dict[str, np.ndarray]:
        """Differences (B,) of the four kinds of pairs."""
        fakes, real, count = scene.fakes, scene.pictures(REAL), scene.fakes.shape[1]
        pairs = {
            ACROSS: self.distances(fakes[:, 0], real),
            ALIKE: self.distances(real, scene.neighbours),
            APART: self.distances(real, scene.others),
            within(count): mean_over_pairs(count, lambda a, b: self.distances(fakes[:, a], fakes[:, b])),
        }
        return {f"differences/{kind}": values for kind, values in pairs.items()}

    def _pixels(self, photos: np.ndarray) -> torch.Tensor:
        pixels = photo_tensor(photos, self.device).float() / 127.5 - 1
        scale = MIN_SIDE / min(pixels.shape[-2:])
        if scale <= 1:
            return pixels
        size = [max(round(side * scale), MIN_SIDE) for side in pixels.shape[-2:]]
        return torch.nn.functional.interpolate(pixels, size, mode="bilinear")


def _load(path: Path) -> torch.nn.Module:
    require_packages("torchmetrics")
    from torchmetrics.functional.image.lpips import _NoTrainLpips

    theirs = read_weights(path, "AlexNet weights of torchvision")
    wrong = ValueError(f"{path}: these are not torchvision's AlexNet weights; fetch {URL}.")
    if not theirs.keys() >= {f"features.{number}.{part}" for number in LAYERS for part in ("weight", "bias")}:
        raise wrong
    network = _NoTrainLpips(net="alex", pnet_rand=True)
    own = network.net.state_dict()  # "slice2.3.weight" is torchvision's "features.3.weight"
    try:
        network.net.load_state_dict({name: theirs[re.sub(r"slice\d", "features", name)] for name in own})
    except RuntimeError as error:
        raise wrong from error
    return network
