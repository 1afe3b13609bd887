"""Settings of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass

MAX_SEED = 2**63 - 1  # torch's generators take 64 signed bits


@dataclass(frozen=True)
class Settings:
    """Random seed, batch size, number of photos and bootstrap draws.

    Args:
        seed: of latents, random halves, pairs and bootstrap draws.
        batch_size: label maps in a batch; it changes only speed and memory.
        num_images: K, photos of each label map; distances use the first, diversity uses all.
        replicates: bootstrap draws of each interval, 0 for no intervals.

    Raises:
        ValueError: a value is out of range.
    """

    seed: int = 0
    batch_size: int = 8
    num_images: int = 4
    replicates: int = 100

    def __post_init__(self) -> None:
        for name, low in (("seed", 0), ("batch_size", 1), ("num_images", 2), ("replicates", 0)):
            if not low <= getattr(self, name) <= MAX_SEED:
                raise ValueError(f"{name} must be a whole number from {low}, not {getattr(self, name)}.")
