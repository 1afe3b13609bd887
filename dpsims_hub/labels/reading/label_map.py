"""`read_label_map`: reads a label map exactly from a file, image, array or lists, or refuses it.

Palette images give their indices (unless their palette holds the class colours in another order), greyscale
images their stored numbers (1 to 16 bits), colour images the ids of exactly matching class colours. Nothing
is rounded, blended or guessed. An error message is one sentence.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dpsims_hub.labels.classes.colours import ids_from_colours
from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.instance_codes import classes_of_numbers, number_of_colours
from dpsims_hub.labels.classes.palettes import ids_by_palette
from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.exact_pixels import exact_pixels
from dpsims_hub.labels.reading.image_files import check_size, open_image
from dpsims_hub.labels.reading.no_data import no_data_value, refuse_no_data_in_use
from dpsims_hub.labels.reading.resizing import resize_label_map
from dpsims_hub.labels.reading.wrong_ids import wrong_ids


def read_label_map(
    source: Any,
    spec: ClassSpec,
    *,
    stored: bool = False,
    size: tuple[int, int] | None = None,
    name: str | None = None,
) -> np.ndarray:
    """Return the label map of `source` as exact ids.

    Args:
        source: A path, a `PIL.Image`, a numpy array, a torch tensor or nested lists. Arrays are integers or
            booleans (0 and 1) of shape (H, W), (H, W, 1) or (1, H, W), or uint8 colours (H, W, 3 or 4).
            Images are id images (L, I, I;16, 1 bit), palette images, or RGB(A) in the exact colours of the
            spec.
        spec: The classes.
        stored: Whether numbers follow the stored-value rule of the spec (for ADE20K id + 1) or are plain ids
            (default). Colours are not affected.
        size: Wanted (height, width) in pixels, by nearest neighbour; None keeps the size.
        name: Name of the map in messages; None takes the path or the kind of source.

    Returns:
        Shape (H, W), ids in [0, N) or `spec.ignore_index`, uint8 or (for more than 255 classes) uint16.

    Raises:
        FileNotFoundError: If a path does not exist.
        LabelMapError: If the map cannot be read exactly.

    Warns:
        UserWarning: If a colour belongs to several classes (the first is taken), or if a palette image is
            read by its colours, see `ids_by_palette`.
    """
    with open_image(source) if isinstance(source, str | Path) else nullcontext(source) as opened:
        image = opened if isinstance(opened, Image.Image) else None
        name = name or _name(source)
        pixels = _pixels_of_array(source, name) if image is None else exact_pixels(image, name)
        label_map = None
        if stored and spec.instance_coding:
            if image is not None and image.mode == "P":
                raise LabelMapError(
                    f"{name}: is a palette image, and the stored-value rule reads class and object in one "
                    "number; save the numbers as 16-bit greyscale or as RGB."
                )
            numbers = number_of_colours(pixels, name) if pixels.ndim == 3 else pixels
            classes = classes_of_numbers(numbers, spec.instance_coding, name)
            label_map = _ids(classes, spec, stored, f"{name} (class of {spec.instance_coding})")
        elif pixels.ndim == 3:
            label_map = ids_from_colours(pixels, spec, name)
        elif image is not None and image.mode == "P":
            label_map = ids_by_palette(pixels, image, spec, stored, name)
        if label_map is None:
            label_map = _ids(pixels, spec, stored, name)
        if image is not None and (empty := no_data_value(image)) is not None and pixels.ndim == 2:
            refuse_no_data_in_use(label_map[pixels == empty], empty, spec, name)
    return label_map if size is None else resize_label_map(label_map, size)


def _name(source: Any) -> str:
    if isinstance(source, str | Path):
        return str(source)
    if isinstance(source, Image.Image):
        return str(getattr(source, "filename", "")) or "label map (PIL image)"
    return f"label map ({type(source).__name__})"


def _as_array(source: Any, name: str) -> np.ndarray:
    refuse_abstract_tensor(source, name)
    if hasattr(source, "is_floating_point"):  # a torch tensor; torch may not be installed
        if source.is_floating_point() or source.is_complex():
            raise LabelMapError(_not_integers(name, str(source.dtype)))
        try:
            return source.detach().cpu().numpy()
        except (RuntimeError, TypeError):  # nested tensors, types without arithmetic
            raise LabelMapError(f"{name}: is no plain tensor; give map.long() of a full grid.") from None
    rows = source if isinstance(source, list | tuple) else ()
    if np.ma.is_masked(source) or any(np.ma.is_masked(row) for row in rows):
        raise LabelMapError(f"{name}: is a masked array; fill what is masked: map.filled(ignore_index).")
    if not isinstance(source, np.ndarray | list | tuple):
        raise LabelMapError(
            f"{name}: cannot be read as a label map; give a path, PIL image, numpy or torch array, or lists."
        )
    try:
        return np.asarray(source)
    except (ValueError, OverflowError):
        raise LabelMapError(
            f"{name}: its rows have different lengths; give a full height x width grid."
        ) from None


def refuse_abstract_tensor(source: Any, name: str) -> None:
    """Refuse a torch tensor that is sparse, quantized or without data.

    Raises:
        LabelMapError: If it is.
    """
    if not hasattr(source, "is_floating_point"):
        return
    if source.is_meta:
        raise LabelMapError(f"{name}: is a tensor on the device meta, which has no numbers.")
    if str(source.layout) != "torch.strided" or source.is_quantized:
        how = "dequantize().long" if source.is_quantized else "to_dense"
        raise LabelMapError(f"{name}: is a sparse or quantized tensor; give a plain one, map.{how}().")


def _pixels_of_array(source: Any, name: str) -> np.ndarray:
    """Return (H, W) integers or (H, W, 3 or 4) uint8 colours."""
    array = _as_array(source, name)
    if array.size == 0:
        raise LabelMapError(f"{name}: is empty (shape {array.shape}).")
    if array.dtype.kind not in "iub":
        raise LabelMapError(_not_integers(name, str(array.dtype)))
    is_colour = array.ndim == 3 and array.shape[-1] in (3, 4) and array.dtype == np.uint8
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    elif array.ndim == 3 and array.shape[0] == 1 and not is_colour:
        array = array[0]
    if not is_colour and array.ndim != 2:
        raise LabelMapError(_wrong_shape(array, name))
    check_size(*array.shape[:2], name)
    return array


def _wrong_shape(array: np.ndarray, name: str) -> str:
    if array.ndim == 3 and array.shape[0] in (3, 4) and array.dtype == np.uint8:
        return f"{name}: shape {array.shape} has its colour channels first; give (height, width, 3)."
    if array.ndim == 3 and array.shape[-1] in (3, 4):
        return f"{name}: shape {array.shape} is not one map, and colours must be uint8, not {array.dtype}."
    if array.ndim in (3, 4):
        return f"{name}: shape {array.shape} is not one map; give one (height, width) map at a time."
    return f"{name}: shape {array.shape} is not a map; give (height, width) ids."


def _not_integers(name: str, dtype: str) -> str:
    if dtype == "object":
        return f"{name}: holds values that are not integers; give class ids."
    return (
        f"{name}: holds {dtype} values; class ids are integers, so convert them first if each one is whole."
    )


def _ids(values: np.ndarray, spec: ClassSpec, stored: bool, name: str) -> np.ndarray:
    """Return the ids (H, W) of stored values or plain ids."""
    table = spec.id_table(stored=stored)
    inside = (values >= 0) & (values < len(table))
    ids = np.where(inside, table[np.where(inside, values, 0).astype(np.intp)], -1)
    if ids.min() < 0:
        raise wrong_ids(values, ids < 0, spec, stored, name)
    return ids.astype(spec.dtype)
