"""The value that a GeoTIFF gives to pixels without data (GDAL's tag 42113, a number as text)."""

from __future__ import annotations

import numpy as np
from PIL import Image

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.spec import ClassSpec

GDAL_NODATA = 42113


def no_data_value(image: Image.Image) -> int | None:
    """Return the whole number that means "no data" in a file; None where none does."""
    text = image.tag_v2.get(GDAL_NODATA) if image.format == "TIFF" and hasattr(image, "tag_v2") else None
    text = text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)
    try:
        value = float(text.strip(" \0"))
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def refuse_no_data_in_use(ids: np.ndarray, value: int, spec: ClassSpec, name: str) -> None:
    """Refuse pixels without data that would be pixels of a class.

    Args:
        ids: Of the pixels that hold `value`, shape (P,).
        value: The one that means "no data".
        spec: The classes.
        name: What messages call the map.

    Raises:
        LabelMapError: If one of them is not unknown.
    """
    known = ids[ids != spec.ignore_index]
    if known.size:
        title = spec.id2label[int(known[0])]
        raise LabelMapError(
            f"{name}: says that {value} means no data (GDAL_NODATA), and {value} is {title} here; "
            f"write {spec.ignore_index} where nothing is known, or take the note away "
            "(gdal_edit.py -unsetnodata)."
        )
