"""Generated photos and their label maps as a data set on disk. A stopped run can be continued.

```text
FOLDER/images/NAME_k.png     photo k of the map NAME (or .jpg)
FOLDER/labels/NAME_k.png     its plain ids, of the photo's size, 8 or 16 bit
FOLDER/classes.json          the classes; its rule for stored values is "plain ids"
FOLDER/generation.json       what the photos were made with
FOLDER/metadata.jsonl        seed, label map and its SHA-256 of every photo; plan.jsonl until all are made
```

Every file is written atomically, the label before its photo: after a kill at any moment every photo is
complete and has its label. `load_dataset("imagefolder", data_dir=FOLDER)` reads `metadata.jsonl` as two image
columns.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dpsims_hub.generation.photo_plan import SEED_RULE, Plan
from dpsims_hub.labels import ClassSpec
from dpsims_hub.pictures.sheets import png_text
from dpsims_hub.storage.atomic_write import atomic_file
from dpsims_hub.storage.stored_settings import read_json_object

IMAGE_FORMATS = ("png", "jpg")
JPEG_QUALITY = 95  # our choice
ADVICE = "give the same settings to continue it, or choose another folder"


class PairedDatasetWriter:
    """Writes one data set, from one process or several.

    One process calls `check`, `begin` and `finish`. After `begin` any process may call `write`, and each pair
    is written by one process. The end of the `with` block unlocks the folder.

    Args:
        folder: of the data set; `begin` makes it where it is missing.
        image_format: of the photos, "png" or "jpg" (quality 95, full colour resolution).

    Raises:
        ValueError: `image_format` is another one.
    """

    def __init__(self, folder: Path, image_format: str = "png") -> None:
        if image_format not in IMAGE_FORMATS:
            raise ValueError(f"image_format must be {' or '.join(IMAGE_FORMATS)}, not {image_format!r}.")
        self.folder = folder
        self.image_format = image_format
        self._lock: int | None = None

    def __enter__(self) -> PairedDatasetWriter:
        return self

    def __exit__(self, *error: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def is_complete(self) -> bool:
        """Whether all photos are made."""
        return (self.folder / "metadata.jsonl").is_file()

    def check(self, settings: Mapping[str, Any], spec: ClassSpec) -> None:
        """Checks, without writing, that a run may begin or continue in the folder.

        `settings` are all that the photos depend on, as JSON values by name.

        Raises:
            ValueError: the folder holds other files, or was begun with other settings or classes.
        """
        path = self.folder / "generation.json"
        if not path.is_file():
            found = sorted(_visible(self.folder)) if self.folder.is_dir() else []
            if found:
                raise ValueError(
                    f"{self.folder}: holds {found[0]} but no generation.json, so it is not a data set of "
                    "this command; choose a new or empty folder."
                )
            return
        begun = read_json_object(path, "choose another folder").get("settings", {})
        for key in dict.fromkeys([*begun, *settings]):
            old, new = begun.get(key), settings.get(key)
            if old != new:
                raise ValueError(
                    f"{self.folder}: was begun with {_phrase(key, old)}, not {_phrase(key, new)}; {ADVICE}."
                )
        classes = self.folder / "classes.json"
        if classes.is_file() and read_json_object(classes, "choose another folder") != class_file(spec):
            raise ValueError(f"{self.folder}: was begun with other classes; {ADVICE}.")

    def begin(
        self, plan: Plan, settings: Mapping[str, Any], notes: Mapping[str, Any], spec: ClassSpec
    ) -> set[str]:
        """Locks the folder, writes the files that describe the data set, and removes unfinished files.

        `settings` are those of `check`. `notes` are further facts about the run that begins the data set, as
        JSON values. Returns the file stems of the finished pairs.

        Raises:
            ValueError: another run writes to the folder, the label maps have changed, or there are unknown
                files.
            OSError: the folder cannot be written.
        """
        _make_folder(self.folder)
        self._claim()
        self._check_maps(plan)
        described = {"settings": dict(settings), "seed_rule": SEED_RULE, **notes}
        for name, content in (("generation.json", described), ("classes.json", class_file(spec))):
            if not (self.folder / name).is_file():
                _write_atomically(self.folder / name, (json.dumps(content, indent=1) + "\n").encode())
        if not self.is_complete and not (self.folder / "plan.jsonl").is_file():
            self._write_plan(plan)
        for place in (self.folder, self.folder / "images", self.folder / "labels"):
            _make_folder(place)
            for leftover in place.glob(".*.tmp"):
                leftover.unlink(missing_ok=True)
        return self._finished(plan)

    def has(self, stem: str) -> bool:
        """Whether a pair is finished."""
        return self._image(stem).is_file() and self._label(stem).is_file()

    def write(self, stem: str, photo: Image.Image, label_png: bytes, facts: Mapping[str, str]) -> None:
        """Writes one pair, the label first; `label_png` is the result of `encode_label`.

        `facts` are stored in the photo: as text chunks of a PNG, or as JSON in the comment of a JPEG.

        Raises:
            OSError: a file cannot be written.
        """
        _write_atomically(self._label(stem), label_png)
        _write_atomically(self._image(stem), encode_photo(photo, self.image_format, facts))

    def finish(self, plan: Plan) -> None:
        """Marks the data set as complete.

        Raises:
            OSError: photos are missing, because a process ended early or files were deleted.
        """
        missing = len(plan) - len(self._finished(plan))
        if missing:
            raise OSError(f"{self.folder}: {missing} photos are missing; run the same command again.")
        if not self.is_complete:
            (self.folder / "plan.jsonl").replace(self.folder / "metadata.jsonl")

    def _image(self, stem: str) -> Path:
        return self.folder / "images" / f"{stem}.{self.image_format}"

    def _label(self, stem: str) -> Path:
        return self.folder / "labels" / f"{stem}.png"

    def _claim(self) -> None:
        """Locks the folder against a second run, until `__exit__` or the end of this process."""
        try:
            import fcntl
        except ImportError:  # Windows
            return
        self._lock = os.open(self.folder, os.O_RDONLY)
        try:
            with suppress(NotImplementedError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"{self.folder}: another run is writing to it; wait for its end, or choose another folder."
            ) from None
        except OSError:  # a file system without locks
            return

    def _check_maps(self, plan: Plan) -> None:
        """Checks that the maps of the plan are those that the data set was begun with."""
        path = self.folder / ("metadata.jsonl" if self.is_complete else "plan.jsonl")
        if not path.is_file():
            return
        with path.open(encoding="utf-8") as lines:
            for old, new in zip_longest(lines, self._lines(plan)):
                if old != new:
                    raise ValueError(f"{self.folder}: {_other_map(old, new)}; {ADVICE}.")

    def _lines(self, plan: Plan) -> Iterator[str]:
        """One line of JSON for each photo; imagefolder makes an image column of each `..._file_name`."""
        for index, one in enumerate(plan.maps):
            for number in range(plan.num_images):
                stem = plan.stem_of(index, number)
                line = {
                    "image_file_name": f"images/{stem}.{self.image_format}",
                    "label_file_name": f"labels/{stem}.png",
                    "seed": plan.seed_of(index, number),
                    "map": one.source,
                    "map_sha256": one.sha256,
                }
                yield json.dumps(line, ensure_ascii=False) + "\n"

    def _write_plan(self, plan: Plan) -> None:
        with (
            atomic_file(self.folder / "plan.jsonl", hidden=True) as unfinished,
            unfinished.open("w", encoding="utf-8", newline="\n") as file,
        ):
            file.writelines(self._lines(plan))

    def _finished(self, plan: Plan) -> set[str]:
        """The file stems of the finished pairs; ValueError if there are files of other names."""
        stems = set(plan.stems())
        found = []
        for place, suffix in (("images", f".{self.image_format}"), ("labels", ".png")):
            names = _visible(self.folder / place)
            strays = [name for name in names if not (name.endswith(suffix) and Path(name).stem in stems)]
            if strays:
                raise ValueError(
                    f"{self.folder / place}: {min(strays)} is not a file of this data set; move it elsewhere."
                )
            found.append({Path(name).stem for name in names})
        return found[0] & found[1]


def class_file(spec: ClassSpec) -> dict[str, Any]:
    """The content of classes.json for label files of plain ids."""
    return replace(spec, stored_values=(), ignore_values=(), instance_coding="").to_dict()


def encode_label(label_map: np.ndarray) -> bytes:
    """A label map (H, W) as PNG, of 8 bits for uint8 and 16 bits for uint16."""
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(label_map)).save(buffer, format="PNG")
    return buffer.getvalue()


def encode_photo(photo: Image.Image, image_format: str, facts: Mapping[str, str]) -> bytes:
    """A photo as PNG or JPEG with metadata, see `PairedDatasetWriter.write`."""
    buffer = BytesIO()
    if image_format == "jpg":
        comment = json.dumps(dict(facts)).encode()
        photo.save(buffer, format="JPEG", quality=JPEG_QUALITY, subsampling=0, comment=comment)
        return buffer.getvalue()
    photo.save(buffer, format="PNG", pnginfo=png_text(facts))
    return buffer.getvalue()


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"cannot make {path} ({error.strerror or error}); choose another folder.") from error


def _write_atomically(path: Path, content: bytes) -> None:
    with atomic_file(path, "repair that and run the same command again", hidden=True) as unfinished:
        unfinished.write_bytes(content)


def _visible(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if not entry.name.startswith(".")]


def _phrase(key: str, value: Any) -> str:
    return f"{key} {value}" if value is not None else f"no {key}"


def _other_map(old: str | None, new: str | None) -> str:
    """How two lines of the plan differ that should be equal, for a message."""
    then, now = (json.loads(line) if line else {} for line in (old, new))
    if then.get("map") == now.get("map"):
        return f"the label map {now.get('map')} has changed since it was begun"
    before, after = then.get("map", "none"), now.get("map", "none")
    return f"was begun with other label maps ({before} where {after} is now)"
