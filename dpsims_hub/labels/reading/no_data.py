"""The "no data" value of a GeoTIFF (tag 42113 of GDAL, a number as text)."""

from __future__ import annotations

import numpy as np
from PIL import Image

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.spec import ClassSpec

GDAL_NODATA = 42113


def no_data_value(image: Image.Image) -> int | None:
    """Return the integer "no data" value of a file; None without one."""
    text = image.tag_v2.get(GDAL_NODATA) if image.format == "TIFF" else None
    text = text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)
    try:
        value = float(text.strip(" \0"))
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def refuse_no_data_in_use(ids: np.ndarray, value: int, spec: ClassSpec, name: str) -> None:
    """Refuse "no data" pixels of a class; `ids` (P,) are the ids of the pixels with the "no data" value.

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
