"""Files whose content is not what the name says: pointers of Git LFS or git-annex, other formats."""

from __future__ import annotations

HEAD = 200  # bytes that suffice to recognize a format
CONVERT, UNPACK = "convert it to a PNG or JPEG", "unpack it"
OTHER_FILES = {
    b"\x93NUMPY": f"an array of numpy; {CONVERT}",
    b"PK\x03\x04": f"a zip archive; {UNPACK}",
    b"\x1f\x8b": f"a gzip archive; {UNPACK}",
    b"%PDF": f"a PDF; {CONVERT}",
    b"8BPS": f"a file of Photoshop; {CONVERT}",
    b"gimp xcf": f"a file of GIMP; {CONVERT}",
    b"\x76\x2f\x31\x01": f"an OpenEXR of numbers with a point; {CONVERT}",
    b"\x89HDF": f"an HDF5 file; {CONVERT}",
    b"MATLAB 5.0": f"a file of MATLAB; {CONVERT}",
    b"\x5c\x01\x00\x00": f"a NIfTI volume; {CONVERT}",
    b"#?RADIANCE": f"a Radiance picture of numbers with a point; {CONVERT}",
    b"<svg": f"an SVG; {CONVERT}",
    b"<?xml": "XML, such as an error message of a server; get the file again",
}
HEIF = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")  # brands of phones' photos


def placeholder(head: bytes) -> str:
    """What a file with these first `HEAD` bytes is, and what to do; "" if none of these formats fits."""
    if not head:
        return "empty (0 bytes); get the file again"
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        return "a pointer of Git LFS; fetch the file with `git lfs pull`"
    if b"/annex/objects/" in head:
        return "a pointer of git-annex; fetch the file with `git annex get`"
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        return "a web page; download the file itself"
    if head[4:8] == b"ftyp" and head[8:12] in HEIF:
        return f"a HEIC photo under another name; {CONVERT}"
    return next((text for magic, text in OTHER_FILES.items() if head.startswith(magic)), "")


def remedy_of(instead: str) -> str:
    """The key of `labels.survey.advice.REMEDIES` for a text of `placeholder`; "" where it has none."""
    return next((key for key in ("git lfs pull", "git annex get", CONVERT, UNPACK) if key in instead), "")
