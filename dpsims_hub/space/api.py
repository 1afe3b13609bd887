"""The named endpoints for programs: `/generate`, `/variations`, `/read_map`, in Gradio's queue.

Over MCP they are tools of the same names. Their docstrings are what users of both read.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from dpsims_hub.labels import pixel_shares
from dpsims_hub.space.map_string import encode
from dpsims_hub.space.model_registry import MAX_SEED, ModelInfo, ModelRegistry
from dpsims_hub.space.photo_request import MAX_PHOTOS, PhotoRequest, read_photo_request, read_seeds
from dpsims_hub.space.photo_worker import BusyError, PhotoWorker
from dpsims_hub.space.uploads import read_map_file

ONE_AT_A_TIME = {"concurrency_limit": 1, "concurrency_id": "photos"}


def add_endpoints(registry: ModelRegistry, worker: PhotoWorker) -> None:
    """Add the endpoints to the Blocks under construction; nothing of them shows on the page.

    Args:
        registry: the models.
        worker: makes the photos.
    """

    def generate(
        label_map: bytes | None = None,
        map_text: str = "",
        seed: float = 0,
        seed_b: float = 0,
        mix: float = 0.0,
        model: str = "",
    ) -> Image.Image:
        """Make a photo of a label map, in which each pixel holds the id of a class.

        Args:
            label_map: label map file: PNG of class ids, palette PNG, or RGB in the model's exact colours.
            map_text: instead of a file, the map as text, as /read_map and the page's share links give it.
            seed: whole number from 0 to 2147483647; the same map and seed give the same photo.
            seed_b: seed of the style to mix in.
            mix: 0 is the style of seed, 1 that of seed_b, numbers between are on the way.
            model: one of the models of this Space; empty means the first.

        Returns:
            The photo, a PNG of the model's size.
        """
        model_info = _told(registry.find, model)
        photo_request = _read(model_info, label_map, map_text, {"seed": seed, "seed_b": seed_b, "mix": mix})
        return _told(worker.photo, model_info, photo_request, wait=True)[0]

    def variations(
        label_map: bytes | None = None,
        map_text: str = "",
        seed: float = 0,
        count: float = 4,
        model: str = "",
    ) -> tuple[list[tuple[Image.Image, str]], list[int]]:
        """Make several photos of one label map, each of another seed.

        Args:
            label_map: label map file: PNG of class ids, palette PNG, or RGB in the model's exact colours.
            map_text: instead of a file, the map as text, as /read_map and the page's share links give it.
            seed: whole number that the photos' own seeds are drawn from; the same one gives the same photos.
            count: how many photos, 1 to 8.
            model: one of the models of this Space; empty means the first.

        Returns:
            The photos, and their seeds, which /generate takes.
        """
        model_info = _told(registry.find, model)
        photo_request = _read(model_info, label_map, map_text, {})
        seeds = _told(read_seeds, {"seed": seed, "count": int(count)})
        photos = [
            _told(worker.photo, model_info, PhotoRequest(photo_request.label_map, one, one), wait=True)[0]
            for one in seeds
        ]
        return [(photo, f"seed {one}") for photo, one in zip(photos, seeds, strict=True)], seeds

    def read_map(label_map: bytes, stored: bool = False, model: str = "") -> dict[str, Any]:
        """Read a label map file exactly, at the model's size, and say which classes it holds.

        Args:
            label_map: label map file: PNG of class ids, palette PNG, or RGB in the model's exact colours.
            stored: whether the numbers are those of the data set's own files (ADE20K: id + 1).
            model: one of the models of this Space; empty means the first.

        Returns:
            The map as text, its width and height, the share of every class in it, and a note on the reading.
        """
        model_info = _told(registry.find, model)
        ids, note = _read_file(model_info, label_map, stored)
        names = model_info.spec.id2label | {model_info.spec.ignore_index: "unknown"}
        shares = pixel_shares(ids, model_info.spec)
        return {
            "map": encode(ids),
            "width": ids.shape[1],
            "height": ids.shape[0],
            "classes": {names[one]: round(share, 4) for one, share in shares.items()},
            "note": note,
        }

    with gr.Row(visible=False):
        _wire(generate, variations, read_map)


def _wire(generate: Any, variations: Any, read_map: Any) -> None:
    """Give each endpoint its components, which say what may come and what will go."""
    file = gr.File(
        label="label_map", type="binary"
    )  # as a path, Gradio would leave an empty file behind for each call
    text, model = gr.Textbox("", label="map_text"), gr.Textbox("", label="model")
    seed, seed_b = (_whole_number(name, 0, MAX_SEED, 0) for name in ("seed", "seed_b"))
    mix = gr.Number(0.0, label="mix", minimum=0, maximum=1)
    count = _whole_number("count", 1, MAX_PHOTOS, 4)
    stored = gr.Checkbox(False, label="stored")
    photo = gr.Image(label="photo", format="png", type="pil")
    photos = gr.Gallery(label="photos", format="png", type="pil")
    seeds, read = gr.JSON(label="seeds"), gr.JSON(label="map")
    button = gr.Button("run")
    button.click(
        generate, [file, text, seed, seed_b, mix, model], photo, api_name="generate", **ONE_AT_A_TIME
    )
    button.click(
        variations, [file, text, seed, count, model], [photos, seeds], api_name="variations", **ONE_AT_A_TIME
    )
    button.click(read_map, [file, stored, model], read, api_name="read_map", concurrency_limit=2)


def _whole_number(label: str, lowest: int, highest: int, value: int) -> gr.Number:
    return gr.Number(value, label=label, precision=0, minimum=lowest, maximum=highest)


def _read(model_info: ModelInfo, file: bytes | None, text: str, request: dict[str, Any]) -> PhotoRequest:
    """Return the checked request of a program, which gave either a file or a text."""
    if (file is None) == (not text):
        raise _refusal("give either label_map (a file) or map_text.")
    if file is not None:
        text = encode(_read_file(model_info, file, stored=False)[0])
    return _told(read_photo_request, request | {"map": text}, model_info)


def _read_file(model_info: ModelInfo, file: bytes | None, stored: bool) -> tuple[np.ndarray, str]:
    if file is None:
        raise _refusal("give label_map, a file.")
    return _told(read_map_file, file, "label_map", model_info, stored=stored)


def _told(call: Any, *arguments: Any, **options: Any) -> Any:
    """Call; what it refuses, the visitor is told in its sentence."""
    try:
        return call(*arguments, **options)
    except (ValueError, BusyError) as error:
        raise _refusal(str(error)) from None


def _refusal(sentence: str) -> gr.Error:
    return gr.Error(sentence, print_exception=False)
