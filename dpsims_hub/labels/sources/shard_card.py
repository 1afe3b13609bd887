"""The `classes.json` and README.md beside parquet shards; `datasets` finds the splits in the README.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.storage.atomic_write import write_text_atomically

if TYPE_CHECKING:
    import pyarrow

CLASSES_KEY = b"dpsims_classes"  # in a schema's metadata; its value is the text of a classes.json
SHARD_NAME = re.compile(r"(?P<split>\w+(?:\.\w+)*)-\d{5}-of-\d{5}\.parquet")
CARD = """---
task_categories:
- image-to-image
---

# Photos with label maps

Each row holds the undecoded file of a photo (`image`) and that of its label map (`label`; its pixels are
values of `classes.json`, never colours to be blended){instances}. {count} classes, the list "{name}".

Written by `dpsims prepare-data`; the rows are shuffled, so that they can be streamed:

```bash
accelerate launch train_accelerate.py --dataset_name THIS_FOLDER_OR_HUB_ID --streaming
```

Licence: that of the photos and label maps; please write it here before you share them.
"""
OBJECTS = " and that of its object numbers (`instances`)"


def class_text(spec: ClassSpec) -> str:
    """Return the content of a `classes.json`; equal specs give equal text."""
    return json.dumps(spec.to_dict(), ensure_ascii=False, separators=(",", ":"))


def write_card(folder: Path, schema: pyarrow.Schema) -> None:
    """Write `classes.json` and README.md for the shards in `folder/data`, which have this schema.

    Rows and bytes of the splits are counted in the shards. An existing `classes.json` stays, and so do the
    text and the other metadata of an existing README.md.

    Raises:
        OSError: If the files cannot be written.
    """
    from huggingface_hub import DatasetCard

    classes = schema.metadata[CLASSES_KEY].decode()
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else _new_card(schema, classes)
    card = DatasetCard(text, ignore_metadata_errors=True)
    for key, value in _metadata(folder, schema).items():
        card.data[key] = value
    if not (folder / "classes.json").exists():
        write_text_atomically(folder / "classes.json", classes + "\n")
    write_text_atomically(readme, str(card))


def _new_card(schema: pyarrow.Schema, classes: str) -> str:
    spec = ClassSpec.from_dict(json.loads(classes))
    instances = OBJECTS if "instances" in schema.names else ""
    return CARD.format(count=spec.num_classes, name=spec.name, instances=instances)


def _metadata(folder: Path, schema: pyarrow.Schema) -> dict[str, Any]:
    """Return the metadata that `datasets` reads: files of each split, columns and sizes."""
    splits = _splits(folder)
    return {
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"data/{split}-*"} for split in splits],
            }
        ],
        "dataset_info": {
            "features": [{"name": name, "dtype": "image"} for name in schema.names],
            "splits": [{"name": split} | sizes for split, sizes in splits.items()],
        },
    }


def split_files(folder: Path) -> dict[str, list[Path]]:
    """Return the shards of each split in `folder/data`, in order."""
    splits: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("data/*.parquet")):
        if name := SHARD_NAME.fullmatch(path.name):
            splits.setdefault(name["split"], []).append(path)
    return splits


def _splits(folder: Path) -> dict[str, dict[str, int]]:
    """Return rows and uncompressed bytes of each split, train first."""
    import pyarrow.parquet

    splits: dict[str, dict[str, int]] = {}
    for split, paths in split_files(folder).items():
        shards = [pyarrow.parquet.read_metadata(path) for path in paths]
        groups = [shard.row_group(i) for shard in shards for i in range(shard.num_row_groups)]
        num_bytes = sum(group.total_byte_size for group in groups)
        splits[split] = {"num_bytes": num_bytes, "num_examples": sum(shard.num_rows for shard in shards)}
    return dict(sorted(splits.items(), key=lambda split: split[0] != "train"))
