"""The evaluation of one model on one folder of photos and label maps.

One pass over the reference photos (the training photos where they are given) collects features and the mean
colour of each class, and fits the pixel probe; one pass over the data makes K photos of every label map and
compares them; one pass compares different real photos with each other. A number alone says nothing: each has
a floor and a ceiling from the same run beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from dpsims_hub.evaluation.distances import GENERATED, REAL, distance_rows
from dpsims_hub.evaluation.diversity import differences_within, pair_differences, shuffled_partners
from dpsims_hub.evaluation.features import feature_maps, pooled
from dpsims_hub.evaluation.photo_batches import RESIZING, PhotoBatch, read_batches
from dpsims_hub.evaluation.pixel_probe import PixelProbe
from dpsims_hub.evaluation.segmentation_scores import mean_iou, pixel_accuracy
from dpsims_hub.evaluation.speed import CALLS, time_photos
from dpsims_hub.evaluation.stand_ins import ClassMeanColours
from dpsims_hub.labels import FolderDataset, colorize
from dpsims_hub.models import PretrainedBackbone
from dpsims_hub.pipeline import DPSIMSPipeline

MIN_PAIRS = 4  # two halves of two photos each, the fewest that have a covariance
MAX_SEED = 2**63 - 1  # torch's generators take 64 signed bits


@dataclass(frozen=True)
class Settings:
    """How an evaluation is done.

    Args:
        seed: of latents, random halves and pairs.
        batch_size: label maps at a time; matters for speed and memory only.
        num_images: K, photos of each label map; distances use the first, diversity all.

    Raises:
        ValueError: a value is out of range.
    """

    seed: int = 0
    batch_size: int = 8
    num_images: int = 4

    def __post_init__(self) -> None:
        for name, low in (("seed", 0), ("batch_size", 1), ("num_images", 2)):
            if not low <= getattr(self, name) <= MAX_SEED:
                raise ValueError(f"{name} must be a whole number from {low}, not {getattr(self, name)}.")


def count_images(data: FolderDataset, train: FolderDataset | None, settings: Settings) -> int:
    """How many images an evaluation sends through the backbone: real, generated and stand-ins."""
    return len(train or data) + len(data) * (settings.num_images + 3) + 2 * len(data)


def evaluate(
    pipe: DPSIMSPipeline,
    backbone: PretrainedBackbone,
    data: FolderDataset,
    train: FolderDataset | None = None,
    settings: Settings | None = None,
    advance: Callable[[int], object] = lambda count: None,
) -> dict:
    """Measures a model at its own size; the same seed gives the same numbers on one machine.

    Args:
        pipe: the model.
        backbone: gives the features, on the model's device.
        data: real photos and label maps that the model was not trained on.
        train: those that it was trained on, for the floor "real against real" and for the pixel probe, which
            would flatter real photos that it was fitted on; without them there is none.
        settings: seed, batch size, photos per map; None for the defaults.
        advance: called with the number of images that went through the backbone, `count_images` in all.

    Returns:
        Size, counts, distances, diversity, faithfulness (None without `train`) and speed, JSON-safe.

    Raises:
        FileNotFoundError: a file of the data is missing.
        ValueError: model and data do not fit together, or there are too few photos.
    """
    for folder in (data, train):
        if folder is not None:
            _check_fits(pipe, folder)
    settings = settings or Settings()
    probe = None if train is None else PixelProbe(data.spec.num_classes, len(train), settings.seed)
    run = _Run(pipe, backbone, data, settings, advance, probe)
    colours, train_features = run.read_reference(train or data)
    run.compare_with_real(colours)
    run.compare_real_photos()
    timed = next(run.batches(data, range(len(data))[:CALLS])).label_maps
    return {
        "size": {"width": run.size[1], "height": run.size[0]},
        "resizing": RESIZING,
        "data": {"pairs": len(data), "sha256_as_evaluated": run.digest.hexdigest()},
        "train_data": None if train is None else {"pairs": len(train)},
        "seed": run.settings.seed,
        "photos_per_label_map": run.settings.num_images,
        "class_mean_colours_of": "the evaluated photos" if train is None else "the training photos",
        "distances": distance_rows(
            _joined(run.features), None if train is None else train_features, run.settings.seed
        ),
        "diversity": _mean_differences(_joined(run.differences)),
        "faithfulness": None if train is None else _faithfulness(run.confusions, len(data)),
        "speed": time_photos(pipe, list(timed)),
    }


@dataclass
class _Run:
    """One evaluation under way: what it reads, and what it has collected."""

    pipe: DPSIMSPipeline
    backbone: PretrainedBackbone
    data: FolderDataset
    settings: Settings
    advance: Callable[[int], object]
    probe: PixelProbe | None
    features: dict[str, list[np.ndarray]] = field(default_factory=dict)
    """Pooled features by kind of image."""
    differences: dict[str, list[np.ndarray]] = field(default_factory=dict)
    """Rows of `pair_differences` by kind of pair."""
    confusions: dict[str, np.ndarray] = field(default_factory=dict)
    """The probe's confusion matrix by kind of image."""

    def __post_init__(self) -> None:
        self.size = tuple(self.pipe.generator.config.sample_size)
        self.digest = hashlib.sha256()

    def batches(self, folder: FolderDataset, indices: Sequence[int]) -> Iterator[PhotoBatch]:
        return read_batches(folder, indices, self.size, self.settings.batch_size)

    def look(self, images: np.ndarray) -> list[Tensor]:
        """Feature maps of (B, H, W, 3) uint8 images."""
        maps = feature_maps(self.backbone, images)
        self.advance(len(images))
        return maps

    def read_reference(self, reference: FolderDataset) -> tuple[ClassMeanColours, np.ndarray]:
        """Mean colour of every class, and pooled features (n, D)."""
        colours = ClassMeanColours(reference.spec.num_classes, reference.spec.ignore_index)
        features = []
        for batch in self.batches(reference, range(len(reference))):
            colours.add(*batch)
            features.append(pooled(self.look(batch.photos)))
            if self.probe is not None:
                self.probe.collect(*batch)
        if self.probe is not None:
            self.probe.fit()
        return colours, np.concatenate(features)

    def compare_with_real(self, colours: ClassMeanColours) -> None:
        """Makes K photos of every label map; looks at them, the real photos and the stand-ins."""
        shape = (len(self.data), self.settings.num_images, self.pipe.generator.config.latent_dim)
        latents = torch.randn(shape, generator=torch.Generator().manual_seed(self.settings.seed))
        start = 0
        for batch in self.batches(self.data, range(len(self.data))):
            stop = start + len(batch.photos)
            self._add_batch(batch, make_photos(self.pipe, batch.label_maps, latents[start:stop]), colours)
            for photo, label_map in zip(*batch, strict=True):
                self.digest.update(photo.tobytes() + label_map.tobytes())
            start = stop

    def _add_batch(self, batch: PhotoBatch, fakes: np.ndarray, colours: ClassMeanColours) -> None:
        """Takes in one batch and its photos, (B, K, H, W, 3) uint8."""
        count = fakes.shape[1]
        real_maps, fake_maps = self.look(batch.photos), self.look(fakes.reshape(-1, *fakes.shape[2:]))
        first_maps = [maps[::count] for maps in fake_maps]
        coloured = np.stack([colorize(label_map, self.data.spec) for label_map in batch.label_maps])
        painted = colours.paint(batch.label_maps)
        images = {
            GENERATED: (fakes[:, 0], first_maps),
            REAL: (batch.photos, real_maps),
            "coloured label maps": (coloured, self.look(coloured)),
            "class mean colours": (painted, self.look(painted)),
        }
        for kind, (pictures, maps) in images.items():
            self._add(self.features, kind, pooled(maps))
            self._judge(kind, pictures, batch.label_maps)
        within = differences_within(fake_maps, fakes)
        self._add(self.differences, f"{count} generated photos of one label map", within)
        across = pair_differences(first_maps, real_maps, fakes[:, 0], batch.photos)
        self._add(self.differences, "generated and real photo of one label map", across)

    def compare_real_photos(self) -> None:
        """Looks at pairs of different real photos."""
        sides = shuffled_partners(len(self.data), self.settings.seed)
        for first, second in zip(*(self.batches(self.data, side) for side in sides), strict=True):
            maps = self.look(first.photos), self.look(second.photos)
            values = pair_differences(*maps, first.photos, second.photos)
            self._add(self.differences, "real photos of different label maps", values)
            self._judge("real photos of other label maps", second.photos, first.label_maps)

    def _judge(self, kind: str, images: np.ndarray, label_maps: np.ndarray) -> None:
        if self.probe is not None:
            self.confusions[kind] = self.confusions.get(kind, 0) + self.probe.judge(images, label_maps)

    @staticmethod
    def _add(collection: dict[str, list[np.ndarray]], kind: str, values: np.ndarray) -> None:
        collection.setdefault(kind, []).append(values)


