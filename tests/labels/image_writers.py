"""TIFF, BMP, TGA, Netpbm, GIF and animated PNG written byte by byte, so that tests do not lean on Pillow."""

from __future__ import annotations

import struct
import zlib

from tests.labels.png_files import PALETTE, _chunk, png_bytes

Rows = list[list[int]]


def packed(row: list[int], bits: int, order: str = "<") -> bytes:
    """Samples of one row at `bits` each, padded to whole bytes."""
    if bits >= 8:
        kind = {8: "B", 16: "H", 32: "I"}[bits]
        return b"".join(struct.pack(f"{order}{kind}", value & (2**bits - 1)) for value in row)
    text = "".join(f"{value:0{bits}b}" for value in row)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def tiff_bytes(
    rows: Rows,
    bits: int = 8,
    *,
    photometric: int = 1,
    samples: int = 1,
    sample_format: int = 1,
    orientation: int = 1,
    planes: list[bytes] | None = None,
    palette: list[int] | None = None,
    pages: int = 1,
    order: str = "<",
    fill_order: int = 1,
) -> bytes:
    """An uncompressed TIFF; palette entries are 16 bits each, all reds first."""
    data = planes or [b"".join(packed(row, bits, order) for row in rows)]
    out = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    for page in range(pages):
        tags = {
            256: (3, [len(rows[0]) // (1 if planes else samples)]),
            257: (3, [len(rows)]),
            258: (3, [bits] * samples),
            259: (3, [1]),
            262: (3, [photometric]),
            266: (3, [fill_order]),
            273: (4, [0] * len(data)),
            274: (3, [orientation]),
            277: (3, [samples]),
            278: (3, [len(rows)]),
            279: (4, [len(plane) for plane in data]),
            284: (3, [2 if planes else 1]),
            339: (3, [sample_format] * samples),
        } | ({320: (3, palette)} if palette else {})
        end = len(out) + 2 + 12 * len(tags) + 4
        extra, entries = b"", b""
        sizes = {tag: len(values) * (2 if kind == 3 else 4) for tag, (kind, values) in tags.items()}
        places = end + sum(size for size in sizes.values() if size > 4)
        tags[273] = (4, [places + sum(map(len, data[:number])) for number in range(len(data))])
        for tag, (kind, values) in sorted(tags.items()):
            body = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
            if len(body) > 4:
                entry, extra = struct.pack(f"{order}I", end + len(extra)), extra + body
            else:
                entry = body.ljust(4, b"\0")
            entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + entry
        following = places + sum(map(len, data)) if page + 1 < pages else 0
        out += struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", following) + extra
        out += b"".join(data)
    return out


def bmp_bytes(rows: Rows, bits: int, palette: bytes = b"", compression: int = 0, data: bytes = b"") -> bytes:
    """A BMP from the lowest row up; palette entries are blue, green, red, 0."""
    width = len(rows[0]) // {24: 3, 32: 4}.get(bits, 1)
    lines = [packed(row, 8 if bits >= 24 else bits) for row in reversed(rows)]
    data = data or b"".join(line + b"\0" * (-len(line) % 4) for line in lines)
    start = 14 + 40 + len(palette)
    head = struct.pack(
        "<IiiHHIIiiII", 40, width, len(rows), 1, bits, compression, len(data), 0, 0, len(palette) // 4, 0
    )
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + palette + data


def tga_bytes(rows: Rows, kind: int, depth: int, palette: bytes = b"") -> bytes:
    """A TGA from the highest row down; kind 1 has a palette (blue, green, red), 2 is colour, 3 is grey."""
    width = len(rows[0]) // {24: 3, 32: 4}.get(depth, 1)
    table = struct.pack("<HHB", 0, len(palette) // 3, 24 if palette else 0)
    head = (
        bytes([0, bool(palette), kind]) + table + struct.pack("<HHHHBB", 0, 0, width, len(rows), depth, 0x20)
    )
    return head + palette + b"".join(packed(row, 16 if depth == 16 else 8) for row in rows)


def netpbm_bytes(rows: Rows, magic: str, maxval: int | None = None) -> bytes:
    """PBM (P1, P4), PGM (P2, P5) or PPM (P3, P6); P1 to P3 are text."""
    width = len(rows[0]) // (3 if magic in ("P3", "P6") else 1)
    head = f"{magic}\n{width} {len(rows)}\n" + (f"{maxval}\n" if maxval else "")
    if magic in ("P1", "P2", "P3"):
        return (head + "\n".join(" ".join(map(str, row)) for row in rows) + "\n").encode()
    bits = 1 if magic == "P4" else 16 if maxval and maxval > 255 else 8
    return head.encode() + b"".join(packed(row, bits, ">") for row in rows)


def gif_bytes(rows: Rows, palette: bytes) -> bytes:
    """A GIF of up to 4 colours; a clear code before every two pixels keeps all codes at 3 bits."""
    codes, pixels = [], [value for row in rows for value in row]
    for at in range(0, len(pixels), 2):
        codes += [4, *pixels[at : at + 2]]
    bits = sum(code << 3 * number for number, code in enumerate([*codes, 5]))
    data = bits.to_bytes(len(codes) * 3 // 8 + 2, "little")
    size = struct.pack("<HH", len(rows[0]), len(rows))
    screen = b"GIF89a" + size + bytes([0x81, 0, 0]) + palette.ljust(12, b"\0")
    return screen + b"," + bytes(4) + size + b"\0\2" + bytes([len(data)]) + data + b"\0;"


def with_chunks(png: bytes, **chunks: bytes) -> bytes:
    """A PNG with further chunks before its data, by name."""
    at = png.index(b"IDAT") - 4
    return png[:at] + b"".join(_chunk(name.encode(), body) for name, body in chunks.items()) + png[at:]


def animated_png(rows: Rows) -> bytes:
    """An APNG of twice the same picture."""
    size = struct.pack(">II", len(rows[0]), len(rows))
    frame = size + bytes(8) + struct.pack(">HHBB", 1, 1, 0, 0)
    whole = with_chunks(png_bytes(rows), acTL=struct.pack(">II", 2, 0), fcTL=bytes(4) + frame)
    again = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    second = _chunk(b"fcTL", struct.pack(">I", 1) + frame) + _chunk(b"fdAT", struct.pack(">I", 2) + again)
    end = whole.index(b"IEND") - 4
    return whole[:end] + second + whole[end:]


def palette_png(rows: Rows, palette: bytes, opacity: bytes, depth: int = 8) -> bytes:
    """A palette PNG whose indices have an opacity."""
    return with_chunks(png_bytes(rows, depth=depth, kind=PALETTE, palette=palette), tRNS=opacity)
