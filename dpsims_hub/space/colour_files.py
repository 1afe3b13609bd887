"""The colours of the classes as palettes of painting programs, named where the format has names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from dpsims_hub.labels import ClassSpec


def gimp_palette(spec: ClassSpec) -> bytes:
    """Return a palette for GIMP, Krita, Inkscape and MyPaint (`.gpl`): one colour with its name a line.

    Source: "GIMP Palette" text format, GIMP's developer documentation, devel-docs/gpl.txt (recalled).

    Args:
        spec: names and colours; unknown comes last.
    """
    rows = [*((*one.rgb, one.name) for one in spec.classes), (*spec.ignore_rgb, "unknown")]
    lines = [f"{red:3d} {green:3d} {blue:3d}\t{name}" for red, green, blue, name in rows]
    return "\n".join(["GIMP Palette", f"Name: {spec.name}", "Columns: 4", "#", *lines, ""]).encode()


def photoshop_table(spec: ClassSpec) -> bytes:
    """Return a colour table for Photoshop (`.act`): 256 RGB triples, their count, the transparent index.

    The positions are the ids, so that images of indexed colour made with it hold ids. The count and "no
    transparent index" (65535) are big-endian. Source: Adobe Photoshop File Formats Specification, "Color
    Table" (recalled).

    Args:
        spec: with more than 256 colours the last ones are left out.
    """
    table = np.zeros((256, 3), dtype=np.uint8)
    colours = np.array([one.rgb for one in spec.classes], dtype=np.uint8)[:256]
    table[: len(colours)] = colours
    count = len(colours)
    if spec.ignore_index < 256:
        table[spec.ignore_index] = spec.ignore_rgb
        count = max(count, spec.ignore_index + 1)
    return table.tobytes() + count.to_bytes(2, "big") + (0xFFFF).to_bytes(2, "big")


def palette_name(title: str, kind: str) -> str:
    """Return a name for a palette of a model's classes, safe on every system."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', title).strip('_') or 'dpsims'}_colours.{kind}"


PALETTES: Mapping[str, Callable[[ClassSpec], bytes]] = {"gpl": gimp_palette, "act": photoshop_table}
