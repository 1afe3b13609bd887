"""Many clients of one server at the same time, each with a map of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tests.space.served_space import map_text


def all_at_once(works: list[Callable[[], Any]]) -> list[Any]:
    """Run each work in its own thread, all started together."""
    gate = threading.Barrier(len(works))

    def started(work: Callable[[], Any]) -> Any:
        gate.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as crowd:
        return list(crowd.map(started, works))


def random_map(model: Mapping[str, Any], number: int) -> str:
    """Return the text of a distinct map for a model's description: blocks of an eighth of a side."""
    height, width, block = model["height"], model["width"], min(model["height"], model["width"]) // 8
    shape = -(-height // block), -(-width // block)
    blocks = np.random.default_rng(number).integers(0, len(model["classes"]), shape)
    return map_text(blocks.repeat(block, axis=0).repeat(block, axis=1)[:height, :width].tolist())
