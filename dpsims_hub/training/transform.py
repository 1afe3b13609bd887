"""From a pair as it lies on disk to the tensors of one training example, by a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from dpsims_hub.labels import ClassSpec, Sample, augment_pair, instance_offsets

ResizeMode = Literal["crop", "stretch"]
RESIZE_MODES: tuple[ResizeMode, ...] = ("crop", "stretch")


class PairTransform:
    """Crop, mirror, offsets to object centres and latents, all drawn from one key.

    Latents belong to the example, not to the process that trains on it: two processes with half a batch each
    see what one process sees with the whole batch, and a resumed run draws what it would have drawn.

    Args:
        size: (H, W) of the results, in pixels.
        max_zoom: crops are up to this many times smaller than the photo; with 1 the whole photo where it has
            the proportions of `size`, otherwise the largest part that has.
        flip: mirror half of the pairs.
        resize_mode: "crop" keeps proportions; "stretch" is SPADE's and OASIS's rule, see `augment_pair`.
        latent_dim: length of z; 0 makes none.
        samples_per_map: K, latents per pair.
        spec: the classes, if (y, x) offsets to object centres are wanted; None for no offsets.
    """

    def __init__(
        self,
        size: tuple[int, int],
        max_zoom: float = 1.4,
        flip: bool = True,
        resize_mode: ResizeMode = "crop",
        latent_dim: int = 0,
        samples_per_map: int = 1,
        spec: ClassSpec | None = None,
    ) -> None:
        self.size = size
        self.max_zoom = max_zoom
        self.flip = flip
        self.resize_mode = resize_mode
        self.latent_shape = (samples_per_map, latent_dim)
        self.spec = spec

    def __call__(self, sample: Sample, key: Sequence[int]) -> dict[str, Tensor]:
        """One example; equal keys give equal examples of a sample.

        Args:
            sample: photo, label map and, for offsets, object numbers.
            key: numbers that are not negative.

        Returns:
            "real_images" (3, H, W) float32 in [-1, 1]; "label_map" (H, W) int64; with latents "latents"
            (K, latent_dim) float32; with a spec "instance_offsets" (2, H, W) float32, of the crop.
        """
        rng = np.random.default_rng(tuple(key))
        sample = augment_pair(
            sample,
            self.size,
            rng=rng,
            max_zoom=self.max_zoom,
            flip_probability=0.5 if self.flip else 0.0,
            keep_proportions=self.resize_mode == "crop",
        )
        pixels = torch.from_numpy(np.array(sample.image)).permute(2, 0, 1).float() / 127.5 - 1
        tensors = {"real_images": pixels, "label_map": torch.from_numpy(sample.label_map.astype(np.int64))}
        if self.latent_shape[1]:
            tensors["latents"] = torch.from_numpy(rng.standard_normal(self.latent_shape, dtype=np.float32))
        if self.spec is not None and sample.instance_ids is not None:
            offsets = instance_offsets(sample.instance_ids, sample.label_map, self.spec)
            tensors["instance_offsets"] = torch.from_numpy(offsets)
        return tensors
