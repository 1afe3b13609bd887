"""Scenes: batches of label maps with all pictures that are compared for them, made when first needed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from dpsims_hub.evaluation.record_cache import key_of
from dpsims_hub.evaluation.reference_baselines import paint_mean_colours
from dpsims_hub.evaluation.survey import Pairs, Survey, read_pair
from dpsims_hub.labels import ClassSpec, Sample, colorize, instance_offsets
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

REAL = "real photos"
GENERATED = "generated photos"
COLOURED = "coloured label maps"
PAINTED = "class mean colours"
OTHERS = "real photos of other label maps"
COMPARED = (GENERATED, REAL, COLOURED, PAINTED)
JUDGED = (*COMPARED, OTHERS)

ACROSS = "generated and real photo of one label map"
APART = "real photos of different label maps"
ALIKE = "real photos of the most similar label maps"


def within(count: int) -> str:
    """The report's name of the K photos of one label map."""
    return f"{count} generated photos of one label map"


@dataclass(frozen=True)
class SharedInputs:
    """The inputs that all scenes of an evaluation share.

    Args:
        pipe: the model.
        model_identity: a hash of everything in the model that its photos depend on.
        data: the evaluated pairs.
        survey: of the data.
        size: (height, width) of the pictures.
        latents: (n, K, latent_dim), one row for each label map.
        colour_sums: (N + 1, 4), of the reference photos.
        others: (n,) index of a random other pair.
        neighbours: (n,) index of the pair with the most similar label map.
    """

    pipe: DPSIMSPipeline
    model_identity: str
    data: Pairs
    survey: Survey
    size: tuple[int, int]
    latents: Tensor
    colour_sums: np.ndarray
    others: np.ndarray
    neighbours: np.ndarray


class Scene:
    """The pairs of some indices with their pictures, all (B, H, W, 3) uint8."""

    def __init__(self, shared: SharedInputs, indices: Sequence[int]) -> None:
        self.shared = shared
        self.indices = list(indices)

    @cached_property
    def identity(self) -> str:
        """A hash of everything that the pictures of the scene depend on."""
        shared, digests = self.shared, self.shared.survey.digests
        related = (self.indices, shared.others[self.indices], shared.neighbours[self.indices])
        return key_of(
            shared.model_identity,
            hashlib.sha256(shared.latents[self.indices].numpy().tobytes()).hexdigest(),
            hashlib.sha256(shared.colour_sums.tobytes()).hexdigest(),
            shared.data.spec.to_dict(),
            list(shared.size),
            [[digests[index] for index in indices] for indices in related],
        )

    @cached_property
    def _pairs(self) -> list[Sample]:
        return [read_pair(self.shared.data, index, self.shared.size) for index in self.indices]

    @cached_property
    def label_maps(self) -> np.ndarray:
        """(B, H, W) ids."""
        return np.stack([pair.label_map for pair in self._pairs])

    @cached_property
    def fakes(self) -> np.ndarray:
        """(B, K, H, W, 3) uint8, K photos of each label map."""
        shared = self.shared
        offsets = offsets_for(shared.pipe, self._pairs, shared.data.spec)
        return make_photos(shared.pipe, self.label_maps, shared.latents[self.indices], offsets)

    @cached_property
    def neighbours(self) -> np.ndarray:
        """The real photos of the most similar label maps."""
        return read_photos(self.shared.data, self.shared.neighbours[self.indices], self.shared.size)

    @cached_property
    def others(self) -> np.ndarray:
        """Real photos of other label maps."""
        return read_photos(self.shared.data, self.shared.others[self.indices], self.shared.size)

    def pictures(self, kind: str) -> np.ndarray:
        """The pictures of one kind of `JUDGED`."""
        spec = self.shared.data.spec
        if kind == REAL:
            return np.stack([np.asarray(pair.image) for pair in self._pairs])
        if kind == GENERATED:
            return self.fakes[:, 0]
        if kind == COLOURED:
            return np.stack([colorize(label_map, spec) for label_map in self.label_maps])
        if kind == PAINTED:
            return paint_mean_colours(self.label_maps, self.shared.colour_sums, spec)
        return self.others


def read_photos(data: Pairs, indices: Iterable[int], size: tuple[int, int]) -> np.ndarray:
    """The photos of some pairs at a size (height, width), (B, H, W, 3) uint8."""
    return np.stack([np.asarray(read_pair(data, index, size).image) for index in indices])


def offsets_for(pipe: DPSIMSPipeline, pairs: Sequence[Sample], spec: ClassSpec) -> Tensor | None:
    """Instance offsets (B, 2, H, W), or None for a model without them.

    Raises:
        ValueError: the model reads them, and a pair has no object numbers.
    """
    if not pipe.generator.config.use_instance_offsets:
        return None
    if any(pair.instance_ids is None for pair in pairs):
        raise ValueError("the model reads instance offsets, and these data have no object numbers.")
    offsets = [instance_offsets(pair.instance_ids, pair.label_map, spec) for pair in pairs]
    return torch.from_numpy(np.stack(offsets))


def make_photos(
    pipe: DPSIMSPipeline, label_maps: np.ndarray, latents: Tensor, offsets: Tensor | None = None
) -> np.ndarray:
    """K photos of each of B label maps, rounded to 8 bits, (B, K, H, W, 3) uint8.

    Args:
        pipe: the model.
        label_maps: (B, H, W) ids.
        latents: (B, K, latent_dim).
        offsets: (B, 2, H, W) of `offsets_for`.
    """
    maps, count = latents.shape[:2]
    photos = pipe(
        label_maps, count, latents=latents.flatten(0, 1), output_type="np", instance_offsets=offsets
    ).images
    return np.rint(photos * 255).astype(np.uint8).reshape(maps, count, *photos.shape[1:])
