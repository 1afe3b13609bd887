"""`DataSource`: where pairs come from, as the command line names it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.sources.folder import FolderDataset
from dpsims_hub.labels.sources.named_data import NamedData, kind_of_folder
from dpsims_hub.labels.sources.rows import Columns
from dpsims_hub.labels.sources.streams import RowStream
from dpsims_hub.labels.sources.tables import TableDataset


@dataclass(frozen=True)
class DataSource:
    """A folder of pairs, or a data set of the `datasets` library, local or on the Hub.

    Either `directory` or `name` is given, and "" stands for the default everywhere.
    """

    directory: str = ""  # photos and label maps (`--train_data_dir`); see `list_pairs` for the layouts
    name: str = ""  # Hub id, or folder or file of parquet, webdataset or imagefolder (`--dataset_name`)
    config_name: str = ""  # of a Hub data set
    split: str = ""  # default: "train", and for a folder the folder itself
    revision: str = ""  # branch, tag or commit of a Hub data set
    image_column: str = "image"
    label_column: str = "label"
    instance_column: str = ""  # object numbers; default: `instances` if it exists
    classes: str = ""  # built-in list or path of a `classes.json`; default: the data set's list
    label_suffix: str = ""  # between stem and ending in the names of a folder's label maps
    streaming: bool = False  # read the rows of a named data set without building a table first
    cache_dir: str = ""  # folder of the tables; default: that of `datasets`

    def describe(self) -> str:
        """Return the name for messages, such as `data/camvid, split train, streamed`."""
        split = self.split or ("train" if self.name else "")
        parts = (self.directory or self.name, self.config_name, split and f"split {split}")
        return ", ".join(part for part in (*parts, "streamed" if self.streaming else "") if part)

    def open(self, spec: ClassSpec | None = None) -> FolderDataset | TableDataset | RowStream:
        """Open the data, with the classes of `spec`, else of `classes`, else of the data set.

        Raises:
            FileNotFoundError: If a folder, file, Hub data set or class list does not exist.
            ValueError: If both sources or none are named, a split or column is missing, or the data cannot be
                opened.
        """
        if bool(self.directory) == bool(self.name):
            which = "both name" if self.name else "neither names"
            raise ValueError(
                f"--train_data_dir and --dataset_name {which} the data; give one: a folder of pairs, or a "
                "Hub id or local parquet, webdataset or imagefolder."
            )
        if spec is None and self.classes:
            spec = ClassSpec.load(self.classes)
        return self._open_folder(spec) if self.directory else self._open_rows(spec)

    def _open_folder(self, spec: ClassSpec | None) -> FolderDataset:
        if self.streaming:
            raise ValueError(
                f"{self.directory}: a folder of pairs cannot be streamed; leave out --streaming, or make "
                "shards of it with `dpsims prepare-data` and name those with --dataset_name."
            )
        try:
            return FolderDataset(
                self.directory, spec, split=self.split or None, label_suffix=self.label_suffix
            )
        except FileNotFoundError as error:
            if (kind := kind_of_folder(Path(self.directory))) is None:
                raise
            raise ValueError(
                f"{self.directory}: holds {kind} and no images/ and labels/; open it with --dataset_name."
            ) from error

    def _open_rows(self, spec: ClassSpec | None) -> TableDataset | RowStream:
        if self.label_suffix:
            raise ValueError(
                f"{self.name}: --label_suffix is of a folder's files, and this data set has columns; name "
                "that of the label maps with --label_column."
            )
        data = NamedData(self.name, self.config_name, self.revision, self.cache_dir)
        split = data.split_name(self.split or "train")
        spec = spec or data.own_spec(split)
        columns = Columns(self.image_column, self.label_column, self.instance_column)
        if self.streaming:
            return RowStream(data.stream(split), spec, columns, where=self.name)
        return TableDataset(data.table(split), spec, columns, where=self.name)
