"""A few label maps at a time, and every picture that is compared for them, made only when it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from dpsims_hub.evaluation.record_cache import key_of
from dpsims_hub.evaluation.reference_baselines import paint_mean_colours
from dpsims_hub.evaluation.survey import Pairs, ReadPair, Survey, read_pair
from dpsims_hub.labels import ClassSpec, colorize
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

REAL = "real photos"
GENERATED = "generated photos"
COLOURED = "coloured label maps"
PAINTED = "class mean colours"
STRANGERS = "real photos of other label maps"


@dataclass(frozen=True)
class Stage:
    """What all scenes of an evaluation share.

    Args:
        pipe: the model.
        model_identity: changes with anything that changes its photos.
        data: the evaluated pairs.
        survey: of the data.
        size: (height, width) of the pictures.
        latents: (n, K, latent_dim), one row for each label map.
        colour_sums: (N + 1, 4), of the reference photos.
        strangers: (n,) index of a random other pair.
        neighbours: (n,) index of the pair with the most similar label map.
    """

    pipe: DPSIMSPipeline
    model_identity: str
    data: Pairs
    survey: Survey
    size: tuple[int, int]
    latents: Tensor
    colour_sums: np.ndarray
    strangers: np.ndarray
    neighbours: np.ndarray


class Scene:
    """Some label maps of the data with their pictures, all (B, H, W, 3) uint8.

    Args:
        stage: what it belongs to.
        indices: which pairs.
    """

    def __init__(self, stage: Stage, indices: Sequence[int]) -> None:
        self.stage = stage
        self.indices = list(indices)

    @cached_property
    def identity(self) -> str:
        """Changes with anything that changes a picture of the scene."""
        stage, digests = self.stage, self.stage.survey.digests
        related = (self.indices, stage.strangers[self.indices], stage.neighbours[self.indices])
        return key_of(
            stage.model_identity,
            hashlib.sha256(stage.latents[self.indices].numpy().tobytes()).hexdigest(),
            hashlib.sha256(stage.colour_sums.tobytes()).hexdigest(),
            stage.data.spec.to_dict(),
            list(stage.size),
            [[digests[index] for index in indices] for indices in related],
        )

    @cached_property
    def _pairs(self) -> list[ReadPair]:
        return [read_pair(self.stage.data, index, self.stage.size) for index in self.indices]

    @cached_property
    def label_maps(self) -> np.ndarray:
        """(B, H, W) ids."""
        return np.stack([pair.label_map for pair in self._pairs])

    @cached_property
    def fakes(self) -> np.ndarray:
        """(B, K, H, W, 3) uint8, K photos of each label map."""
        stage = self.stage
        return make_photos(
            stage.pipe,
            self.label_maps,
            stage.latents[self.indices],
            offsets_for(stage.pipe, self._pairs, stage.data.spec),
        )

    @cached_property
    def neighbours(self) -> np.ndarray:
        """The real photos whose label maps are the most similar ones."""
        return self._photos_of(self.stage.neighbours)

    @cached_property
    def strangers(self) -> np.ndarray:
        """Real photos of other label maps."""
        return self._photos_of(self.stage.strangers)

    def pictures(self, kind: str) -> np.ndarray:
        """The pictures of one kind: REAL, GENERATED, COLOURED, PAINTED or STRANGERS."""
        spec = self.stage.data.spec
        if kind == REAL:
            return np.stack([pair.photo for pair in self._pairs])
        if kind == GENERATED:
            return self.fakes[:, 0]
        if kind == COLOURED:
            return np.stack([colorize(label_map, spec) for label_map in self.label_maps])
        if kind == PAINTED:
            return paint_mean_colours(self.label_maps, self.stage.colour_sums, spec)
        return self.strangers

    def _photos_of(self, partners: np.ndarray) -> np.ndarray:
        return np.stack(
            [read_pair(self.stage.data, index, self.stage.size).photo for index in partners[self.indices]]
        )


def offsets_for(pipe: DPSIMSPipeline, pairs: Sequence[ReadPair], spec: ClassSpec) -> Tensor | None:
    """(B, 2, H, W) instance offsets for a model that reads them, None for others.

    Raises:
        ValueError: it does, and the data have no object numbers.
    """
    if not pipe.generator.config.use_instance_offsets:
        return None
    return torch.from_numpy(np.stack([pair.offsets(spec) for pair in pairs]))


def make_photos(
    pipe: DPSIMSPipeline, label_maps: np.ndarray, latents: Tensor, offsets: Tensor | None = None
) -> np.ndarray:
    """K photos of each of B label maps, as a user gets them: rounded to 8 bits.

    Args:
        pipe: the model.
        label_maps: (B, H, W) ids.
        latents: (B, K, latent_dim).
        offsets: (B, 2, H, W) of `offsets_for`.

    Returns:
        (B, K, H, W, 3) uint8.
    """
    maps, count = latents.shape[:2]
    photos = pipe(
        label_maps, count, latents=latents.flatten(0, 1), output_type="np", instance_offsets=offsets
    ).images
    return np.rint(photos * 255).astype(np.uint8).reshape(maps, count, *photos.shape[1:])


def draw_latents(count: int, num_images: int, latent_dim: int, seed: int) -> Tensor:
    """(count, K, latent_dim) from N(0, 1), the same on every machine."""
    return torch.randn((count, num_images, latent_dim), generator=torch.Generator().manual_seed(seed))
