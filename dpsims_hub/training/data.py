"""Training pairs as an endless, seeded sequence that can start at any position.

Position p of the sequence is always the same pair with the same crop, whatever the number of workers or
processes: the epoch is p // n, the order of an epoch depends on (seed, epoch), the crop on (seed, p). A run
that resumes at step s therefore continues with exactly the data it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from dpsims_hub.labels import FolderDataset
from dpsims_hub.labels.augment import augment_pair


class TrainingPairs(Dataset):
    """Augmented pairs of a folder, indexed by position in the endless sequence.

    Args:
        folder: the pairs.
        size: (H, W) of the results, in pixels.
        seed: of order and augmentation, not negative.
        max_zoom: crops are up to this many times smaller than the photo; with 1 the whole photo where it has
            the proportions of `size`, otherwise the largest part that has, placed by the seed.
        flip: mirror half of the pairs.
    """

    def __init__(
        self,
        folder: FolderDataset,
        size: tuple[int, int],
        seed: int = 0,
        max_zoom: float = 1.4,
        flip: bool = True,
    ) -> None:
        self.folder = folder
        self.size = size
        self.seed = seed
        self.max_zoom = max_zoom
        self.flip = flip
        self._order: tuple[int, np.ndarray] | None = None

    def __getitem__(self, position: int) -> dict[str, torch.Tensor]:
        """{"real_images": (3, H, W) float32 in [-1, 1], "label_map": (H, W) int64}."""
        epoch, place = divmod(position, len(self.folder))
        rng = np.random.default_rng((self.seed, 1, position))
        sample = augment_pair(
            self.folder[int(self._epoch_order(epoch)[place])],
            self.size,
            rng=rng,
            max_zoom=self.max_zoom,
            flip_probability=0.5 if self.flip else 0.0,
        )
        return as_tensors(np.asarray(sample.image), sample.label_map)

    def _epoch_order(self, epoch: int) -> np.ndarray:
        """Permutation of the pairs; the last one is kept, for large folders."""
        if self._order is None or self._order[0] != epoch:
            rng = np.random.default_rng((self.seed, 0, epoch))
            self._order = (epoch, rng.permutation(len(self.folder)))
        return self._order[1]


def as_tensors(image: np.ndarray, label_map: np.ndarray) -> dict[str, torch.Tensor]:
    """(H, W, 3) uint8 and (H, W) ids -> the tensors of one training pair."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1
    return {"real_images": pixels, "label_map": torch.from_numpy(label_map.astype(np.int64))}


class PositionSampler(Sampler[int]):
    """Positions of one process from a step on, without end.

    Step s of all processes together reads the `world_size * batch_size` positions after those of step s - 1,
    so that they are disjoint and every epoch is covered once. A run resumed with another batch size or number
    of processes continues at another position.

    Args:
        batch_size: pairs per process and step.
        rank: of this process.
        world_size: number of processes.
        start_step: first step to serve; micro-batches of an accumulated update count one each.
    """

    def __init__(self, batch_size: int, rank: int = 0, world_size: int = 1, start_step: int = 0) -> None:
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size
        self.start_step = start_step

    def __iter__(self) -> Iterator[int]:
        step = self.start_step
        while True:
            first = (step * self.world_size + self.rank) * self.batch_size
            yield from range(first, first + self.batch_size)
            step += 1


def make_loader(pairs: TrainingPairs, sampler: PositionSampler, num_workers: int) -> DataLoader:
    """Endless loader of one process; never passed to `Accelerator.prepare`, which would shard it again."""
    return DataLoader(
        pairs,
        batch_size=sampler.batch_size,
        sampler=sampler,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=torch.cuda.is_available(),
    )
