"""What visitors take home: the exact photo, the map as ids, both on one sheet."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dpsims_hub.labels import ClassSpec, pixel_shares
from dpsims_hub.pictures.sheets import comparison_sheet, enlarge_photo, flow_legend, picture_of_map

QUALITY = 92  # of live JPEGs, without colour subsampling: at 128x96 about 5 KB, and edges stay clean
_SHEET_SIDE = 512  # pixels that the longer side of a picture on a sheet should have at least


def png(image: Image.Image, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return an image as PNG, exact, with text chunks such as {"seed": "7"}."""
    text = PngInfo()
    for key, value in (metadata or {}).items():
        text.add_text(key, value)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=text)
    return buffer.getvalue()


def png_url(image: Image.Image, metadata: Mapping[str, str] | None = None) -> str:
    """Return a data URL of the exact image."""
    return f"data:image/png;base64,{base64.b64encode(png(image, metadata)).decode()}"


def jpeg_url(image: Image.Image) -> str:
    """Return a data URL of the image as JPEG: small and quick to draw, not exact."""
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def map_image(label_map: np.ndarray, spec: ClassSpec) -> Image.Image:
    """Return the map as an image whose numbers are the ids.

    Args:
        label_map: (H, W) ids.
        spec: with ids up to 255 the image has its palette; otherwise it is 16-bit grey.
    """
    if spec.ignore_index > 255:
        return Image.fromarray(label_map.astype(np.uint16))
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[: spec.num_classes] = spec.palette
    palette[spec.ignore_index] = spec.ignore_rgb
    image = Image.fromarray(label_map.astype(np.uint8), mode="L")
    image.putpalette(palette.tobytes())
    return image


def enlarged_map(image: Image.Image, scale: int) -> Image.Image:
    """Return a map's image with every pixel as a square of scale x scale, its mode and palette kept."""
    if scale == 1:
        return image
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def sheet(
    label_map: np.ndarray, photo: Image.Image, spec: ClassSpec, footer: str, least: int = 1
) -> Image.Image:
    """Return map and photo side by side, with a legend of the classes in the map, largest first.

    Args:
        label_map: (H, W) ids.
        photo: of the map's size.
        spec: names and colours.
        footer: one line at the bottom.
        least: the factor by which both are enlarged at least.
    """
    scale = max(least, -(-_SHEET_SIDE // max(photo.size)))
    pictures = [picture_of_map(label_map, spec, scale), enlarge_photo(photo, scale)]
    legend = flow_legend(spec, pixel_shares(label_map, spec), sum(one.width for one in pictures))
    return comparison_sheet([pictures], ["label map", "photo"], legend=legend, footer=footer)
