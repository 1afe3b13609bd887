"""Photos per second and CPU core of every data source, as the training's data loader reads them.

Read, decode, crop, mirror, to uint8 and collate; one process, one thread, CPU time. The sources hold the same
pairs: a folder of JPEG and one of PNG, the shards of `dpsims prepare-data` and webdataset archives, each as a
table and streamed. Without --data the photos are synthetic (smooth noise with grain, JPEG quality 90).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tarfile
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dpsims_hub.commands import main as dpsims
from dpsims_hub.evaluation.report import format_table
from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.labels.sources.layouts import list_pairs
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.data_loader import TrainingDataLoader
from dpsims_hub.training.transform import PairTransform

CLASSES = ["ground", "sky", "tree", "house"]
BATCH, SHARDS, ROUNDS, QUALITY = 8, 8, 3, 90


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=256, help="pairs of each source (default: 256)")
    parser.add_argument("--size", type=int, default=512, help="side of the photos made (default: 512)")
    parser.add_argument("--crop", type=int, default=256, help="side of the crops (default: 256)")
    parser.add_argument("--data", help="a folder of pairs instead, read as a folder, shards and archives")
    arguments = parser.parse_args()
    if min(arguments.photos, arguments.size, arguments.crop) < BATCH:
        parser.error(f"--photos, --size and --crop must be at least {BATCH}.")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        sources = prepare(Path(name), arguments)
        rows = [("source", "read as", "photos/s and core", "ms CPU a photo", "MB a photo")]
        for kind, how, source, size in sources:
            seconds = measure(source, arguments.photos, arguments.crop)
            rate = f"{1 / seconds:.0f}"
            rows.append((kind, how, rate, f"{1000 * seconds:.2f}", f"{size / 1e6 / arguments.photos:.3f}"))
        print(format_table(rows))
    print(
        f"{arguments.photos} pairs, crops of {arguments.crop}x{arguments.crop}; best of {ROUNDS} passes in "
        "CPU time of one thread, files in the page cache."
    )


def prepare(root: Path, arguments: argparse.Namespace) -> list[tuple[str, str, DataSource, int]]:
    """(source, how it is read, its `DataSource`, bytes of its files), each with the same pairs."""
    folders = {"folder": Path(arguments.data)} if arguments.data else make_folders(root, arguments)
    found = []
    for kind, folder in folders.items():
        found.append((kind, "files", DataSource(directory=str(folder)), size_of(folder)))
    folder, cache = next(iter(folders.values())), str(root / "cache")
    shards, archives = root / "shards", root / "archives"
    prepared = ["prepare-data", str(folder), str(shards), "--num-shards", str(SHARDS)]
    prepared += ["--max-samples", str(arguments.photos)]
    with contextlib.redirect_stdout(io.StringIO()):
        if code := dpsims(prepared):
            raise SystemExit(code)
    write_archives(folder, archives, arguments.photos)
    for kind, place in (("parquet", shards), ("webdataset", archives)):
        for how, streaming in (("table", False), ("stream", True)):
            source = DataSource(name=str(place), streaming=streaming, cache_dir=cache)
            found.append((kind, how, source, size_of(place)))
    return found


def measure(source: DataSource, photos: int, crop: int) -> float:
    """Seconds of CPU time for a photo in the fastest pass of the training's data loader."""
    config = TrainConfig(train_batch_size=BATCH, dataloader_num_workers=0, shuffle_buffer_size=64)
    loader = TrainingDataLoader(config, source.open(), PairTransform((crop, crop), latent_dim=64))
    loader.start(0)
    loader.next()
    batches, passes = photos // BATCH, []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(batches):
            loader.next()
        passes.append(time.process_time() - begun)
    return min(passes) / (batches * BATCH)


def make_folders(root: Path, arguments: argparse.Namespace) -> dict[str, Path]:
    """The same photos as JPEG and as PNG."""
    folders = {kind: root / kind for kind in ("folder of JPEG", "folder of PNG")}
    for folder in folders.values():
        for part in ("images", "labels"):
            (folder / part).mkdir(parents=True)
        (folder / "classes.json").write_text(json.dumps(CLASSES))
    jpeg, png = folders.values()
    for number, (photo, label_map) in enumerate(made_pairs(arguments.photos, arguments.size)):
        photo.save(jpeg / "images" / f"{number:06}.jpg", quality=QUALITY)
        photo.save(png / "images" / f"{number:06}.png")
        for folder in folders.values():
            label_map.save(folder / "labels" / f"{number:06}.png")
    return folders


def made_pairs(count: int, size: int) -> Iterator[tuple[Image.Image, Image.Image]]:
    """Photos of smooth noise of three scales and grain, with maps of large regions."""
    for number in range(count):
        random = np.random.default_rng(number)
        photo = random.normal(0, 4, (size, size, 3))
        for cells, strength in ((4, 60), (16, 30), (64, 12)):
            photo += strength * smooth(random, cells, size)
        regions = smooth(random, 6, size)[..., 0]
        label_map = np.digitize(regions, (-0.4, 0, 0.4)).astype(np.uint8)
        yield Image.fromarray((photo + 128).clip(0, 255).astype(np.uint8)), Image.fromarray(label_map)


def smooth(random: np.random.Generator, cells: int, size: int) -> np.ndarray:
    """Noise (size, size, 3), enlarged from cells x cells values."""
    noise = random.normal(size=(3, cells, cells)).astype(np.float32)
    planes = [Image.fromarray(plane).resize((size, size), Image.Resampling.BICUBIC) for plane in noise]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def write_archives(folder: Path, target: Path, count: int) -> None:
    """Webdataset archives of a folder's pairs, files as they are."""
    listing = list_pairs(folder)
    target.mkdir()
    for shard in range(SHARDS):
        with tarfile.open(target / f"train-{shard:05}.tar", "w") as archive:
            for pair in islice(listing.pairs, shard, count, SHARDS):
                for role, path in (("image", pair.photo), ("label", pair.label)):
                    archive.add(listing.root / path, f"{pair.stem}.{role}{Path(path).suffix}")
    (target / "classes.json").write_text(json.dumps(listing.spec().to_dict()))


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
