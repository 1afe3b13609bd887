"""The pixel probe: a judge of faithfulness that is independent of the discriminator and needs no download.

It is a ridge regression from colour and texture around a pixel to its class, fitted on real training photos:
colours blurred at several scales, the energy of the bands between them, and the energy of horizontal and
vertical edges, all through random Fourier features (Rahimi & Recht 2007). The position of a pixel is not a
feature. The probe is far weaker than a segmenter: its values can be compared only with each other and with
that of the real photos. All constants are our choice and were not tuned.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dpsims_hub.evaluation.features import photo_tensor
from dpsims_hub.evaluation.segmentation_scores import class_counts
from dpsims_hub.labels.reading.resizing import resize_label_map
from dpsims_hub.processes.missing_package import require_packages

HEIGHT = 96  # pixels; larger photos are judged at this height
STEP = 2  # every second pixel of every second row is judged
SCALES = (0, 1, 2, 4, 8, 16)  # standard deviations of the blurs, pixels
EDGE_SCALES = (1, 3, 8)
MAX_PIXELS = 60_000  # fitted on, at most 300 of one photo
WAVES, BANDWIDTH = 512, 0.12  # number of random Fourier features, scale of their directions
RIDGE = 1e-4
MIN_ENERGY = 0.003  # added to energies, so that their logarithms are finite


class PixelProbe:
    """Predicts the classes of pixels.

    Args:
        num_classes: N.
        num_photos: number of photos that will be sampled; it limits the pixels of each.
        seed: of the sampled pixels and the Fourier features.

    Raises:
        ModuleNotFoundError: scipy is not installed.
    """

    def __init__(self, num_classes: int, num_photos: int, seed: int = 0) -> None:
        require_packages("scipy")
        self.num_classes = num_classes
        self.pixels_per_photo = min(max(MAX_PIXELS // num_photos, 1), 300)
        self.seed = seed
        self.description: dict[str, object] = {}

    def sample(self, photo: np.ndarray, label_map: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Some known pixels of a photo (H, W, 3) uint8: their features (n, 29) and ids (n,).

        The choice depends only on the seed and the photo's number.
        """
        rows, ids = pixel_features(photo[None])[0].numpy(), _judged_ids(label_map[None])[0]
        known = np.flatnonzero(ids < self.num_classes)
        random = np.random.default_rng((self.seed, number))
        chosen = random.permutation(known)[: self.pixels_per_photo]
        return rows[chosen], ids[chosen]

    def fit(self, rows: np.ndarray, ids: np.ndarray, source: str = "") -> None:
        """Fits the weights to features (n, 29) and ids (n,) of the pixels of all photos.

        `source` names the photos in the description.

        Raises:
            ValueError: there is no pixel.
        """
        if not len(rows):
            raise ValueError("the training label maps hold no known pixel; check their class list.")
        rows, ids = torch.from_numpy(rows), torch.from_numpy(ids)
        random = torch.Generator().manual_seed(self.seed)
        self.mean, self.deviation = rows.mean(0), rows.std(0, correction=0) + 1e-6
        self.directions = torch.randn(rows.shape[1], WAVES, generator=random) * BANDWIDTH
        self.phases = torch.rand(WAVES, generator=random) * 2 * math.pi
        counts = torch.bincount(ids, minlength=self.num_classes).clamp(min=1)
        importance = counts.rsqrt()[ids]  # between equal weights for pixels and for classes
        targets = F.one_hot(ids, self.num_classes).float()
        self.weights = ridge_regression(self._expand(rows), targets, importance / importance.mean(), RIDGE)
        self.description = {"pixels": len(rows), "seed": self.seed, "fitted_on": source}

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Ids (B, h, w) of the judged pixels, every second one, of images (B, H, W, 3) uint8."""
        height, width = (math.ceil(side / STEP) for side in _judged_size(images.shape[1:3]))
        ids = [(self._expand(pixel_features(image[None])[0]) @ self.weights).argmax(1) for image in images]
        return torch.stack(ids).reshape(-1, height, width).numpy()

    def judge(self, images: np.ndarray, label_maps: np.ndarray) -> np.ndarray:
        """`class_counts` (B, N, 3) of images (B, H, W, 3) uint8 that should follow label maps (B, H, W)."""
        predicted = self.predict(images).reshape(len(images), -1)
        pairs = zip(_judged_ids(label_maps), predicted, strict=True)
        return np.stack([class_counts(*pair, self.num_classes) for pair in pairs])

    def _expand(self, rows: Tensor) -> Tensor:
        rows = (rows - self.mean) / self.deviation
        waves = torch.cos(rows @ self.directions + self.phases)
        return torch.cat([waves, rows, torch.ones(len(rows), 1)], dim=1)


def ridge_regression(inputs: Tensor, targets: Tensor, importance: Tensor, strength: float) -> Tensor:
    """W (D, N) that minimises sum_i importance_i |x_i W - t_i|^2 + strength n |W|^2.

    `inputs` x is (n, D), `targets` t (n, N), `importance` (n,) at least 0.
    """
    weighted = (inputs * importance[:, None]).double().T
    penalty = strength * len(inputs) * torch.eye(inputs.shape[1], dtype=torch.float64)
    return torch.linalg.solve(weighted @ inputs.double() + penalty, weighted @ targets.double()).float()


def pixel_features(photos: np.ndarray) -> Tensor:
    """Colour and texture around the judged pixels: (B, H, W, 3) uint8 -> (B, pixels, 29) on the CPU."""
    pixels = photo_tensor(photos).float() / 255
    size = _judged_size(pixels.shape[-2:])
    if size != tuple(pixels.shape[-2:]):
        pixels = F.interpolate(pixels, size, mode="bilinear", antialias=True)
    colours = [gaussian_blur(pixels, scale) for scale in SCALES]
    energies = [
        gaussian_blur((fine - coarse).abs().mean(1, keepdim=True), scale)
        for fine, coarse, scale in zip(colours, colours[1:], SCALES[1:], strict=False)
    ]
    grey = F.pad(pixels.mean(1, keepdim=True), (1, 0, 1, 0), mode="replicate")
    edges = [grey[..., 1:, 1:] - grey[..., 1:, :-1], grey[..., 1:, 1:] - grey[..., :-1, 1:]]
    energies += [gaussian_blur(edge.abs(), scale) for scale in EDGE_SCALES for edge in edges]
    planes = torch.cat([*colours, *(torch.log(energy + MIN_ENERGY) for energy in energies)], dim=1)
    return planes[..., ::STEP, ::STEP].flatten(2).transpose(1, 2)


def gaussian_blur(planes: Tensor, deviation: float) -> Tensor:
    """Planes (B, C, H, W) blurred by a Gaussian; `deviation` in pixels, edge pixels repeated outside."""
    from scipy import ndimage  # slow to import

    sigmas, radius = (0, 0, deviation, deviation), math.ceil(3 * deviation)
    return torch.from_numpy(ndimage.gaussian_filter(planes.numpy(), sigmas, mode="nearest", radius=radius))


def _judged_size(size: tuple[int, ...]) -> tuple[int, int]:
    height, width = size
    return (height, width) if height <= HEIGHT else (HEIGHT, max(round(width * HEIGHT / height), 1))


def _judged_ids(label_maps: np.ndarray) -> np.ndarray:
    """Ids (B, pixels) int64 of the judged pixels."""
    size = _judged_size(label_maps.shape[1:])
    maps = np.stack([resize_label_map(label_map, size) for label_map in label_maps])
    return maps[:, ::STEP, ::STEP].reshape(len(maps), -1).astype(np.int64)
