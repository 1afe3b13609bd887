"""`RowStream`: a streamed data set of `datasets` with two image columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dpsims_hub.labels.reading.samples import Sample
from dpsims_hub.labels.sources.rows import PairRows, decode_row


class RowStream(PairRows):
    """Pairs in the rows of a stream, undecoded until `sample`; see `PairRows`.

    `rows.state_dict` and `rows.load_state_dict` hold its position.
    """

    @property
    def num_shards(self) -> int:
        """Number of files that processes and workers can read in parallel."""
        return self.rows.num_shards

    def sample(self, row: Mapping[str, Any], name: str = "") -> Sample:
        """Decode one row of `rows`; `name` is the prefix of its paths in messages.

        Raises:
            LabelMapError: If an image is missing or damaged, a value is no class, or sizes differ.
        """
        return decode_row(row, self.spec, where=name)

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples of one epoch; raises the errors of `sample`."""
        for number, row in enumerate(self.rows):
            yield self.sample(row, f"row {number}")
