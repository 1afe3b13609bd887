"""`TableDataset`: a map-style data set of `datasets` with two image columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.samples import Sample
from dpsims_hub.labels.sources.rows import DEFAULT_COLUMNS, Columns, PairRows, decode_row, row_name

if TYPE_CHECKING:
    import datasets


class TableDataset(PairRows):
    """Pairs in the rows of a table, decoded when a sample is read; see `PairRows`.

    Raises:
        ValueError: If a column is missing or holds no images, or the table is empty.
    """

    def __init__(
        self,
        rows: datasets.Dataset,
        spec: ClassSpec,
        columns: Columns = DEFAULT_COLUMNS,
        *,
        where: str = "the data set",
    ) -> None:
        if not len(rows):
            raise ValueError(f"{where}: holds no rows.")
        super().__init__(rows, spec, columns, where=where)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        """Decode sample `index`.

        Raises:
            IndexError: If `index` is outside the data set.
            LabelMapError: If an image is missing or damaged, a value is no class, or sizes differ.
        """
        return decode_row(self.rows[int(index)], self.spec, where=f"row {index}")

    def name(self, index: int) -> str:
        """Return the number of row `index` and the path of its photo, if any, for messages."""
        return row_name(self.rows[int(index)], f"row {index}")
