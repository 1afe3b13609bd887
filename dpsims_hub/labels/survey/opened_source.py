"""Pairs of any data source for a survey: images undecoded, unpaired files allowed."""

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
from dpsims_hub.labels.sources.layouts import Listing, list_pairs
from dpsims_hub.labels.sources.rows import open_part, row_name
from dpsims_hub.labels.sources.streams import RowStream
from dpsims_hub.labels.sources.tables import TableDataset
from dpsims_hub.labels.survey.faults import COLUMNS, PairParts


@dataclass(frozen=True)
class OpenedSource:
    """An opened source: every pair once, and their number (None for a stream).

    `listing` lists the files of a folder, with those that lack a partner.
    """

    spec: ClassSpec
    pairs: Iterator[PairParts]
    total: int | None
    listing: Listing | None = None


def open_for_survey(source: DataSource) -> OpenedSource:
    """Open a source as training does, except that files without partners are allowed.

    Raises:
        FileNotFoundError: If a folder, file, Hub data set or class list does not exist.
        ValueError: If the source cannot be opened.
    """
    if source.directory and not source.streaming:
        listing = list_pairs(source.directory, source.split or None, source.label_suffix)
        spec = ClassSpec.load(source.classes) if source.classes else listing.spec()
        return OpenedSource(spec, _pairs_of_listing(listing), len(listing.pairs), listing)
    data = source.open()
    total = None if isinstance(data, RowStream) else len(data)
    return OpenedSource(data.spec, _pairs_of_rows(data.rows), total)


def some_labels(
    data: FolderDataset | TableDataset | RowStream | Listing, count: int
) -> Iterator[Callable[[], Part]]:
    """Yield calls that open up to `count` label maps: evenly spaced ones, or the first ones of a stream."""
    if isinstance(data, RowStream):
        for row in islice(data.rows, count):
            yield partial(open_part, row, "label", row_name(row))
        return
    is_table = isinstance(data, TableDataset)
    items = data.rows if is_table else data.pairs
    count = min(count, len(items))
    for index in (number * len(items) // count for number in range(count)):
        if is_table:
            yield partial(open_part, items[index], "label", f"row {index}")
        else:
            yield partial(_open_file, data.root / items[index].label)


def _pairs_of_listing(listing: Listing) -> Iterator[PairParts]:
    root = listing.root
    for pair in listing.pairs:
        paths = zip(COLUMNS, (pair.photo, pair.label, pair.instances), strict=True)
        calls = {column: partial(_open_file, root / path) for column, path in paths if path is not None}
        yield PairParts(str(root / pair.photo), calls)


def _open_file(path: Path) -> Part:
    return Part(open_image(path), str(path))


def _pairs_of_rows(rows: Any) -> Iterator[PairParts]:
    for number, row in enumerate(rows):
        where = f"row {number}"
        roles = zip(COLUMNS, ("image", "label", "instances"), strict=True)
        calls = {column: partial(open_part, row, role, where) for column, role in roles if role in row}
        yield PairParts(row_name(row, where), calls)
