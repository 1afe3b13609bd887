"""`RowStream`: a streamed data set of `datasets` with two image columns, read row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.samples import Sample
from dpsims_hub.labels.sources.rows import DEFAULT_COLUMNS, Columns, decode_row, pair_rows

if TYPE_CHECKING:
    import datasets


class RowStream:
    """Pairs in the rows of a stream; rows stay undecoded until `sample`.

    It can be pickled for worker processes. Its position is that of `rows`, which has `state_dict` and
    `load_state_dict`.

    Args:
        rows: The stream.
        spec: The classes.
        columns: Which columns hold photos, label maps and object numbers.
        stored: Whether label maps follow the spec's stored-value rule (the default) or hold plain ids.
        where: What messages call the stream.

    Raises:
        ValueError: If a column is missing or holds no images.
    """

    def __init__(
        self,
        rows: datasets.IterableDataset,
        spec: ClassSpec,
        columns: Columns = DEFAULT_COLUMNS,
        *,
        stored: bool = True,
        where: str = "the data set",
    ) -> None:
        self.spec = spec
        self.stored = stored
        self.rows = pair_rows(rows, columns, where)
        coded = bool(stored and spec.instance_coding)
        self.has_instances = coded or "instances" in self.rows.column_names

    @property
    def num_shards(self) -> int:
        """Number of files that can be read side by side, by processes and their workers."""
        return self.rows.num_shards

    def split(self, rank: int, world_size: int) -> RowStream:
        """Return the rows of one process: whole shards where their number is a multiple of `world_size`.

        Otherwise every process reads all rows and keeps one in `world_size`.

        Args:
            rank: Of the process, in [0, world_size).
            world_size: Number of processes.
        """
        from datasets.distributed import split_dataset_by_node

        rows = split_dataset_by_node(self.rows, rank, world_size)
        return RowStream(rows, self.spec, stored=self.stored)

    def sample(self, row: Mapping[str, Any], name: str = "") -> Sample:
        """Decode one row of `rows`.

        Args:
            row: {"image", "label" and perhaps "instances"}, each {"bytes", "path"}.
            name: What messages call the row, before the paths that it holds.

        Raises:
            LabelMapError: If an image is missing or damaged, a value is no class, or sizes differ.
        """
        return decode_row(row, self.spec, where=name, stored=self.stored)

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples of one epoch.

        Raises:
            LabelMapError: See `sample`.
        """
        for number, row in enumerate(self.rows):
            yield self.sample(row, f"row {number}")
