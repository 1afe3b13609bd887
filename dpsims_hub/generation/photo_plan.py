"""Names and seeds of the photos of a generated data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dpsims_hub.generation.jobs import Job

SEED_RULE = "photo k of map i has seed + i * num_images + k; i and k count from 0, maps as in metadata.jsonl"


@dataclass(frozen=True)
class Plan:
    """The photos of a data set: K = `num_images` of each map, with seeds from `seed` on.

    Photos of different maps have different seeds (`SEED_RULE`). With the same K seeds for every map, a data
    set of 10000 maps would have K latents, and so only K kinds of light and weather.
    """

    maps: Sequence[Job]
    num_images: int
    seed: int

    def __len__(self) -> int:
        return len(self.maps) * self.num_images

    def seed_of(self, index: int, number: int) -> int:
        """The seed of photo `number` of map `index`."""
        return self.seed + index * self.num_images + number

    def stem_of(self, index: int, number: int) -> str:
        """The file stem of photo `number` of map `index` and of its label map."""
        return f"{self.maps[index].name}_{number}"

    def stems(self) -> Iterator[str]:
        """The file stems of all photos, in order."""
        return (f"{one.name}_{number}" for one in self.maps for number in range(self.num_images))
