"""Training pairs as an endless, seeded sequence that can start at any position.

Position p always gives the same pair, crop and latents, whatever the number of workers or processes: the
epoch is p // n, the order of an epoch depends on (seed, epoch), everything else on (seed, p). A run that
resumes at a step therefore sees the same data. Streams, which have no positions, are in `stream.py`.
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

MOST_IN_A_ROW = 100  # pairs that are bad or left out, before the data itself must be wrong
_LISTS = ("skipped", "left_out")  # an item's reports on pairs that it replaces


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
    """Stop if too many pairs in a row were left out.

    Raises:
        ValueError: there are `limit` of them.
    """
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
        pairs: the data; ValueError where it is empty.
        transform: makes tensors of a pair.
        seed: of order and augmentation, not negative.
        skip_bad: replace a pair that cannot be used, and report it in the item.
        max_samples: use the first so many pairs only; 0 for all.
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
        group norm multiplies the gradient by 1 / sqrt(eps) = 316. "skipped" holds sentences about bad pairs,
        "left_out" names of pairs without a known pixel; too many in a row raise LabelMapError or ValueError.
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

    Step s of all processes reads the `world_size * batch_size` positions after those of step s - 1: shares
    are disjoint, and every epoch is covered once. Each micro-batch of an accumulated update counts as a step.
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
    """Items of one shape -> a batch: tensors stacked, the lists "skipped" and "left_out" joined."""
    batch: dict[str, Tensor | list[str]] = {
        name: torch.stack([item[name] for item in items]) for name in items[0] if name not in _LISTS
    }
    return batch | {name: [entry for item in items for entry in item[name]] for name in _LISTS}


def make_loader(pairs: TrainingPairs, sampler: PositionSampler, num_workers: int) -> DataLoader:
    """Endless loader of one process, not for `Accelerator.prepare`, which would shard it again."""
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
