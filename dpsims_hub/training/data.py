"""Training pairs as an endless, seeded sequence that can start at any position.

A position p always gives the same pair, crop and latents, whatever the number of workers or processes. With n
pairs its epoch is p // n. The order of an epoch depends on (seed, epoch), everything else on (seed, p). A run
that resumes at a step therefore reads the same data. Streams have no positions; see `stream.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from dpsims_hub.labels import ClassSpec, LabelMapError, Sample
from dpsims_hub.training.stopping import ignore_stop_signals
from dpsims_hub.training.transform import PairTransform

MOST_IN_A_ROW = 100  # with so many consecutive pairs that are bad or left out, the data must be wrong
_LISTS = ("skipped", "left_out")  # an item's lists of the pairs that it replaces


class Pairs(Protocol):
    """A map-style data set: a folder, or a table with two image columns."""

    spec: ClassSpec
    has_instances: bool

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def has_known_pixel(item: Mapping[str, Any], spec: ClassSpec) -> bool:
    """Whether the label map of an example has a pixel of a class."""
    return bool((item["label_map"].numpy() != spec.ignore_index).any())


def check_left_out(names: Sequence[str]) -> None:
    """Raise a ValueError if at least `MOST_IN_A_ROW` pairs in a row were left out."""
    if len(names) >= MOST_IN_A_ROW:
        raise ValueError(
            f"{len(names)} label maps in a row have no known pixel in the part that was cut out, the last "
            f"{names[-1]}; the class list or its stored-value rule may not fit these files: run "
            "`dpsims check-data` on them."
        )


@dataclass(eq=False)
class TrainingPairs(Dataset):
    """Augmented pairs, indexed by position in the endless sequence.

    Args:
        pairs: the data; ValueError if it is empty.
        transform: converts a pair to tensors.
        seed: of order and augmentation, not negative.
        skip_bad: replace a pair that cannot be used, and report it in the item.
        max_samples: use only this many pairs, the first ones; 0 for all.
    """

    pairs: Pairs
    transform: PairTransform
    seed: int
    skip_bad: bool = False
    max_samples: int = 0

    def __post_init__(self) -> None:
        self.count = min(len(self.pairs), self.max_samples or len(self.pairs))
        if not self.count:
            raise ValueError("the data has no pair to train on.")
        self._order: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, position: int) -> dict[str, Any]:
        """The example at a position; another pair replaces one that is bad or has no known pixel in its crop.

        A crop without a known pixel has a useless gradient: the encoder's features are 0 there, and each
        group norm multiplies the gradient by 1 / sqrt(eps) = 316.

        "skipped" contains sentences about bad pairs, and "left_out" names of pairs without a known pixel.

        Raises:
            ValueError: a pair is bad (LabelMapError) and `skip_bad` is off, or too many in a row cannot be
                used.
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
                if not self.skip_bad or len(skipped) >= MOST_IN_A_ROW:
                    raise
                skipped.append(str(error))
            else:
                if has_known_pixel(item, self.pairs.spec):
                    return {**item, "skipped": skipped, "left_out": left_out}
                left_out.append(sample.stem)
                check_left_out(left_out)
            index = int(replacements.integers(self.count))

    def _epoch_order(self, epoch: int) -> np.ndarray:
        if self._order is None or self._order[0] != epoch:
            rng = np.random.default_rng((self.seed, 0, epoch))
            self._order = (epoch, rng.permutation(self.count))
        return self._order[1]


@dataclass(eq=False)
class PositionSampler(Sampler[int]):
    """Endless positions of one process.

    In step s all processes together read the `world_size * batch_size` positions after those of step s - 1.
    Their shares are disjoint, and every epoch is covered once. Each micro-batch of an accumulated update
    counts as a step.
    """

    batch_size: int
    rank: int = 0
    world_size: int = 1
    start_step: int = 0

    def __iter__(self) -> Iterator[int]:
        for step in count(self.start_step):
            first = (step * self.world_size + self.rank) * self.batch_size
            yield from range(first, first + self.batch_size)


def collate(items: Sequence[dict[str, Any]]) -> dict[str, Tensor | list[str]]:
    """Stack the tensors of items of one shape, and join their lists "skipped" and "left_out"."""
    batch: dict[str, Tensor | list[str]] = {
        name: torch.stack([item[name] for item in items]) for name in items[0] if name not in _LISTS
    }
    return batch | {name: [entry for item in items for entry in item[name]] for name in _LISTS}


def make_loader(pairs: TrainingPairs, sampler: PositionSampler, num_workers: int) -> DataLoader:
    """Endless loader of one process; `Accelerator.prepare` would split it between processes again."""
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
