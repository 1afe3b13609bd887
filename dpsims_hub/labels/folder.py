"""`FolderDataset`: a folder of photos and label maps, used as it lies."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from dpsims_hub.labels.errors import LabelMapError
from dpsims_hub.labels.image_files import decode, open_image
from dpsims_hub.labels.reading import read_label_map
from dpsims_hub.labels.spec import ClassSpec

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SHOWN = 5  # names listed in a message


class Sample(NamedTuple):
    """One pair: RGB photo, ids (H, W), file stem, and object numbers (H, W) if there is `instances/`."""

    image: Image.Image
    label_map: np.ndarray
    stem: str
    instance_ids: np.ndarray | None = None


class FolderDataset:
    """Pairs of `images/STEM.jpg` (or jpeg, png, webp) and `labels/STEM.png`, by equal stem, sorted by stem.

    The folder needs nothing else than a `classes.json` in it or in its parent. `instances/STEM.png` (8 or 16
    bit object numbers) is read where that folder exists. Files are opened when a sample is asked for, so that
    the object is small, can be pickled for worker processes, and costs no memory for many photos.

    Args:
        root: The folder that holds `images/` and `labels/`, or their parent when `split` is given.
        spec: The classes; None reads the folder's own `classes.json`.
        split: Subfolder of `root` to read, such as "train"; `classes.json` may lie beside it or in it.
        stored: Whether label files follow the spec's stored-value rule (the rule of the data set, the
            default) or hold plain ids.

    Raises:
        FileNotFoundError: If a folder or the class file is missing.
        ValueError: If the folder is empty, a file has no partner or two photos have one stem.
    """

    def __init__(
        self,
        root: str | Path,
        spec: ClassSpec | None = None,
        *,
        split: str | None = None,
        stored: bool = True,
    ) -> None:
        self.root = Path(root) / split if split else Path(root)
        self.stored = stored
        photos = _by_stem(_subfolder(self.root, "images"), PHOTO_SUFFIXES)
        labels = _by_stem(_subfolder(self.root, "labels"), (".png",))
        instances = self.root / "instances"
        objects = _by_stem(instances, (".png",)) if instances.is_dir() else None
        _check_pairs(self.root, photos, labels, objects)
        self.spec = spec if spec is not None else _own_spec(self.root)
        self.stems = sorted(photos)
        self._photo_names = [photos[stem].name for stem in self.stems]
        self._label_names = [labels[stem].name for stem in self.stems]
        self._instance_names = [objects[stem].name for stem in self.stems] if objects is not None else None

    def __len__(self) -> int:
        return len(self.stems)

    @property
    def has_instances(self) -> bool:
        """Whether samples carry `instance_ids`."""
        return self._instance_names is not None

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index`, decoded now.

        Raises:
            IndexError: If `index` is outside the data set.
            LabelMapError: If a file is damaged, a value is no class, or photo and map differ in size.
        """
        stem = self.stems[index]
        photo_path = self.photo_path(index)
        photo = read_photo(photo_path)
        label_map = read_label_map(self.label_path(index), self.spec, stored=self.stored)
        _check_same_size(photo.size[::-1], label_map.shape, photo_path, "label map")
        instance_ids = self._instance_ids(index, photo)
        return Sample(photo, label_map, stem, instance_ids)

    def photo_path(self, index: int) -> Path:
        """Return the path of photo `index`."""
        return self.root / "images" / self._photo_names[index]

    def label_path(self, index: int) -> Path:
        """Return the path of label map `index`."""
        return self.root / "labels" / self._label_names[index]

    def _instance_ids(self, index: int, photo: Image.Image) -> np.ndarray | None:
        if self._instance_names is None:
            return None
        path = self.root / "instances" / self._instance_names[index]
        image = open_image(path)
        decode(image, str(path))
        numbers = np.asarray(image)
        if numbers.ndim != 2:
            raise LabelMapError(
                f"{path}: object numbers must be an 8- or 16-bit greyscale PNG, not {image.mode}."
            )
        _check_same_size(photo.size[::-1], numbers.shape, self.photo_path(index), "instance map")
        return numbers.astype(np.int32)


def read_photo(path: str | Path) -> Image.Image:
    """Return the photo at `path` as RGB, turned upright by its EXIF orientation.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        LabelMapError: If it is no image, damaged, not 8 bits a channel, or has a side above 4096 px.
    """
    image = open_image(path)
    decode(image, str(path))
    if image.mode.startswith(("I", "F")):
        raise LabelMapError(
            f"{path}: has more than 8 bits a channel; save the photo as an 8-bit PNG or JPEG."
        )
    return ImageOps.exif_transpose(image).convert("RGB")


def _subfolder(root: Path, name: str) -> Path:
    folder = root / name
    if not root.is_dir():
        raise FileNotFoundError(
            f"{root}: no such folder; it should hold images/, labels/ and a classes.json."
        )
    if not folder.is_dir():
        inside = sorted(path.name for path in root.iterdir() if (path / name).is_dir())
        hint = f"; did you mean split={inside[0]!r}" if inside else ""
        raise FileNotFoundError(f"{root}: has no {name}/ folder{hint}.")
    return folder


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return the files of a folder by stem; hidden files and other kinds of file are passed over."""
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in suffixes:
            continue
        if path.stem in files:
            raise ValueError(
                f"{folder}: {files[path.stem].name} and {path.name} share one stem; remove one of them."
            )
        files[path.stem] = path
    return files


def _check_pairs(
    root: Path, photos: dict[str, Path], labels: dict[str, Path], objects: dict[str, Path] | None
) -> None:
    if not photos and not labels:
        raise ValueError(
            f"{root}: holds no photos (images/*.jpg, .jpeg, .png or .webp) and no maps (labels/*.png)."
        )
    faults = [
        _listed("photo(s) without labels/STEM.png", photos.keys() - labels.keys()),
        _listed("label map(s) without a photo", labels.keys() - photos.keys()),
        _listed(
            "photo(s) without instances/STEM.png",
            photos.keys() - objects.keys() if objects is not None else (),
        ),
    ]
    if any(faults):
        raise ValueError(f"{root}: {'; '.join(fault for fault in faults if fault)}.")


def _listed(what: str, stems: Iterable[str]) -> str:
    names = sorted(stems)
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} {what} ({', '.join(names[:SHOWN])}{more})"


def _own_spec(root: Path) -> ClassSpec:
    for folder in (root, root.resolve().parent):
        if (folder / "classes.json").is_file():
            return ClassSpec.load(folder / "classes.json")
    raise FileNotFoundError(
        f"{root}: no classes.json in it or in its parent; write one, or name a built-in class list."
    )


def _check_same_size(photo: tuple[int, int], other: tuple[int, ...], path: Path, what: str) -> None:
    if tuple(photo) != tuple(other):
        raise LabelMapError(
            f"{path}: the photo is {photo[0]} x {photo[1]} px (height x width), its {what} "
            f"{other[0]} x {other[1]}; make them equal (maps by nearest neighbour)."
        )
