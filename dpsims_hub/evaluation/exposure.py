"""Brightness of photos, and the shares of their pixels that are clipped to white or black."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dpsims_hub.evaluation.scenes import GENERATED, REAL, Scene

CLIPPED = 5  # levels of 255 from an end of the range; our choice
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def exposure(photos: np.ndarray) -> np.ndarray:
    """Brightness and the shares of white and black pixels of photos (B, H, W, 3) uint8, (B, 3) float64.

    Brightness is the mean luma of BT.601 in levels of 255. A pixel is white (black) where all three channels
    are within `CLIPPED` levels of 255 (0).
    """
    white = (photos >= 255 - CLIPPED).all(-1).mean((1, 2))
    black = (photos <= CLIPPED).all(-1).mean((1, 2))
    return np.stack([(photos @ np.array(LUMA)).mean((1, 2)), white, black], axis=1)


class ExposureMeasure:
    """`exposure` of generated, real and training photos; a model should reproduce it, not exaggerate it."""

    name = "exposure"
    description: dict[str, Any] = {"clipped_levels": CLIPPED, "luma": "BT.601"}

    vectors = staticmethod(exposure)

    def record(self, scene: Scene) -> dict[str, np.ndarray]:
        """`exposure` of the first generated and the real photo of each label map."""
        return {f"exposure/{kind}": exposure(scene.pictures(kind)) for kind in (GENERATED, REAL)}


def exposure_rows(by_kind: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """One row for each kind of photos, from their `exposure` (n, 3)."""
    rows = []
    for kind, values in by_kind.items():
        brightness, white, black = values.mean(0).tolist()
        spread = float(values[:, 0].std())
        row = {"images": kind, "n": len(values), "brightness": brightness, "brightness_deviation": spread}
        rows.append(row | {"white_share": white, "black_share": black})
    return rows
