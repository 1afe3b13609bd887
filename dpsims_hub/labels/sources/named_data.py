"""Data sets of the `datasets` library by name: a Hub id, or local parquet, webdataset or imagefolder.

The library takes the most frequent file ending of a local folder as its format, so a `classes.json` beside a
single archive makes it "json". Here only formats that can hold pairs are considered. Each error of the
library becomes an error of one sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsims_hub.labels.classes.spec import BUILT_IN, ClassSpec
from dpsims_hub.labels.sources.folder_names import ARCHIVES
from dpsims_hub.labels.sources.shard_card import CLASSES_KEY
from dpsims_hub.storage.hidden_files import is_hidden
from dpsims_hub.storage.placeholder_files import HEAD, placeholder

if TYPE_CHECKING:
    import datasets

FORMATS = {".parquet": "parquet", ".tar": "webdataset"}
SPLIT_WORDS = {"train": "train", "training": "train", "test": "test"}
SPLIT_WORDS |= dict.fromkeys(("val", "valid", "validation"), "validation")  # as `datasets` reads file names
OTHER_SPLIT_NAMES = {"val": "validation", "validation": "val"}


class NamedData:
    """A data set that is located, but not yet read.

    `name` is a Hub id, or the path of a local folder or file. `config_name` and `revision` (branch, tag or
    commit) are those of a Hub data set, "" for the defaults. Tables are built in `cache_dir`, "" for the
    default of `datasets`.

    Raises:
        FileNotFoundError: If there is no such data set.
        ValueError: If its format is not known or the Hub cannot be reached.
    """

    def __init__(self, name: str, config_name: str = "", revision: str = "", cache_dir: str = "") -> None:
        import datasets

        self.name = name
        self.revision = revision or None
        self.path = Path(name).expanduser() if Path(name).expanduser().exists() else None
        if self.path is None and (name.startswith((".", "/", "~")) or name.count("/") > 1):
            raise FileNotFoundError(f"{name}: no such folder or file.")
        source, options = (name, {}) if self.path is None else _local_format(self.path)
        with _one_sentence(name):
            self._builder = datasets.load_dataset_builder(
                source, config_name or None, revision=self.revision, cache_dir=cache_dir or None, **options
            )

    def split_name(self, split: str) -> str:
        """Return the data set's name of a split: "val" also matches "validation", and the reverse.

        Raises:
            ValueError: If there is no such split.
        """
        known = self._builder.config.data_files or self._builder.info.splits or ()
        splits = [str(split) for split in known]
        base, bracket, part = split.partition("[")
        for name in (base, OTHER_SPLIT_NAMES.get(base, base)):
            if not splits or name in splits or "+" in name:
                return name + bracket + part
        raise ValueError(f"{self.name}: has no split {split!r}; it has {', '.join(splits)}.")

    def table(self, split: str) -> datasets.Dataset:
        """Return a split as a table, built in the cache the first time.

        Raises:
            ValueError: If the files cannot be read.
        """
        with _one_sentence(self.name):
            self._builder.download_and_prepare()
            return self._builder.as_dataset(split=split)

    def stream(self, split: str) -> datasets.IterableDataset:
        """Return a split as a stream; only the columns are read.

        Raises:
            ValueError: If the files cannot be read.
        """
        with _one_sentence(self.name):
            return self._builder.as_streaming_dataset(split=split)

    def own_spec(self, split: str) -> ClassSpec:
        """Return the classes of the data set's `classes.json`, else those in the schema of its parquet files.

        Raises:
            FileNotFoundError: If it has none.
            ClassSpecError: If they are not a usable class list.
        """
        if (path := self._class_file()) is not None:
            return ClassSpec.load(path)
        if (text := self._schema_classes(split.partition("[")[0])) is not None:
            return ClassSpec.from_dict(json.loads(text))
        raise FileNotFoundError(
            f"{self.name}: carries no class list (a classes.json, or dpsims_classes in its parquet files); "
            f"name one with --classes: {', '.join(BUILT_IN)}, or the path of a classes.json."
        )

    def _class_file(self) -> Path | None:
        """Return the `classes.json` beside the data, downloaded if they are on the Hub."""
        if self.path is not None:
            path = (self.path if self.path.is_dir() else self.path.parent) / "classes.json"
            return path if path.is_file() else None
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        with _one_sentence(self.name):
            try:
                return Path(
                    hf_hub_download(self.name, "classes.json", repo_type="dataset", revision=self.revision)
                )
            except (EntryNotFoundError, LocalEntryNotFoundError):
                return None

    def _schema_classes(self, split: str) -> bytes | None:
        """Return the class list (JSON) in the schema of the first parquet file."""
        files = (self._builder.config.data_files or {}).get(split, [])
        if not files or not str(files[0]).endswith(".parquet"):
            return None
        import pyarrow.parquet
        from datasets.utils.file_utils import xopen

        with _one_sentence(self.name), xopen(str(files[0]), "rb") as file:
            return (pyarrow.parquet.read_schema(file).metadata or {}).get(CLASSES_KEY)


def kind_of_folder(path: Path) -> str | None:
    """Return what a folder holds in place of pairs: "parquet files" or the like, or None."""
    words = {"parquet": "parquet files", "webdataset": "webdataset archives", "imagefolder": "an imagefolder"}
    return words.get(_format_of_folder(path)[0]) if path.is_dir() else None


def _local_format(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the library's reader for a local folder or file, and its arguments."""
    if path.is_file():
        if path.suffix not in FORMATS:
            hint = "; unpack it" if path.suffix.lower() in ARCHIVES else ""
            raise ValueError(f"{path}: is neither a .parquet nor a .tar file{hint}.")
        _check_fetched([path])
        return FORMATS[path.suffix], {"data_files": _by_split([path], path.parent)}
    reader, files = _format_of_folder(path)
    _check_fetched(files)  # also of a clone from the Hub without its large files
    if _has_configs(path / "README.md"):
        return str(path), {}
    if reader == "imagefolder":
        return reader, {"data_dir": str(path)}
    if reader:
        return reader, {"data_files": _by_split(files, path)}
    if (path / "images").is_dir():
        raise ValueError(f"{path}: is a folder of images; open a folder of pairs with --train_data_dir.")
    raise ValueError(f"{path}: holds no parquet files, webdataset archives or images with a metadata.jsonl.")


