"""`FolderDataset`: a folder of photos and label maps, read in place."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.image_files import open_image
from dpsims_hub.labels.reading.samples import Part, Sample, make_sample
from dpsims_hub.labels.sources.layouts import Listing, PairFiles, list_pairs

SHOWN = 5  # names listed in a message


class FolderDataset:
    """Pairs of a folder by equal stem, sorted by stem; see `list_pairs` for the layouts.

    The plain layout is `images/STEM.jpg` (or jpeg, png, webp), `labels/STEM.png`, optional
    `instances/STEM.png` (8- or 16-bit object numbers), and a `classes.json` in the folder or in its parent.
    Files are opened when a sample is read, so the object is small and can be pickled for worker processes.

    Args:
        root: The folder, or its parent if `split` is given.
        spec: The classes; None reads the folder's `classes.json`, else the built-in list of the layout.
        split: Name of the split, such as "train".
        stored: Whether label files follow the spec's stored-value rule (default) or hold plain ids.
        label_suffix: See `list_pairs`.

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
        label_suffix: str = "",
    ) -> None:
        listing = list_pairs(root, split, label_suffix)
        check_listing(listing)
        self.root = listing.root
        self.stored = stored
        self.spec = spec if spec is not None else listing.spec()
        self.has_instances = listing.has_instances or bool(stored and self.spec.instance_coding)
        self.pairs = listing.pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        """Decode sample `index`.

        Raises:
            IndexError: If `index` is outside the data set.
            LabelMapError: If a file is missing or damaged, a value is no class, or the sizes differ.
        """
        return read_pair(self.root, self.pairs[index], self.spec, stored=self.stored)

    def name(self, index: int) -> str:
        """Return the path of photo `index`, for messages."""
        return str(self.root / self.pairs[index].photo)


def read_pair(root: Path, pair: PairFiles, spec: ClassSpec, *, stored: bool = True) -> Sample:
    """Open and decode one pair of a listing with this root.

    Raises:
        LabelMapError: If a file is missing or damaged, a value is no class, or photo and map differ in size.
    """
    paths = [None if path is None else root / path for path in (pair.photo, pair.label, pair.instances)]
    with ExitStack() as files:
        try:
            parts = [path and files.enter_context(Part(open_image(path), str(path))) for path in paths]
        except FileNotFoundError as error:
            raise LabelMapError(
                f"{str(error).removesuffix('.')}; it was there when the folder was listed."
            ) from error
        return make_sample(*parts, spec, stem=pair.stem, stored=stored)


def check_listing(listing: Listing) -> None:
    """Refuse a listing with a fault, in one sentence that counts and names the files.

    Raises:
        ValueError: If files lack partners or share a stem, or there are no pairs.
    """
    where = listing.root / listing.split if listing.layout == "folder" else listing.root
    if listing.unpaired:
        faults = "; ".join(_listed(what, names) for what, names in listing.unpaired.items())
        raise ValueError(f"{where}: {faults}{listing.hint and f'; {listing.hint}'}.")
    if not listing.pairs:
        raise ValueError(
            f"{where}: holds no photos (images/*.jpg, .jpeg, .png or .webp) and no maps (labels/*.png)."
        )


def _listed(what: str, names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} {what} ({', '.join(names[:SHOWN])}{more})"
