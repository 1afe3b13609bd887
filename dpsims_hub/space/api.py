"""The endpoints for programs: `/models`, `/generate`, `/variations`, `/read_map`, in Gradio's queue.

MCP serves them as tools of the same names. Users read their docstrings, so one line describes each argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import gradio as gr
import numpy as np
from gradio.utils import get_function_description
from PIL import Image

from dpsims_hub.labels import pixel_shares
from dpsims_hub.space.map_string import encode
from dpsims_hub.space.model_registry import MAX_SEED, ModelInfo, ModelRegistry
from dpsims_hub.space.photo_request import MAX_PHOTOS, PhotoRequest, read_photo_request, read_seeds, shown
from dpsims_hub.space.photo_worker import BusyError, PhotoWorker
from dpsims_hub.space.uploads import read_map_file

Component = TypeVar("Component")
ONE_AT_A_TIME = {"concurrency_limit": 1, "concurrency_id": "photos"}


def add_endpoints(registry: ModelRegistry, worker: PhotoWorker) -> None:
    """Add the endpoints to the Blocks under construction, invisible on the page."""

    def models() -> list[dict[str, Any]]:
        """List the models of this Space, with the classes and the size of their label maps.

        Returns:
            For each model its name, width and height in pixels, classes (id, name, aliases, rgb in files) and
            the id of unknown pixels (ignore_index).
        """
        return [_model_facts(registry.find(entry["name"])) for entry in registry.list()]

    def generate(
        label_map: bytes | None = None,
        map_text: str = "",
        seed: float = 0,
        seed_b: float = 0,
        mix: float = 0.0,
        model: str = "",
        regions: list[dict[str, Any]] | None = None,
    ) -> Image.Image:
        """Make a photo of a label map, in which each pixel holds the id of a class.

        Regions give parts of the photo another look: {"class": "Sky", "seed": 3} all pixels of a class (name
        or id), {"region": map text of 0 and 1, "seed": 3} those that are 1.

        Args:
            label_map: label map file: PNG of class ids, palette PNG, or RGB in the model's exact colours.
            map_text: instead of a file, the map as text, as /read_map and the page's share links give it.
            seed: whole number from 0 to 2147483647; the same map and seed give the same photo.
            seed_b: seed of the style to mix in.
            mix: 0 is the style of seed, 1 that of seed_b; numbers between mix both.
            model: one of the models of this Space, by the name that /models gives; empty means the first.
            regions: parts with other seeds, a list as above; later ones lie on top.

        Returns:
            The photo, a PNG of the model's size.
        """
        model_info = _checked(registry.find, model)
        style = {"seed": seed, "seed_b": seed_b, "mix": mix}
        parts = _checked(with_class_ids, regions, model_info)
        photo_request = _read(model_info, label_map, map_text, style | {"regions": parts})
        return _checked(worker.photo, model_info, photo_request, wait=True)[0]

    def variations(
        label_map: bytes | None = None,
        map_text: str = "",
        seed: float = 0,
        count: float = 4,
        model: str = "",
    ) -> tuple[list[tuple[Image.Image, str]], list[int]]:
        """Make several photos of one label map, each with another seed.

        Args:
            label_map: label map file: PNG of class ids, palette PNG, or RGB in the model's exact colours.
            map_text: instead of a file, the map as text, as /read_map and the page's share links give it.
            seed: whole number for drawing the seeds of the photos; the same one gives the same photos.
            count: how many photos, 1 to 8.
            model: one of the models of this Space, by the name that /models gives; empty means the first.

        Returns:
            The photos, and their seeds, which /generate takes.
        """
        model_info = _checked(registry.find, model)
        photo_request = _read(model_info, label_map, map_text, {})
        seeds = _checked(read_seeds, {"seed": seed, "count": count})
        requests = [PhotoRequest(photo_request.label_map, one, one) for one in seeds]
        photos = [_checked(worker.photo, model_info, one, wait=True)[0] for one in requests]
        return [(photo, f"seed {one}") for photo, one in zip(photos, seeds, strict=True)], seeds

    def read_map(label_map: bytes, stored: bool = False, model: str = "") -> dict[str, Any]:
        """Read a label map file exactly, at the model's size, and say which classes it holds.

        Args:
            label_map: label map file: PNG of class ids, palette PNG, or RGB in the model's exact colours.
            stored: whether the numbers are those of the data set's own files (ADE20K: id + 1).
            model: one of the models of this Space, by the name that /models gives; empty means the first.

        Returns:
            The map as text, its width and height, the share of every class in it, and a note on the reading.
        """
        model_info = _checked(registry.find, model)
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
        button = gr.Button("run", visible=False)
        _wire(button, models, {"models": gr.JSON}, concurrency_limit=2)
        photos = partial(gr.Gallery, format="png", type="pil")
        _wire(button, generate, {"photo": partial(gr.Image, format="png", type="pil")}, **ONE_AT_A_TIME)
        _wire(button, variations, {"photos": photos, "seeds": gr.JSON}, **ONE_AT_A_TIME)
        _wire(button, read_map, {"map": gr.JSON}, concurrency_limit=2)


def _wire(button: gr.Button, endpoint: Callable, outputs: Mapping[str, Callable], **limits: Any) -> None:
    """Give an endpoint its components, with the descriptions in its docstring."""
    _, arguments, returns = get_function_description(endpoint)
    inputs = [_described(INPUTS[name](label=name), text) for name, text in arguments.items()]
    results = [_described(make(label=name), " ".join(returns)) for name, make in outputs.items()]
    for component in (*inputs, *results):
        component.visible = False  # otherwise the page loads its scripts, although the row is hidden
    button.click(endpoint, inputs, results, api_name=endpoint.__name__, **limits)


def _described(component: Component, text: str) -> Component:
    """Add a description to a component's schema; Gradio's clients show it, MCP shows the docstrings."""
    as_input: dict[str, Any] = component.api_info_as_input() | {"additional_description": text}
    as_output: dict[str, Any] = component.api_info_as_output() | {"description": text}
    component.api_info_as_input = lambda: as_input
    component.api_info_as_output = lambda: as_output
    return component


def _list_of_objects(label: str) -> gr.JSON:
    """Return a JSON component with a schema for MCP, which cannot use Gradio's schema {"type": {}}."""
    component = gr.JSON(label=label)
    component.api_info = lambda: {"type": "array", "items": {"type": "object"}}
    return component


