"""The pairs of a survey, from any data source, opened image by image, unpaired files not refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.image_files import open_image
from dpsims_hub.labels.reading.samples import Part
from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.labels.sources.folder import FolderDataset
from dpsims_hub.labels.sources.layouts import Listing, PairFiles, list_pairs
from dpsims_hub.labels.sources.rows import _part, row_name
from dpsims_hub.labels.sources.streams import RowStream
from dpsims_hub.labels.sources.tables import TableDataset
from dpsims_hub.labels.survey.faults import PairParts


@dataclass(frozen=True)
class OpenedSource:
    """An opened source.

    Args:
        spec: The classes.
        pairs: Every pair, once.
        total: How many there are, None for a stream.
        listing: Of a folder: its files, with those that lack a partner.
    """

    spec: ClassSpec
    pairs: Iterator[PairParts]
    total: int | None
    listing: Listing | None = None


def open_for_survey(source: DataSource) -> OpenedSource:
    """Open a source as training would, but leave files without partners to the survey.

    Args:
        source: A folder of pairs, or a data set of `datasets`.

    Raises:
        FileNotFoundError: If a folder, file, Hub data set or class list does not exist.
        ValueError: If the source cannot be opened.
    """
    if source.directory and not source.streaming:
        listing = list_pairs(source.directory, source.split or None, source.label_suffix)
        spec = ClassSpec.load(source.classes) if source.classes else listing.spec()
        return OpenedSource(spec, _pairs_of_listing(listing), len(listing.pairs), listing)
    data = source.open()
    if isinstance(data, RowStream):
        return OpenedSource(data.spec, _pairs_of_rows(data.rows), None)
    return OpenedSource(data.spec, _pairs_of_rows(data._rows), len(data))


def some_labels(
    data: FolderDataset | TableDataset | RowStream | Listing, count: int
) -> Iterator[Callable[[], Part]]:
    """Yield calls that open up to `count` label maps: spread over the data, or the first ones of a stream."""
    if isinstance(data, RowStream):
        for row in islice(data.rows, count):
            yield partial(_part, row, "label", row_name(row))
        return
    files = {Listing: "pairs", FolderDataset: "_pairs"}.get(type(data))
    items = data._rows if files is None else getattr(data, files)
    count = min(count, len(items))
    for index in (number * len(items) // count for number in range(count)):
        if files is not None:
            yield partial(_open_file, data.root / items[index].label)
        else:
            yield partial(_part, items[index], "label", f"row {index}")


def _pairs_of_listing(listing: Listing) -> Iterator[PairParts]:
    for pair in listing.pairs:
        yield _parts_of_files(listing.root, pair)


def _parts_of_files(root: Path, pair: PairFiles) -> PairParts:
    calls = (
        None if path is None else partial(_open_file, root / path)
        for path in (pair.photo, pair.label, pair.instances)
    )
    return PairParts(str(root / pair.photo), *calls)


def _open_file(path: Path) -> Part:
    return Part(open_image(path), str(path))


def _pairs_of_rows(rows: Any) -> Iterator[PairParts]:
    """Yield the pairs of undecoded rows, of a table or a stream."""
    for number, row in enumerate(rows):
        where = f"row {number}"
        roles = ("image", "label", "instances")
        calls = (partial(_part, row, role, where) if role in row else None for role in roles)
        yield PairParts(row_name(row, where), *calls)
