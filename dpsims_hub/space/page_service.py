"""Server functions of the page: each takes one object and returns one.

They bypass Gradio's queue, so they check and limit all input. Visitors see an error as one sentence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image

from dpsims_hub.labels import ClassSpec
from dpsims_hub.pictures.sheets import enlarge_photo
from dpsims_hub.space.colour_files import PALETTES
from dpsims_hub.space.downloads import data_url, jpeg_url, map_image, png_url, sheet
from dpsims_hub.space.fitting import CROPPED, fit
from dpsims_hub.space.map_repair import Values, read_values, survey, with_table
from dpsims_hub.space.map_string import encode
from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
from dpsims_hub.space.photo_request import PhotoRequest, read_photo_request, read_seeds, shown
from dpsims_hub.space.photo_worker import BusyError, PhotoWorker
from dpsims_hub.space.scene_facts import as_shown, file_name, reroll_names, safe_stem, scene_facts, sentence
from dpsims_hub.space.segmenter import Segmenters, as_label_map, read_photo
from dpsims_hub.space.uploads import clean_name, content_of, one_reader, open_upload, read_map_file

Request = Mapping[str, Any]
Answer = dict[str, Any]
Call = Callable[[Request, ModelInfo], Answer]
KINDS = ("photo", "map", "both")
SCALES = (1, 4)
_LOG = logging.getLogger(__name__)


class PageService:
    """Answers the requests of a page; each method documents one of them.

    `segmenter` turns photos into label maps for all models; "" means the segmenter of each model.
    """

    def __init__(self, registry: ModelRegistry, worker: PhotoWorker, segmenter: str = "") -> None:
        self._registry = registry
        self._worker = worker
        self._segmenters = Segmenters(segmenter)
        self._scene_photos: dict[tuple[str, str], str] = {}

    def functions(self) -> list[Callable[[Any], Answer]]:
        """Return the server functions for the page's component."""
        files = [self.read_map, self.read_photo, self.inspect_map, self.repair_map]
        photos = [self.live, self.variations, self.scene_photo]
        calls = [*photos, *files, self.download, self.palette, self.switch_model]
        return [answered(call, self._registry) for call in calls]

    def live(self, request: Request, model_info: ModelInfo) -> Answer:
        """Return {"photo": JPEG data URL, "ms": milliseconds of the network} for a request."""
        photo, ms = self._worker.photo(model_info, read_photo_request(request, model_info))
        return {"photo": jpeg_url(photo), "ms": round(ms, 1)}

    def variations(self, request: Request, model_info: ModelInfo) -> Answer:
        """Return {"photos": data URLs, "seeds", "ms"} for the request with other seeds; see `read_seeds`.

        With `background` they are refused while other photos are requested.
        """
        photo_request, seeds = read_photo_request(request, model_info), read_seeds(request)
        background = bool(request.get("background"))
        photos, total = [], 0.0
        for number, seed in enumerate(seeds):  # queued one by one, so that other visitors take turns
            one = PhotoRequest(photo_request.label_map, seed, seed, 0.0, photo_request.regions)
            wait = number > 0 and not background
            photo, ms = self._worker.photo(model_info, one, wait=wait, background=background)
            photos.append(jpeg_url(photo))
            total += ms
        return {"photos": photos, "seeds": seeds, "ms": round(total, 1)}

    def read_map(self, request: Request, model_info: ModelInfo) -> Answer:
        """Return {"map": text, "note"} for a label map file, sent as {"file": name, "data": base64}.

        With `whole`, a map of other proportions gets bands beside it instead of being cropped. If the map was
        cropped, the answer has `cropped`.
        """
        stored, whole = (bool(request.get(key)) for key in ("stored", "whole"))
        label_map, note = read_map_file(*_file_of(request), model_info, stored=stored, whole=whole)
        return {"map": encode(label_map), "note": note} | ({"cropped": True} if CROPPED in note else {})

    def inspect_map(self, request: Request, model_info: ModelInfo) -> Answer:
        """Return the `survey` of an inexact map file; the request is as for `read_map`."""
        return survey(_values_of(request), model_info.spec)

    def repair_map(self, request: Request, model_info: ModelInfo) -> Answer:
        """Return {"map": text, "note"} for an inexact map file, by `table` (ids by value); see `read_map`."""
        label_map = with_table(_values_of(request), model_info, request.get("table") or {})
        border = model_info.spec.ignore_index if request.get("whole") else None
        label_map, note = fit(label_map, model_info.size, border)
        return {"map": encode(label_map), "note": note}

    def palette(self, request: Request, model_info: ModelInfo) -> Answer:
        """Return {"name", "data": data URL} of a file with the classes' colours; `kind` is gpl or act."""
        kind = request.get("kind")
        if not isinstance(kind, str) or kind not in PALETTES:
            raise ValueError(f"kind must be one of {', '.join(PALETTES)}, not {shown(kind)}.")
        data = data_url(PALETTES[kind](model_info.spec), "application/octet-stream")
        return {"name": f"{safe_stem(model_info.key)}_colours.{kind}", "data": data}

    def read_photo(self, request: Request, model_info: ModelInfo) -> Answer:
        """Return {"map": text, "note", "photo": data URL}: a photo at the model's size, and its segmentation.

        The request is as for `read_map`.
        """
        segmenter = self._segmenters.find(model_info)
        content, name = _file_of(request)
        with one_reader(), open_upload(content, name) as image:
            photo = read_photo(image, name, model_info.size)
        label_map, note = as_label_map(*self._worker.segment(segmenter, photo), model_info.spec)
        return {"map": encode(label_map), "note": note, "photo": jpeg_url(photo)}

    def download(self, request: Request, model_info: ModelInfo) -> Answer:
        """Return {"name", "data": PNG data URL} for a request.

        The request is as for `live`, with `kind` (photo, map or both), `scale` (1 or 4), `colours` (of the
        classes, as shown) and `palette` (the name of the colours). The file holds the whole scene, see
        `scene_facts`.
        """
        kind, scale = request.get("kind"), request.get("scale", 1)
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {shown(kind)}.")
        if isinstance(scale, bool) or not isinstance(scale, int) or scale not in SCALES:
            raise ValueError(f"scale must be 1 or 4, not {shown(scale)}.")
        photo_request = read_photo_request(request, model_info)
        facts = scene_facts(request, photo_request, model_info.key)
        spec = as_shown(model_info.spec, request.get("colours"))
        footer = sentence(model_info.key, photo_request, reroll_names(request, spec), facts["palette"])
        image = self._picture(model_info, photo_request, spec, kind, scale, footer)
        name = file_name(model_info.key, kind, photo_request, facts["palette"], scale)
        return {"name": name, "data": png_url(image, facts)}

    def scene_photo(self, request: Request, model_info: ModelInfo) -> Answer:
        """Return {"photo": JPEG data URL} of an example `scene` of the model; each photo is made once."""
        name = request.get("scene")
        found = [text for title, text in model_info.examples if title == name]
        if not found:
            raise ValueError(f"{model_info.key} has no example scene {shown(name)}.")
        key = (model_info.key, name)
        if key not in self._scene_photos:
            photo_request = read_photo_request({"map": found[0]}, model_info)
            self._scene_photos[key] = jpeg_url(self._worker.photo(model_info, photo_request)[0])
        return {"photo": self._scene_photos[key]}

    def switch_model(self, request: Request, model_info: ModelInfo) -> Answer:
        """Return the description of another model, and start loading it."""
        self._worker.prepare(model_info)
        return self.describe(model_info)

    def describe(self, model_info: ModelInfo) -> Answer:
        """Return the model's description for the page; `no_photos` is why it opens no photos, or ""."""
        return model_info.describe() | {"no_photos": self._segmenters.why_none(model_info)}

    def _picture(
        self,
        model_info: ModelInfo,
        photo_request: PhotoRequest,
        spec: ClassSpec,
        kind: str,
        scale: int,
        footer: str,
    ) -> Image.Image:
        if kind == "map":
            return map_image(photo_request.label_map.repeat(scale, 0).repeat(scale, 1), spec)
        photo, _ = self._worker.photo(model_info, photo_request)
        if kind == "photo":
            return enlarge_photo(photo, scale)
        return sheet(photo_request.label_map, photo, spec, footer, least=scale)


def _file_of(request: Request) -> tuple[bytes, str]:
    """Return content and name of the file in a request."""
    name = clean_name(request.get("file"))
    return content_of(request.get("data"), name), name


def _values_of(request: Request) -> Values:
    content, name = _file_of(request)
    with one_reader(), open_upload(content, name) as image:
        return read_values(image, name)


def answered(call: Call, registry: ModelRegistry) -> Callable[[Any], Answer]:
    """Return a server function: it finds the model of a request, calls, and answers with errors as text."""

    def answer(request: Any) -> Answer:
        if not isinstance(request, Mapping):
            return {"error": "the request must be one object."}
        try:
            return call(request, registry.find(request.get("model")))
        except BusyError as error:
            return {"busy": True, "retry_ms": error.retry_ms, "why": error.why}
        except ValueError as error:
            return {"error": str(error)}
        except Exception:  # visitors get no details; the log has them
            _LOG.exception("%s failed", call.__name__)
            return {"error": "something went wrong on the server; try again."}

    answer.__name__ = call.__name__  # not functools.wraps: Gradio reads the signature
    return answer
