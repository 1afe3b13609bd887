"""`dpsims demo`: the Space with the bundled models, or with --headless one picture of example layouts."""

import argparse
import os
import platform
import statistics
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dpsims_hub.commands.model_options import DTYPES, add_model_options, load_pipeline
from dpsims_hub.commands.options import add_option

if TYPE_CHECKING:
    from PIL import Image

    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

SEEDS = (0, 1)
COLUMNS = 2  # scenes side by side


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims demo`."""
    add_model_options(parser)
    parser.set_defaults(model=None)  # all bundled models
    add_option(parser, "--port", "port of the Space (default: the first free one from 7860)", parse=int)
    words = "no browser: draw the example layouts into a picture, and exit"
    add_option(parser, "--headless", words, action="store_true")
    add_option(parser, "--output", "picture of --headless", Path("outputs/demo.png"), parse=Path)


def run(arguments: argparse.Namespace) -> int:
    """Starts the Space until Ctrl-C, or draws the picture."""
    return draw_picture(arguments) if arguments.headless else serve_space(arguments)


def serve_space(arguments: argparse.Namespace) -> int:
    """Starts the Space, prints its address, and opens it in a browser where there is a screen."""
    from dpsims_hub.space.start import start_space

    app, address = start_space(
        arguments.model,
        port=arguments.port,
        device=arguments.device,
        dtype=None if arguments.dtype == "fp32" else DTYPES[arguments.dtype],
    )
    print(f"The Space is at {address} (Ctrl-C stops it).", flush=True)
    if has_screen():
        webbrowser.open(address)
    app.block_thread()
    return 0


def has_screen() -> bool:
    """Whether a graphical browser can open."""
    if sys.platform in ("darwin", "win32"):
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def draw_picture(arguments: argparse.Namespace) -> int:
    """Draws the picture, and prints its path and the time per photo of each model."""
    from dpsims_hub.bundled import NAMES
    from dpsims_hub.hub.pictures import example_maps
    from dpsims_hub.labels import read_label_map
    from dpsims_hub.pictures.sheets import save_picture, stack_pictures

    sheets, lines = [], []
    for model in [arguments.model] if arguments.model else NAMES:
        pipe = load_pipeline(model, arguments.device, arguments.dtype).optimize()
        paths = example_maps(pipe.spec)
        if not paths:
            known = " and ".join(NAMES)
            raise ValueError(f"{model}: there are example layouts for the classes of {known} only.")
        layouts = {path.stem.replace("_", " "): read_label_map(path, pipe.spec) for path in paths}
        photos, seconds = time_photos(pipe, list(layouts.values()))
        sheets.append(draw_sheet(pipe, layouts, photos, model))
        size = next(iter(layouts.values())).shape
        lines.append(f"{model}: {describe_time(pipe, seconds, size, arguments.dtype)}")
    save_picture(stack_pictures(sheets), arguments.output)
    print(arguments.output, *lines, sep="\n")
    return 0


def time_photos(
    pipe: "DPSIMSPipeline", layouts: list[np.ndarray]
) -> tuple[list[list["Image.Image"]], list[float]]:
    """Makes one photo of every layout (H, W) and seed, in one call each, after one warm-up call.

    Returns:
        The photos by layout and seed, and the seconds of each call, from ids in memory to a finished picture.
    """
    from dpsims_hub.evaluation.speed import timed_photo

    timed_photo(pipe, layouts[0], SEEDS[0])
    timed = [[timed_photo(pipe, layout, seed) for seed in SEEDS] for layout in layouts]
    return [[photo for photo, _ in row] for row in timed], [seconds for row in timed for _, seconds in row]


def draw_sheet(
    pipe: "DPSIMSPipeline", layouts: dict[str, np.ndarray], photos: list[list["Image.Image"]], model: str
) -> "Image.Image":
    """A sheet of the layouts (H, W), by title: the map and its photos, `COLUMNS` maps in a row, a legend."""
    from dpsims_hub import __version__
    from dpsims_hub.pictures.sheets import comparison_sheet, flow_legend, fold_rows, picture_of_map

    rows, captions = [], []
    for (title, layout), row in zip(layouts.items(), photos, strict=True):
        rows.append([picture_of_map(layout, pipe.spec, 1), *row])
        captions.append([title] + [f"seed {seed}" for seed in SEEDS])
    rows, captions = fold_rows(rows, COLUMNS), fold_rows(captions, COLUMNS)
    ids = np.unique(np.stack(list(layouts.values()))).tolist()
    width = sum(picture.width for picture in rows[0])
    return comparison_sheet(
        rows,
        ["label map", *["photo"] * len(SEEDS)] * COLUMNS,
        captions=captions,
        legend=flow_legend(pipe.spec, ids, width),
        footer=f"model {model}, dpsims_hub {__version__}; each photo is one pass over its map",
    )


def describe_time(pipe: "DPSIMSPipeline", seconds: list[float], size: tuple[int, int], dtype: str) -> str:
    """One line with the time of a photo and the conditions of the measurement."""
    import torch

    if pipe.device.type == "cuda":
        machine = torch.cuda.get_device_name(pipe.device)
    else:
        threads = f"{torch.get_num_threads()} of {os.cpu_count()} threads"
        machine = f"{pipe.device.type} {platform.machine()}, {threads}"
    return (
        f"time per photo: {statistics.median(seconds) * 1000:.0f} ms (median of {len(seconds)} calls after "
        f"one to warm up; label map in memory to finished picture of {size[1]}x{size[0]}, one at a time, "
        f"optimized, {dtype}; {machine})"
    )
