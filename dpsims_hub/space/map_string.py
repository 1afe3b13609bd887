"""Label maps as short text, for the page, the server and share links.

    r1:{width}x{height}:{base64 of runs}

A run has four bytes: id and length as unsigned 16-bit numbers, low byte first. Runs follow the map row by
row and continue across rows; runs above 65535 pixels are split. Usual maps take 0.4 to 3 KB. Ids are class
ids or `ignore_index`, never colours.
"""

from __future__ import annotations

import base64
import binascii
import re

import numpy as np

from dpsims_hub.labels import ClassSpec, LabelMapError
from dpsims_hub.labels.reading.image_files import MAX_SIDE, check_size

_HEAD = re.compile(r"r1:([0-9]{1,5})x([0-9]{1,5}):")
_RUNS = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_RUN_BYTES = 4
_LONGEST_RUN = 65_535


def encode(label_map: np.ndarray) -> str:
    """Return the text of a map with ids in 0..65535, shape (H, W)."""
    height, width = label_map.shape
    flat = np.asarray(label_map, dtype=np.int64).ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=flat[0] - 1))
    lengths = np.diff(starts, append=flat.size)
    pieces = -(-lengths // _LONGEST_RUN)
    last = lengths - (pieces - 1) * _LONGEST_RUN
    runs = np.full((int(pieces.sum()), 2), _LONGEST_RUN, dtype="<u2")
    runs[:, 0] = np.repeat(flat[starts], pieces)
    runs[np.cumsum(pieces) - 1, 1] = last
    return f"r1:{width}x{height}:{base64.b64encode(runs.tobytes()).decode()}"


def decode(text: object, spec: ClassSpec | None = None, *, max_side: int = MAX_SIDE) -> np.ndarray:
    """Return the map of a text, shape (H, W), uint16.

    Args:
        text: any value; anything but a text in the form above is refused.
        spec: the classes, for checking ids; None accepts any id.
        max_side: the largest height and width, in pixels.

    Raises:
        LabelMapError: the text is malformed or too long, a side is too large, runs do not fill the map, or an
            id is no class.
    """
    width, height, runs = _parse(text)
    check_size(height, width, "the map")
    if max(height, width) > max_side:
        raise LabelMapError(
            f"the map is {width}x{height} px (width x height); the limit is {max_side} a side."
        )
    data = _decode_base64(runs, longest=_RUN_BYTES * width * height)
    if len(data) % _RUN_BYTES:
        raise LabelMapError(f"the runs of the map have {len(data)} bytes, which is no multiple of 4.")
    ids, lengths = np.frombuffer(data, dtype="<u2").reshape(-1, 2).T
    covered = int(lengths.sum(dtype=np.int64))
    if covered != width * height:
        raise LabelMapError(f"the runs of the map cover {covered} px of {width * height}.")
    if not lengths.all():
        raise LabelMapError("the map has a run of length 0; leave it out.")
    wrong = [] if spec is None else ids[(ids >= spec.num_classes) & (ids != spec.ignore_index)]
    if len(wrong):
        raise LabelMapError(
            f"the map holds id {int(wrong[0])}, which is no class of {spec.name} "
            f"(0..{spec.num_classes - 1}, {spec.ignore_index} = unknown)."
        )
    return np.repeat(ids, lengths).reshape(height, width)


def _parse(text: object) -> tuple[int, int, str]:
    """Return width, height and the text of the runs."""
    if not isinstance(text, str):
        raise LabelMapError(f"the map is not a text but {type(text).__name__}; send r1:WIDTHxHEIGHT:RUNS.")
    head = _HEAD.match(text)
    if head is None or text.count(":") != 2:
        raise LabelMapError("the map's text is malformed; send r1:WIDTHxHEIGHT:RUNS, runs in base64.")
    return int(head[1]), int(head[2]), text[head.end() :]


def _decode_base64(runs: str, longest: int) -> bytes:
    """Return the bytes of a base64 text, at most `longest`, since a map has no more runs than pixels."""
    limit = 4 * -(-longest // 3)
    if len(runs) > limit:
        raise LabelMapError(
            f"the runs of the map have {len(runs)} characters; the limit of its size is {limit}."
        )
    if not _RUNS.fullmatch(runs):
        raise LabelMapError("the map's text is malformed; send r1:WIDTHxHEIGHT:RUNS, runs in base64.")
    try:
        return base64.b64decode(runs, validate=True)
    except binascii.Error as error:
        raise LabelMapError("the runs of the map are not base64.") from error
