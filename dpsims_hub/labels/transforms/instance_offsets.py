"""Offsets to object centres, an input of the generator that separates objects of one class."""

from __future__ import annotations

import numpy as np

from dpsims_hub.labels.classes.spec import ClassSpec


def instance_offsets(instance_ids: np.ndarray, label_map: np.ndarray, spec: ClassSpec) -> np.ndarray:
    """Return the offset of every thing pixel to the centre of mass of its object.

    This is the encoding of Panoptic-DeepLab, which the paper feeds beside the label map. Pixels with one
    object number and one class are one object. Compute it after cropping: centres count visible pixels only.
    Mirroring the inputs mirrors the planes and negates the x plane. Division by the size is our choice:
    values lie in -1..1.

    Args:
        instance_ids: Object numbers, shape (H, W), any integer type; ignored on stuff.
        label_map: Ids in [0, N) or `ignore_index`, shape (H, W).
        spec: The classes; only pixels of kind "thing" get offsets, others zeros.

    Returns:
        Shape (2, H, W), float32: (y, x) of centre minus pixel, divided by (H, W).

    Raises:
        ValueError: If the two maps differ in shape or are not (H, W).
    """
    if label_map.ndim != 2 or instance_ids.shape != label_map.shape:
        raise ValueError(
            f"instance_ids {instance_ids.shape} and label_map {label_map.shape} must be maps of one size."
        )
    offsets = np.zeros((2, *label_map.shape), dtype=np.float32)
    things = [info.id for info in spec.classes if info.kind == "thing"]
    pixels = np.nonzero(np.isin(label_map, things))  # (rows, columns) of all thing pixels
    if not pixels[0].size:
        return offsets
    keys = np.stack([instance_ids[pixels].astype(np.int64), label_map[pixels].astype(np.int64)])
    _, objects = np.unique(keys, axis=1, return_inverse=True)
    objects = objects.ravel()
    for plane, places in enumerate(pixels):
        centres = np.bincount(objects, weights=places) / np.bincount(objects)
        offsets[plane][pixels] = (centres[objects] - places) / label_map.shape[plane]
    return offsets
