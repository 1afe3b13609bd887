"""Precision and recall of generated photos (Kynkaanniemi et al. 2019).

The manifold of the real photos is the union of balls around their features, each with the distance to the
k-th nearest other real photo as radius. Precision is the share of generated photos inside it, recall the
share of real photos inside the manifold of the generated ones. The paper uses features of VGG-16; ours are
named in the report.
"""

from __future__ import annotations

import numpy as np
import torch

NEIGHBOURS = 3  # k of the paper
BLOCK = 500  # rows of distances in memory at a time


def inside_manifold(reference: np.ndarray, queries: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """Whether each query (m, D) is inside the manifold of the reference (n, D), (m,) bool; `neighbours` is k.

    Precision and recall are means of the result.

    Raises:
        ValueError: the reference has k vectors or fewer.
    """
    if len(reference) <= neighbours:
        raise ValueError(
            f"precision and recall need more than k = {neighbours} photos a side, not {len(reference)}."
        )
    centres = torch.from_numpy(np.ascontiguousarray(reference)).double()
    radii = torch.cat(
        [_distances(block, centres).kthvalue(neighbours + 1, dim=1).values for block in centres.split(BLOCK)]
    )  # + 1: each is its own nearest neighbour
    points = torch.from_numpy(np.ascontiguousarray(queries)).double()
    return torch.cat(
        [(_distances(block, centres) <= radii).any(dim=1) for block in points.split(BLOCK)]
    ).numpy()


def _distances(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")