INPUTS: Mapping[str, Callable] = {
    "label_map": partial(gr.File, type="binary"),  # "filepath" would leave an empty file for each call
    "map_text": partial(gr.Textbox, ""),
    "model": partial(gr.Textbox, ""),
    "seed": partial(gr.Number, 0, precision=0, minimum=0, maximum=MAX_SEED),
    "seed_b": partial(gr.Number, 0, precision=0, minimum=0, maximum=MAX_SEED),
    "mix": partial(gr.Number, 0.0, minimum=0, maximum=1),
    "count": partial(gr.Number, 4, precision=0, minimum=1, maximum=MAX_PHOTOS),
    "stored": partial(gr.Checkbox, False),
    "regions": _list_of_objects,
}


def with_class_ids(regions: Any, model_info: ModelInfo) -> Any:
    """Replace class names by ids in the regions of a request; nothing else is checked here.

    Raises:
        ValueError: the model has no class of that name.
    """
    if not isinstance(regions, list):
        return regions
    return [_with_class_id(region, model_info) for region in regions]


def _with_class_id(region: Any, model_info: ModelInfo) -> Any:
    if not isinstance(region, Mapping) or not isinstance(region.get("class"), str):
        return region
    try:
        return {**region, "class": model_info.spec.class_id(region["class"])}
    except KeyError:
        raise ValueError(f"{shown(region['class'])} is no class of {model_info.spec.name}.") from None


def _model_facts(model_info: ModelInfo) -> dict[str, Any]:
    """Return a model's description for programs, as JSON values."""
    known = model_info.describe()
    classes = [{key: one[key] for key in ("id", "name", "aliases", "rgb")} for one in known["classes"]]
    facts = {key: known[key] for key in ("name", "width", "height", "ignore_index")}
    return facts | {"classes": classes}


def _read(model_info: ModelInfo, file: bytes | None, text: str, request: dict[str, Any]) -> PhotoRequest:
    """Return the checked request of a program, which has either a file or a text."""
    if (file is None) == (not text):
        raise _refusal("give either label_map (a file) or map_text.")
    if file is not None:
        text = encode(_read_file(model_info, file, stored=False)[0])
    return _checked(read_photo_request, request | {"map": text}, model_info)


def _read_file(model_info: ModelInfo, file: bytes | None, stored: bool) -> tuple[np.ndarray, str]:
    if file is None:
        raise _refusal("give label_map, a file.")
    return _checked(read_map_file, file, "label_map", model_info, stored=stored)


def _checked(call: Any, *arguments: Any, **options: Any) -> Any:
    """Call a function; its refusals become messages for the user of the API."""
    try:
        return call(*arguments, **options)
    except (ValueError, BusyError) as error:
        raise _refusal(str(error)) from None


def _refusal(sentence: str) -> gr.Error:
    return gr.Error(sentence, print_exception=False)
