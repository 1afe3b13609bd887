"""The files beside parquet shards: `classes.json`, and the README.md in which `datasets` finds the splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.storage.atomic_write import write_text_atomically

if TYPE_CHECKING:
    import pyarrow

CLASSES_KEY = b"dpsims_classes"  # of a schema's metadata: the text of a classes.json
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
    """Return the content of a `classes.json`; equal lists give equal text."""
    return json.dumps(spec.to_dict(), ensure_ascii=False, separators=(",", ":"))


def write_card(folder: Path, schema: pyarrow.Schema) -> None:
    """Write `classes.json` and README.md for the shards in `folder/data`.

    The splits are counted anew from the shards. An existing `classes.json` stays, and so does what a person
    has written into README.md: its text, and its other metadata.

    Args:
        folder: Holds `data/SPLIT-*-of-*.parquet`.
        schema: That of the shards, with the class list in its metadata.

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
    """Return what `datasets` reads of a card: where each split lies and what its columns are."""
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


def _splits(folder: Path) -> dict[str, dict[str, int]]:
    """Return rows and uncompressed bytes of each split, train first."""
    import pyarrow.parquet

    splits: dict[str, dict[str, int]] = {}
    for path in sorted(folder.glob("data/*-of-*.parquet")):
        split = path.name.rsplit("-", 3)[0]
        sizes = splits.setdefault(split, {"num_bytes": 0, "num_examples": 0})
        shard = pyarrow.parquet.read_metadata(path)
        sizes["num_examples"] += shard.num_rows
        sizes["num_bytes"] += sum(shard.row_group(i).total_byte_size for i in range(shard.num_row_groups))
    return dict(sorted(splits.items(), key=lambda split: split[0] != "train"))
