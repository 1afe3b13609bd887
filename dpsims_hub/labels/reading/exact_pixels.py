"""Reading of the exact numbers that an image file stores; files whose numbers are uncertain are refused.

Decoders change numbers: 2-bit grey becomes 0..255, "white is zero" is inverted, 16-bit colours lose half of
their bits. Writers of GIF renumber the indices. `EXACT` lists the encodings whose numbers are unchanged, or
whose change is reversed here. All others are refused. docs/data.md describes the list.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.reading.image_files import LOSSY_FORMATS, check_size, decode
from dpsims_hub.labels.reading.netpbm_files import fault_of_netpbm
from dpsims_hub.labels.reading.tga_alpha import NO_OPACITY, UNKNOWN, alpha_of_tga
from dpsims_hub.labels.reading.turned_photos import ORIENTATION, turn_of

NUMBER_MODES = ("1", "L", "P", "I", "I;16", "I;16L", "I;16B")
COLOUR_MODES = ("RGB", "RGBA", "RGBX")
ALPHA_MODES = ("LA", "PA")
MODES = NUMBER_MODES + COLOUR_MODES + ALPHA_MODES
EXACT = {
    "PNG": "1 L;2 L;4 L I;16B LA RGB RGBA P;1 P;2 P;4 P",
    "BMP": "1 L P;1 P;4 P BGR BGRX BGRA RGBA XBGR BGXR ABGR BGAR",
    "TIFF": "1 1;R L;2 L;2R L;4 L;4R L L;R I;16 I;16B I;16N I;16R I;16S I;16BS I;32N I;32S I;32BS LA "
    "RGB RGB;R RGBX RGBA P;1 P;2 P;4 P P;R PA",
    "PPM": "L I I;16B RGB",
    "TGA": "L LA P BGR BGRA",
}
"""Pillow's raw modes by file format."""

PACKED_STEP = {"L;2": 85, "L;2R": 85, "L;4": 17, "L;4R": 17}  # Pillow stretches these to 0..255
LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp", "tiff_thunderscan", "tiff_sgilog", "tiff_sgilog24")
AS_PNG = "save the map as an 8- or 16-bit greyscale or palette PNG"
PHOTOMETRIC, SAMPLE_FORMAT, BITS = 262, 339, 258  # tags of TIFF
STRIP_OFFSETS, STRIP_COUNTS, ROWS_PER_STRIP = 273, 279, 278
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325
PLANES, SEPARATE = 284, 2
WHITE_IS_ZERO, SIGNED = 0, 2
TURNED = (
    "has an EXIF note to turn it, which readers follow or not; take the note away so that the map lies as "
    "its photo is seen"
)


def exact_pixels(image: Image.Image, name: str) -> np.ndarray:
    """Return the numbers (H, W) or the colours (H, W, 3 or 4) that an image stores.

    The image should be undecoded, because changes by a decoder cannot be detected afterwards. `name` is its
    name in messages.

    Raises:
        LabelMapError: If the image is empty, too large or damaged, or its numbers cannot be read exactly.
    """
    check_size(image.height, image.width, name)
    if reason := _change(image):
        raise LabelMapError(f"{name}: {reason}; {AS_PNG}.")
    if image.format == "TIFF" and image.tag_v2.get(ORIENTATION, 1) not in (0, 1):
        raise LabelMapError(f"{name}: {TURNED}.", "note")  # Pillow mixes up the rows of uncompressed files
    step = PACKED_STEP.get(_raw_mode(image), 1)
    is_tga = image.format == "TGA" and image.mode in ("RGBA", "LA") and _is_undecoded(image)
    alpha = alpha_of_tga(image) if is_tga else None
    decode(image, name)
    if turn_of(image):
        raise LabelMapError(f"{name}: {TURNED}.", "note")
    if alpha in (NO_OPACITY, UNKNOWN):
        return _without_alpha(np.asarray(image), alpha, name)
    if image.mode in ALPHA_MODES:
        return _without_opacity(np.asarray(image), name)
    if image.mode not in MODES:
        raise LabelMapError(
            f"{name}: has the image mode {image.mode}, which cannot hold a label map; "
            "save ids as an 8- or 16-bit greyscale or palette PNG, or colours as RGB."
        )
    pixels = np.asarray(image)
    pixels = pixels[..., :3] if image.mode == "RGBX" else pixels
    pixels = pixels // step if step > 1 else pixels
    _refuse_transparent(pixels, image, name)
    return pixels


def _change(image: Image.Image) -> str:
    """Return how the format or its decoder changes the numbers; "" if it does not."""
    if image.format in LOSSY_FORMATS:
        return f"is a {image.format} file, which changes ids and colours"
    if image.format == "GIF":
        return "is a GIF file, whose writers renumber the ids"
    if (frames := getattr(image, "n_frames", 1)) > 1:
        return f"holds {frames} pictures, and a label map is one"
    if image.format == "TIFF" and (reason := _change_of_tiff(image)):
        return reason
    if image.format not in EXACT or not _is_undecoded(image) or image.mode not in MODES:
        return ""  # in memory, decoded by the caller, or in no mode of label maps
    raw_mode = _raw_mode(image)
    if raw_mode not in EXACT[image.format].split() or not _fits(image, raw_mode):
        how = f"{image.format}, {raw_mode or 'unknown'}"
        return f"stores its pixels in a way ({how}) that changes when it is read"
    return fault_of_netpbm(image) if image.format == "PPM" else ""


