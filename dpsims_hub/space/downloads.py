"""Files to download: the photo without loss, the map as an image of ids, and both on one sheet."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from dpsims_hub.labels import ClassSpec, pixel_shares
from dpsims_hub.pictures.sheets import comparison_sheet, enlarge_photo, flow_legend, picture_of_map, png_text

QUALITY = 92  # of live JPEGs, without colour subsampling: about 5 KB at 128x96, and edges stay sharp
_SHEET_SIDE = 512  # least length in pixels of the longer side of a picture on a sheet


def png(image: Image.Image, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return an image as PNG, without loss, with text chunks such as {"seed": "7"}."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=png_text(metadata or {}))
    return buffer.getvalue()


def png_url(image: Image.Image, metadata: Mapping[str, str] | None = None) -> str:
    """Return a data URL of the image as PNG; see `png`."""
    return data_url(png(image, metadata), "image/png")


def jpeg_url(image: Image.Image) -> str:
    """Return a data URL of the image as JPEG: small, with loss."""
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=QUALITY, subsampling=0)
    return data_url(buffer.getvalue(), "image/jpeg")


def data_url(content: bytes, kind: str) -> str:
    """Return a data URL of a file's content; `kind` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def map_image(label_map: np.ndarray, spec: ClassSpec) -> Image.Image:
    """Return a map (H, W) as an image of its ids: with the palette of `spec`, or 16-bit grey above id 255."""
    if spec.ignore_index > 255:
        return Image.fromarray(label_map.astype(np.uint16))
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[: spec.num_classes] = spec.palette
    palette[spec.ignore_index] = spec.ignore_rgb
    image = Image.fromarray(label_map.astype(np.uint8), mode="L")
    image.putpalette(palette.tobytes())
    return image


def sheet(
    label_map: np.ndarray, photo: Image.Image, spec: ClassSpec, footer: str, least: int = 1
) -> Image.Image:
    """Return map (H, W) and photo side by side, with a legend of the map's classes and a line of text.

    Both are enlarged by the same whole factor, which is at least `least`.
    """
    scale = max(least, -(-_SHEET_SIDE // max(photo.size)))
    pictures = [picture_of_map(label_map, spec, scale), enlarge_photo(photo, scale)]
    legend = flow_legend(spec, pixel_shares(label_map, spec), sum(one.width for one in pictures))
    return comparison_sheet([pictures], ["map", "photo"], legend=legend, footer=footer)
