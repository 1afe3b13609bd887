"""The EXIF orientation of photos, in words."""

from __future__ import annotations

from PIL import Image

ORIENTATION = 274  # tag of EXIF
TURNS = {
    2: "mirrored",
    3: "turned by 180 degrees",
    4: "mirrored upside down",
    5: "mirrored and turned by 90 degrees counter-clockwise",
    6: "turned by 90 degrees clockwise",
    7: "mirrored and turned by 90 degrees clockwise",
    8: "turned by 90 degrees counter-clockwise",
}
"""How the stored photo is changed for display, by EXIF orientation (EXIF 2.3, 4.6.4)."""


def turn_of(image: Image.Image) -> str:
    """Return the text of `TURNS` for a photo, decoded or not; "" if it is upright."""
    return TURNS.get(image.getexif().get(ORIENTATION, 1), "")