def _is_undecoded(image: Image.Image) -> bool:
    return bool(getattr(image, "tile", None)) or getattr(image, "fp", None) is not None


def _raw_mode(image: Image.Image) -> str:
    """Return Pillow's raw mode of an undecoded image; "" if there is none."""
    tile = getattr(image, "tile", None)
    arguments = tile[0][3] if tile else ()
    if isinstance(arguments, tuple):
        return str(arguments[0]) if arguments else ""
    return str(arguments)


def _fits(image: Image.Image, raw_mode: str) -> bool:
    """Return whether the decoder keeps the numbers of this raw mode."""
    if image.format == "PPM" and image.tile[0][0] != "raw":
        return image.tile[0].args[1] == (65535 if image.mode == "I" else 255)
    if image.format == "BMP":
        wanted = {"1": 1, "L": 8}.get(raw_mode)  # Pillow also uses these two for palettes of greys
        return image.tile[0][0] == "raw" and wanted in (None, _bits_of_bmp(image))
    return True


def _bits_of_bmp(image: Image.Image) -> int:
    """Return the header's bits per pixel; its place depends on the header's size."""
    place = image.fp.tell()
    image.fp.seek(14)
    head = image.fp.read(16)
    image.fp.seek(place)
    at = 10 if head[0] == 12 else 14
    return int.from_bytes(head[at : at + 2], "little")


def _change_of_tiff(image: Image.Image) -> str:
    tags = image.tag_v2
    if (packing := image.info.get("compression")) in LOSSY_TIFF:
        return f"is a TIFF file compressed as {packing}, which changes ids and colours"
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        return 'is a TIFF file in which "white is zero", which only some readers invert'
    if set(_several(tags.get(SAMPLE_FORMAT, 1))) == {SIGNED} and set(_several(tags.get(BITS, 1))) == {8}:
        return "is a TIFF file of signed 8-bit numbers"
    if image.tile and image.tile[0][0] == "libtiff" and _raw_mode(image) in ("I;16BS", "I;32BS"):
        return "is a compressed TIFF file of signed big-endian numbers, whose bytes Pillow swaps twice"
    if _raw_mode(image) in ("P;1R", "P;2R", "P;4R"):
        return "is a TIFF file of palette indices whose bits are reversed (FillOrder 2)"
    if _lacks_parts(image):
        return "is a TIFF file that lacks some of its strips or tiles"
    return ""


def _lacks_parts(image: Image.Image) -> bool:
    """Return whether a TIFF has fewer strips or tiles than its size needs, or empty ones (a sparse file)."""
    tags, (width, height) = image.tag_v2, image.size
    tiled = TILE_OFFSETS in tags
    rows = tags.get(TILE_LENGTH if tiled else ROWS_PER_STRIP, height) or height
    across = -(-width // (tags.get(TILE_WIDTH) or width)) if tiled else 1
    planes = len(_several(tags.get(BITS, 1))) if tags.get(PLANES) == SEPARATE else 1
    needed = across * -(-height // rows) * planes
    offsets, counts = (TILE_OFFSETS, TILE_COUNTS) if tiled else (STRIP_OFFSETS, STRIP_COUNTS)
    places, sizes = (_several(tags.get(tag, ())) for tag in (offsets, counts))
    return len(places) < needed or 0 in places[:needed] or 0 in sizes[:needed]


def _several(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _without_alpha(pixels: np.ndarray, alpha: str, name: str) -> np.ndarray:
    """Return the numbers or colours without a last channel of no meaning."""
    if alpha == UNKNOWN and (pixels.shape[-1] == 2 or np.ptp(pixels[..., -1])):
        raise LabelMapError(
            f"{name}: is a TGA file that does not say whether the last byte of a pixel is opacity; {AS_PNG}."
        )
    return pixels[..., 0] if pixels.shape[-1] == 2 else pixels[..., :3]


def _without_opacity(pixels: np.ndarray, name: str) -> np.ndarray:
    if (pixels[..., 1] != 255).any():
        raise LabelMapError(f"{name}: is a greyscale map with transparency; save it without transparency.")
    return pixels[..., 0]


def _refuse_transparent(pixels: np.ndarray, image: Image.Image, name: str) -> None:
    """Refuse pixels that a list of indices, greys or colours (tRNS of PNG) makes transparent."""
    key = image.info.get("transparency")
    if key is None:
        return
    key = key > 0 if image.mode == "1" else key  # in this mode Pillow's key for 1 is 255
    if isinstance(key, bytes):  # the opacity of each index
        opacity = np.frombuffer(key.ljust(256, b"\xff"), np.uint8)
        clear = opacity[pixels.astype(np.intp)] < 255 if image.mode == "P" else np.zeros(1, bool)
    else:
        clear = (pixels[..., :3] == key).all(-1) if pixels.ndim == 3 else pixels == key
    if clear.any():
        raise LabelMapError(
            f"{name}: {clear.mean():.1%} of the pixels are transparent, which may mean a class or unknown; "
            "save the map without transparency."
        )
