"""`TableDataset`: a map-style data set of `datasets` with two image columns, used as `FolderDataset` is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.samples import Sample
from dpsims_hub.labels.sources.rows import DEFAULT_COLUMNS, Columns, decode_row, pair_rows, row_name

if TYPE_CHECKING:
    import datasets


class TableDataset:
    """Pairs in the rows of a table, decoded when a sample is asked for.

    Args:
        rows: The table.
        spec: The classes.
        columns: Which columns hold photos, label maps and object numbers.
        stored: Whether label maps follow the spec's stored-value rule (the default) or hold plain ids.
        where: What messages call the table.

    Raises:
        ValueError: If a column is missing or holds no images, or the table is empty.
    """

    def __init__(
        self,
        rows: datasets.Dataset,
        spec: ClassSpec,
        columns: Columns = DEFAULT_COLUMNS,
        *,
        stored: bool = True,
        where: str = "the data set",
    ) -> None:
        if not len(rows):
            raise ValueError(f"{where}: holds no rows.")
        self.spec = spec
        self.stored = stored
        self._rows = pair_rows(rows, columns, where)
        coded = bool(stored and spec.instance_coding)
        self.has_instances = coded or "instances" in self._rows.column_names

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index`, decoded now.

        Raises:
            IndexError: If `index` is outside the data set.
            LabelMapError: If an image is missing or damaged, a value is no class, or sizes differ.
        """
        return decode_row(self._rows[int(index)], self.spec, where=f"row {index}", stored=self.stored)

    def name(self, index: int) -> str:
        """Return what messages call pair `index`: its number, and the path of its photo if it has one."""
        return row_name(self._rows[int(index)], f"row {index}")
