"""`TableDataset`: a map-style data set of `datasets` with two image columns."""

from __future__ import annotations

from dpsims_hub.labels.reading.samples import Sample
from dpsims_hub.labels.sources.rows import PairRows, decode_row, row_name


class TableDataset(PairRows):
    """Pairs in the rows of a table, decoded when a sample is read; see `PairRows`."""

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
