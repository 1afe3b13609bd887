"""Photos with an EXIF note to turn them: what it does, and what that means for their label maps."""

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
"""By the value of the note, how a photo as stored becomes the photo as seen (EXIF 2.3, 4.6.4)."""


def turn_of(image: Image.Image) -> str:
    """Return how the note turns a photo, in words of `TURNS`; "" where nothing is to be turned.

    Args:
        image: Opened, decoded or not.
    """
    return TURNS.get(image.getexif().get(ORIENTATION, 1), "")
