"""Class colours as palette files of painting programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dpsims_hub.labels import ClassSpec


def gimp_palette(spec: ClassSpec) -> bytes:
    """Return a palette for GIMP, Krita, Inkscape and MyPaint (`.gpl`): one line for each colour and its name.

    The last line is "unknown". Source: "GIMP Palette" text format, GIMP's developer documentation,
    devel-docs/gpl.txt (recalled).
    """
    rows = [*((*one.rgb, one.name) for one in spec.classes), (*spec.ignore_rgb, "unknown")]
    lines = [f"{red:3d} {green:3d} {blue:3d}\t{name}" for red, green, blue, name in rows]
    return "\n".join(["GIMP Palette", f"Name: {spec.name}", "Columns: 4", "#", *lines, ""]).encode()


def photoshop_table(spec: ClassSpec) -> bytes:
    """Return a colour table for Photoshop (`.act`): 256 RGB triples, their count, the transparent index.

    Positions are ids, so images with indexed colours store ids. The count and "no transparent index" (65535)
    are big-endian. Only the first 256 classes are written. Source: Adobe Photoshop File Formats
    Specification, "Color Table" (recalled).
    """
    table = np.zeros((256, 3), dtype=np.uint8)
    colours = spec.palette[:256]
    table[: len(colours)] = colours
    count = len(colours)
    if spec.ignore_index < 256:
        table[spec.ignore_index] = spec.ignore_rgb
        count = max(count, spec.ignore_index + 1)
    return table.tobytes() + count.to_bytes(2, "big") + (0xFFFF).to_bytes(2, "big")


PALETTES: Mapping[str, Callable[[ClassSpec], bytes]] = {"gpl": gimp_palette, "act": photoshop_table}
