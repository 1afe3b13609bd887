"""LPIPS (Zhang et al. 2018), a learned distance between photos: version 0.1 with AlexNet, of torchmetrics.

Its weights are AlexNet's of torchvision and five small layers that torchmetrics brings along.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dpsims_hub.evaluation.local_weights import find_weights, read_weights
from dpsims_hub.evaluation.recipe import file_sha256

FILE = "alexnet-owt-7be5be79.pth"
URL = f"https://download.pytorch.org/models/{FILE}"
LAYERS = (0, 3, 6, 8, 10)  # AlexNet's convolutions, by torchvision's numbers
MIN_SIDE = 31  # pixels; smaller photos leave AlexNet nothing to pool


class Lpips:
    """Distances between photos.

    Args:
        weights: file of torchvision's AlexNet; None looks into torch's cache.
        device: where it computes.

    Raises:
        MissingWeightsError: no file was given and the cache has none.
        FileNotFoundError: the given file does not exist.
        ValueError: it holds other weights, or torchmetrics is not installed.
    """

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
        """Distances (B,) float64 between photos (B, H, W, 3) uint8 and others."""
        values = self.network(self._pixels(first), self._pixels(second))
        return values.flatten().double().cpu().numpy()

    def _pixels(self, photos: np.ndarray) -> torch.Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(photos)).to(self.device).permute(0, 3, 1, 2)
        pixels = pixels.float() / 127.5 - 1
        scale = MIN_SIDE / min(pixels.shape[-2:])
        if scale <= 1:
            return pixels
        size = [max(round(side * scale), MIN_SIDE) for side in pixels.shape[-2:]]
        return torch.nn.functional.interpolate(pixels, size, mode="bilinear")


def _load(path: Path) -> torch.nn.Module:
    try:
        from torchmetrics.functional.image.lpips import _NoTrainLpips
    except ModuleNotFoundError as error:
        raise ValueError("LPIPS needs torchmetrics: pip install 'dpsims_hub[eval]'.") from error
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
