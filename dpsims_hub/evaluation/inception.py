"""The features of FID and KID: torchmetrics' Inception network with the weights of the original FID.

Only distances of these features are called FID and KID. The network itself resizes photos to 299x299.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dpsims_hub.evaluation.features import photo_tensor
from dpsims_hub.evaluation.local_weights import find_weights, read_weights
from dpsims_hub.evaluation.recipe import file_sha256
from dpsims_hub.evaluation.scenes import COMPARED, Scene
from dpsims_hub.processes.missing_package import require_packages

FILE = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"
DIMENSION = 2048


class InceptionMeasure:
    """The 2048 features of FID.

    Args:
        weights: file of the published weights; None for the one in torch's cache.
        device: of the network.

    Raises:
        MissingWeightsError: no file was given and the cache has none.
        FileNotFoundError: the given file does not exist.
        ModuleNotFoundError: torchmetrics or torch-fidelity is not installed.
        ValueError: the file contains other weights.
    """

    name = "inception"

    def __init__(self, weights: str | Path | None, device: torch.device | str = "cpu") -> None:
        path = find_weights(weights, FILE, URL, "FID and KID", "--inception-weights")
        read_weights(path, "Inception weights of FID")  # refuses code; torch-fidelity would run it
        self.network = _load(path).to(device)
        self.device = torch.device(device)
        self.description: dict[str, Any] = {
            "backbone": "Inception of FID (torchmetrics)",
            "weights": path.name,
            "weights_sha256": file_sha256(path),
            "dimension": DIMENSION,
            "pooling": "its last global average",
            "resizing": "bilinear with antialiasing to 299x299",
        }

    @torch.no_grad()
    def vectors(self, photos: np.ndarray) -> np.ndarray:
        """Features (B, 2048) float32 of photos (B, H, W, 3) uint8."""
        return self.network(photo_tensor(photos, self.device)).float().cpu().numpy()

    def record(self, scene: Scene) -> dict[str, np.ndarray]:
        """Features of the kinds in `COMPARED`."""
        return {f"features/{kind}": self.vectors(scene.pictures(kind)) for kind in COMPARED}


def _load(path: Path) -> torch.nn.Module:
    require_packages("torchmetrics", "torch_fidelity")
    from torchmetrics.image.fid import NoTrainInceptionV3

    try:
        return NoTrainInceptionV3("inception-v3-compat", [str(DIMENSION)], str(path))
    except RuntimeError as error:
        raise ValueError(f"{path}: these are not the Inception weights of FID; fetch {URL}.") from error
