"""Training pairs as an endless, seeded sequence that can start at any position.

Position p of the sequence is always the same pair with the same crop and latents, whatever the number of
workers or processes: the epoch is p // n, the order of an epoch depends on (seed, epoch), the rest on (seed,
p). A run that resumes at step s therefore continues with exactly the data it would have seen. Streams, which
have no positions, are in `stream.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from dpsims_hub.labels import ClassSpec, LabelMapError, Sample
from dpsims_hub.training.stopping import ignore_stop_signals
from dpsims_hub.training.transform import PairTransform

_MAX_REPLACEMENTS = 100  # pairs in a row that are bad, or left out, before the data itself must be wrong
_LISTS = ("skipped", "left_out")  # what an item says about pairs that it stands for


class Pairs(Protocol):
    """A map-style data set: a folder, or a table with two image columns."""

    spec: ClassSpec
    has_instances: bool

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def has_known_pixel(item: Mapping[str, Any], spec: ClassSpec) -> bool:
    """Whether the label map of an example has a pixel of a class."""
    return bool((item["label_map"].numpy() != spec.ignore_index).any())


def check_left_out(names: Sequence[str], limit: int) -> None:
    """Stop where hardly any map can have a known pixel.

    Args:
        names: of the pairs that were left out in a row.
        limit: how many are too many.

    Raises:
        ValueError: there are so many.
    """
    if len(names) >= limit:
        raise ValueError(
            f"{len(names)} label maps in a row have no known pixel in the part that was cut out, the last "
            f"{names[-1]}; the class list or its stored-value rule may not fit these files: run "
            "`dpsims check-data` on them."
        )


class TrainingPairs(Dataset):
    """Augmented pairs, indexed by position in the endless sequence.

    Args:
        pairs: the data.
        transform: makes tensors of a pair.
        seed: of order and augmentation, not negative.
        skip_bad: put another pair in the place of one that cannot be used, and say so in its item.
        max_samples: use only the first so many pairs; 0 for all.

    Raises:
        ValueError: there is no pair.
    """

    def __init__(
        self,
        pairs: Pairs,
        transform: PairTransform,
        seed: int = 0,
        skip_bad: bool = False,
        max_samples: int = 0,
    ) -> None:
        self.pairs = pairs
        self.transform = transform
        self.seed = seed
        self.skip_bad = skip_bad
        self.count = min(len(pairs), max_samples) if max_samples else len(pairs)
        if not self.count:
            raise ValueError("the data has no pair to train on.")
        self._order: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, position: int) -> dict[str, Any]:
        """What `PairTransform` makes of the pair at `position`, or of the pair that takes its place.

        A crop without a known pixel teaches nothing, and its gradient is useless: the encoder's features are
        exactly 0 there, and each of its group norms multiplies the gradient by 1 / sqrt(eps) = 316.

        Returns:
            The example; "skipped": sentences about bad pairs; "left_out": names of pairs whose crop had no
            known pixel.

        Raises:
            LabelMapError: the pair cannot be used and `skip_bad` is off, or too many in a row cannot.
            ValueError: too many in a row have no known pixel.
        """
        epoch, place = divmod(position, self.count)
        index = int(self._epoch_order(epoch)[place])
        skipped: list[str] = []
        left_out: list[str] = []
        replacements = np.random.default_rng((self.seed, 2, position))
        while True:
            key = (self.seed, 1, position, len(left_out)) if left_out else (self.seed, 1, position)
            try:
                sample = self.pairs[index]
                item = self.transform(sample, key)
            except LabelMapError as error:
                if not self.skip_bad or len(skipped) >= _MAX_REPLACEMENTS:
                    raise
                skipped.append(str(error))
            else:
                if has_known_pixel(item, self.pairs.spec):
                    return {**item, "skipped": skipped, "left_out": left_out}
                left_out.append(sample.stem)
                check_left_out(left_out, _MAX_REPLACEMENTS)
            index = int(replacements.integers(self.count))

    def _epoch_order(self, epoch: int) -> np.ndarray:
        """Permutation of the pairs; the last one is kept, for large data sets."""
        if self._order is None or self._order[0] != epoch:
            rng = np.random.default_rng((self.seed, 0, epoch))
            self._order = (epoch, rng.permutation(self.count))
        return self._order[1]


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


def collate(items: Sequence[dict[str, Any]]) -> dict[str, Tensor | list[str]]:
    """Items of one shape -> a batch: tensors stacked, the lists "skipped" and "left_out" joined."""
    batch: dict[str, Tensor | list[str]] = {
        name: torch.stack([item[name] for item in items]) for name in items[0] if name not in _LISTS
    }
    return batch | {name: [entry for item in items for entry in item[name]] for name in _LISTS}


def make_loader(pairs: TrainingPairs, sampler: PositionSampler, num_workers: int) -> DataLoader:
    """Endless loader of one process; never passed to `Accelerator.prepare`, which would shard it again."""
    return DataLoader(
        pairs,
        batch_size=sampler.batch_size,
        sampler=sampler,
        num_workers=num_workers,
        collate_fn=collate,
        persistent_workers=num_workers > 0,
        worker_init_fn=ignore_stop_signals,
        pin_memory=torch.cuda.is_available(),
    )
