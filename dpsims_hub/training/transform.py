"""The tensors of a training example, made from a pair and a random key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from dpsims_hub.labels import ClassSpec, Sample, augment_pair, instance_offsets

ResizeMode = Literal["crop", "stretch"]


@dataclass(frozen=True)
class PairTransform:
    """Crop, mirror, offsets to object centres and latents, all drawn from one key.

    Latents depend on the example and not on the process: two processes with half a batch each read what one
    process with the whole batch reads, and a resumed run draws the same latents.

    Args:
        size: (H, W) of the results, in pixels.
        max_zoom: crops are up to this factor smaller than the photo; 1 takes the largest crop with the
            proportions of `size`.
        flip: mirror half of the pairs.
        resize_mode: "crop" keeps proportions; "stretch" is SPADE's and OASIS's rule, see `augment_pair`.
        latent_dim: length of z; 0 makes none.
        samples_per_map: K, latents per pair.
        spec: the classes, to make (y, x) offsets to object centres; None for no offsets.
        num_draws: number of uniform random numbers for the augmentation of D's inputs.
    """

    size: tuple[int, int]
    max_zoom: float = 1.4
    flip: bool = True
    resize_mode: ResizeMode = "crop"
    latent_dim: int = 0
    samples_per_map: int = 1
    spec: ClassSpec | None = None
    num_draws: int = 0

    def __call__(self, sample: Sample, key: Sequence[int]) -> dict[str, Tensor]:
        """Make one example; equal keys (non-negative integers) give equal examples of a sample.

        Returns:
            "real_images" (3, H, W) uint8; "label_map" (H, W) uint8 or int32; if wanted, "latents" (K,
                latent_dim) float32, "draws" (num_draws,) float32 in [0, 1) and "instance_offsets" (2, H, W)
                float32, of the crop. `network_inputs` converts a batch of them.
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
        if self.latent_dim:
            shape = (self.samples_per_map, self.latent_dim)
            tensors["latents"] = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
        if self.num_draws:
            tensors["draws"] = torch.from_numpy(rng.random(self.num_draws, dtype=np.float32))
        if self.spec is not None and sample.instance_ids is not None:
            offsets = instance_offsets(sample.instance_ids, sample.label_map, self.spec)
            tensors["instance_offsets"] = torch.from_numpy(offsets)
        return tensors


def network_inputs(batch: Mapping[str, Tensor], device: torch.device | str) -> dict[str, Tensor]:
    """A loaded batch on the networks' device, in the types of their inputs.

    Photos and maps are copied in their stored types and converted on the device, photos to float32 in [-1, 1]
    (channels last) and maps to int64. "draws" stay on the CPU, because shapes of tensors depend on them.
    """
    inputs = {name: v if name == "draws" else v.to(device, non_blocking=True) for name, v in batch.items()}
    if "real_images" in inputs:
        photos = inputs["real_images"].contiguous(memory_format=torch.channels_last)
        inputs["real_images"] = photos.float() / 127.5 - 1
    inputs["label_map"] = inputs["label_map"].long()
    return inputs