def make_photos(pipe: DPSIMSPipeline, label_maps: np.ndarray, latents: Tensor) -> np.ndarray:
    """K photos of each of B label maps, as a user gets them: rounded to 8 bits.

    Args:
        pipe: the model.
        label_maps: (B, H, W) ids.
        latents: (B, K, latent_dim).

    Returns:
        (B, K, H, W, 3) uint8.
    """
    maps, count = latents.shape[:2]
    photos = pipe(label_maps, count, latents=latents.flatten(0, 1), output_type="np").images
    return np.rint(photos * 255).astype(np.uint8).reshape(maps, count, *photos.shape[1:])


def _joined(collection: dict[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
    return {kind: np.concatenate(parts) for kind, parts in collection.items()}


def _mean_differences(differences: dict[str, np.ndarray]) -> list[dict]:
    """One row per kind of pair; n counts label maps or pairs."""
    rows = []
    for kind, values in differences.items():
        features, pixels = values.mean(axis=0).tolist()
        rows.append(
            {"pairs": kind, "n": len(values), "feature_distance": features, "pixel_difference": pixels}
        )
    return rows


def _faithfulness(confusions: dict[str, np.ndarray], count: int) -> list[dict]:
    """One row per kind of image: how well the probe finds the label maps again in the images."""
    return [
        {
            "images": kind,
            "n": count,
            "probe_mean_iou": mean_iou(confusion),
            "probe_pixel_accuracy": pixel_accuracy(confusion),
        }
        for kind, confusion in confusions.items()
    ]


def _check_fits(pipe: DPSIMSPipeline, data: FolderDataset) -> None:
    """Raises ValueError where the model cannot be measured on the data."""
    if len(data) < MIN_PAIRS:
        raise ValueError(
            f"{data.root}: holds {len(data)} pairs; an evaluation needs {MIN_PAIRS}, and means something "
            "from some hundred on."
        )
    if pipe.generator.config.use_instance_offsets:
        raise ValueError("the model reads instance offsets, and the evaluation gives none; take one without.")
    ours, theirs = data.spec, pipe.spec
    if pipe.config.class_spec is None:  # a model without class names
        same = ours.num_classes == theirs.num_classes
    else:
        same = [name.casefold() for name in ours.names] == [name.casefold() for name in theirs.names]
    if not same or ours.ignore_index != theirs.ignore_index:
        raise ValueError(
            f"{data.root}: its classes ({ours.name}, N = {ours.num_classes}, unknown {ours.ignore_index}) "
            f"are not the model's ({theirs.name}, N = {theirs.num_classes}, unknown {theirs.ignore_index})."
        )
