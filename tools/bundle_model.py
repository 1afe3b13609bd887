"""Write a trained model into the package: half precision, Hub layout, readable files.

    python tools/bundle_model.py outputs/camvid/pipeline dpsims_hub/bundled/camvid

The discriminator beside the pipeline is included: fine-tuning begins with it. Classes of a built-in list get
its aliases and kinds. README.md and segmenter/ of the destination stay as they are.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import torch

from dpsims_hub import DPSIMSDiscriminator, DPSIMSPipeline
from dpsims_hub.space.model_registry import with_known_aliases
from dpsims_hub.storage.atomic_write import atomic_folder

MAX_BYTES = 12_000_000  # limit of a pipeline in the package


def bundle(source: Path, destination: Path) -> int:
    """Write the pipeline at `source` to `destination` as float16 and return its size in bytes.

    The discriminator is that of `source`'s parent, or of `source`, if there is one; the size is without it.

    Raises:
        ValueError: the result is too large for the package; nothing is written.
    """
    pipe = DPSIMSPipeline.from_pretrained(source, dtype=torch.float16)
    if pipe.config.class_spec is not None:
        spec = replace(with_known_aliases(pipe.spec), name=destination.name)
        pipe.register_to_config(class_spec=spec.to_dict())
    with atomic_folder(destination) as unfinished:
        pipe.save_pretrained(unfinished)
        files = [path for path in unfinished.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        if size > MAX_BYTES:
            raise ValueError(f"{source}: {size} bytes in float16, above the package's limit of {MAX_BYTES}.")
        for folder in [place for place in (source, source.parent) if (place / "discriminator").is_dir()][:1]:
            trained = DPSIMSDiscriminator.from_pretrained(folder / "discriminator")
            trained.half().save_pretrained(unfinished / "discriminator")
        for path in unfinished.rglob("*.safetensors"):
            path.chmod(0o644)  # safetensors writes files that only their owner can read
        if destination.exists():
            for path in destination.glob("README.md"):
                shutil.copy(path, unfinished)
            for path in destination.glob("segmenter"):
                shutil.copytree(path, unfinished / path.name)
            shutil.rmtree(destination)
    return size


def main() -> None:
    """Parse the two folders and bundle."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="pipeline folder that training wrote")
    parser.add_argument("destination", type=Path, help="folder below dpsims_hub/bundled")
    arguments = parser.parse_args()
    print(f"{arguments.destination}: {bundle(arguments.source, arguments.destination)} bytes")


if __name__ == "__main__":
    main()
