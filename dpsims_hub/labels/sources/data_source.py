"""`DataSource`: where pairs come from, as the flags say it, opened by one call."""

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
    """A folder of pairs, or a data set of `datasets`, local or on the Hub.

    Args:
        directory: A folder of photos and label maps (`--train_data_dir`); see `list_pairs` for the layouts.
        name: Instead of it, a Hub id, or a local folder or file of parquet, webdataset or imagefolder
            (`--dataset_name`).
        config_name: Which configuration of a Hub data set.
        split: Which split; "" means "train", and for a folder the folder itself.
        revision: Branch, tag or commit of a Hub data set.
        image_column: Column of the photos.
        label_column: Column of the label maps.
        instance_column: Column of the object numbers; "" takes `instances` where there is one.
        classes: A built-in class list or the path of a `classes.json`; "" takes the data set's own.
        label_suffix: What follows the photo's stem in the names of a folder's label maps, see `list_pairs`.
        streaming: Read a named data set row by row instead of building a table of it first.
        cache_dir: Where tables are built; "" means the library's own folder.
    """

    directory: str = ""
    name: str = ""
    config_name: str = ""
    split: str = ""
    revision: str = ""
    image_column: str = "image"
    label_column: str = "label"
    instance_column: str = ""
    classes: str = ""
    label_suffix: str = ""
    streaming: bool = False
    cache_dir: str = ""

    def describe(self) -> str:
        """Return what messages call it, such as `data/camvid, split train, streamed`."""
        split = self.split or ("train" if self.name else "")
        parts = (self.directory or self.name, self.config_name, split and f"split {split}")
        return ", ".join(part for part in (*parts, "streamed" if self.streaming else "") if part)

    def open(self, spec: ClassSpec | None = None) -> FolderDataset | TableDataset | RowStream:
        """Open the data; every failure is one sentence.

        Args:
            spec: The classes, known already; None takes those of `classes` or the data set's own.

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