def _check_fetched(files: list[Path]) -> None:
    """Refuse a file that is empty or a pointer to another file."""
    for path in files:
        with path.open("rb") as file:
            instead = placeholder(file.read(HEAD))
        if instead.startswith(("empty", "a pointer", "a web page")):
            raise ValueError(f"{path}: is {instead}.")


def _format_of_folder(path: Path) -> tuple[str, list[Path]]:
    """Return the reader and its files; "" where there are none."""
    found = sorted(file for pattern in ("*", "*/*", "*/*/*") for file in path.glob(pattern) if file.is_file())
    found = [file for file in found if not is_hidden(file.relative_to(path))]
    if any(file.stem == "metadata" and file.suffix in (".jsonl", ".csv", ".parquet") for file in found):
        return "imagefolder", []
    for suffix, reader in FORMATS.items():
        if files := [file for file in found if file.suffix == suffix]:
            return reader, files
    return "", []


def _has_configs(card: Path) -> bool:
    """Return whether a data set's README.md lists its files."""
    from huggingface_hub import DatasetCard

    return card.is_file() and bool(DatasetCard.load(card).data.get("configs"))


def _by_split(files: list[Path], root: Path) -> dict[str, list[str]]:
    """Return the files by the split that their path below `root` names; "train" if it names none."""
    splits: dict[str, list[str]] = {}
    for file in files:
        name = file.relative_to(root).as_posix()
        words = [word for word in re.split(r"[^a-z]+", name.lower()) if word in SPLIT_WORDS]
        splits.setdefault(SPLIT_WORDS[words[0]] if words else "train", []).append(str(file))
    return splits


@contextmanager
def _one_sentence(name: str) -> Iterator[None]:
    """Turn errors of the library into one sentence that begins with the data set's name."""
    import datasets

    try:
        yield
    except datasets.exceptions.DatasetNotFoundError as error:
        raise FileNotFoundError(
            f"{name}: no such folder here and no such data set on the Hub, or a private one that you are not "
            "logged in for."
        ) from error
    except ConnectionError as error:
        raise ValueError(
            f"{name}: no such folder here, and the Hub cannot be reached for a data set of this name; check "
            "the connection, or give a local path."
        ) from error
    except Exception as error:  # datasets, the Hub's client, fsspec, pyarrow and httpx raise many types
        raise ValueError(f"{name}: cannot be opened as a data set ({_reason(error)}).") from error


def _reason(error: BaseException) -> str:
    """Return the message of the error that caused the others; the library wraps it."""
    while error.__cause__ is not None:
        error = error.__cause__
    if "BatchSize must be greater than 0" in str(error):  # pyarrow, of a file without rows
        return "a file of it holds no rows"
    return " ".join(" ".join(str(error).splitlines()[:2]).split()).rstrip(".") or type(error).__name__
