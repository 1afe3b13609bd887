"""From a pair as it lies on disk to the tensors of one training example, by a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        num_draws: uniform numbers for the augmentation of what the discriminator sees.
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
        num_draws: int = 0,
    ) -> None:
        self.size = size
        self.max_zoom = max_zoom
        self.flip = flip
        self.resize_mode = resize_mode
        self.latent_shape = (samples_per_map, latent_dim)
        self.spec = spec
        self.num_draws = num_draws

    def __call__(self, sample: Sample, key: Sequence[int]) -> dict[str, Tensor]:
        """One example; equal keys give equal examples of a sample.

        Args:
            sample: photo, label map and, for offsets, object numbers.
            key: numbers that are not negative.

        Returns:
            "real_images" (3, H, W) uint8; "label_map" (H, W) uint8 or int32; with latents "latents"
            (K, latent_dim) float32; with draws "draws" (num_draws,) float32 in [0, 1); with a spec
            "instance_offsets" (2, H, W) float32, of the crop. `network_inputs` comes next.
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
        id_type = np.uint8 if sample.label_map.dtype == np.uint8 else np.int32
        tensors = {
            "real_images": torch.from_numpy(np.array(sample.image)).permute(2, 0, 1),
            "label_map": torch.from_numpy(sample.label_map.astype(id_type)),
        }
        if self.latent_shape[1]:
            tensors["latents"] = torch.from_numpy(rng.standard_normal(self.latent_shape, dtype=np.float32))
        if self.num_draws:
            tensors["draws"] = torch.from_numpy(rng.random(self.num_draws, dtype=np.float32))
        if self.spec is not None and sample.instance_ids is not None:
            offsets = instance_offsets(sample.instance_ids, sample.label_map, self.spec)
            tensors["instance_offsets"] = torch.from_numpy(offsets)
        return tensors


def network_inputs(batch: Mapping[str, Tensor], device: torch.device | str) -> dict[str, Tensor]:
    """A batch as it was loaded -> what the networks read, on their device.

    Photos and maps travel as bytes and are converted there, to float32 in [-1, 1] (channels last) and int64.
    "draws" stay on the CPU: they decide about sizes of tensors.

    Args:
        batch: tensors of `PairTransform`, stacked.
        device: of the networks.
    """
    inputs = {name: v if name == "draws" else v.to(device, non_blocking=True) for name, v in batch.items()}
    if "real_images" in inputs:
        photos = inputs["real_images"].contiguous(memory_format=torch.channels_last)
        inputs["real_images"] = photos.float() / 127.5 - 1
    inputs["label_map"] = inputs["label_map"].long()
    return inputs
