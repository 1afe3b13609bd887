"""What the page asks for while somebody paints: plain functions, one object in, one object out.

They bypass Gradio's queue, so everything is checked and bounded here; nothing but sentences meant for
visitors leaves.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from PIL import Image

from dpsims_hub.labels import ClassSpec, LabelMapError
from dpsims_hub.pictures.sheets import enlarge_photo
from dpsims_hub.space.colour_files import PALETTES, palette_name
from dpsims_hub.space.downloads import enlarged_map, jpeg_url, map_image, png_url, sheet
from dpsims_hub.space.fitting import CROPPED, fit
from dpsims_hub.space.map_repair import Values, read_values, survey, with_table
from dpsims_hub.space.map_string import encode
from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
from dpsims_hub.space.photo_request import PhotoRequest, read_photo_request, read_seeds, shown
from dpsims_hub.space.photo_worker import BusyError, PhotoWorker
from dpsims_hub.space.scene_facts import as_shown, file_name, scene_facts, sentence
from dpsims_hub.space.segmenter import Segmenter, Segmenters, read_photo
from dpsims_hub.space.uploads import clean_name, content_of, file_of, one_reader, read_map_file

Request = Mapping[str, Any]
Answer = dict[str, Any]
KINDS = ("photo", "map", "both")
SCALES = (1, 4)
_LOG = logging.getLogger(__name__)


class PageService:
    """Answers a page's requests; the contract of each is in its method.

    Args:
        registry: the models.
        worker: makes the photos.
        segmenter: turns photos into label maps for all models; None: each model's own does.
    """

    def __init__(
        self, registry: ModelRegistry, worker: PhotoWorker, segmenter: Segmenter | None = None
    ) -> None:
        self._registry = registry
        self._worker = worker
        self._segmenters = Segmenters(segmenter)
        self._scene_photos: dict[tuple[str, str], str] = {}

    def functions(self) -> list[Callable[[Any], Answer]]:
        """Return the server functions for the page's component."""
        files = [self.read_map, self.read_photo, self.inspect_map, self.repair_map]
        photos = [self.live, self.variations, self.scene_photo]
        calls = [*photos, *files, self.download, self.palette, self.switch_model]
        return [answered(call) for call in calls]

    def live(self, request: Request) -> Answer:
        """Return {"photo": JPEG data URL, "ms": milliseconds of the network} of a request."""
        model_info = self._registry.find(request.get("model"))
        photo, ms = self._worker.photo(model_info, read_photo_request(request, model_info))
        return {"photo": jpeg_url(photo), "ms": round(ms, 1)}

    def variations(self, request: Request) -> Answer:
        """Return {"photos": data URLs, "seeds", "ms"}: the request with other seeds (`seeds`, or `count`).

        `background`: nobody waits for them; they are refused while others wait for photos.
        """
        model_info = self._registry.find(request.get("model"))
        photo_request, seeds = read_photo_request(request, model_info), read_seeds(request)
        photos, total = [], 0.0
        for number, seed in enumerate(seeds):  # each stands in line, so that others get their turn between
            one = PhotoRequest(photo_request.label_map, seed, seed, 0.0, photo_request.regions)
            background = bool(request.get("background"))
            photo, ms = self._worker.photo(
                model_info, one, wait=number > 0 and not background, background=background
            )
            photos.append(jpeg_url(photo))
            total += ms
        return {"photos": photos, "seeds": seeds, "ms": round(total, 1)}

    def read_map(self, request: Request) -> Answer:
        """Return {"map": text, "note"} of a label map file sent as {"file": name, "data": base64}.

        `whole`: keep all of a map of another shape, with bands beside it, instead of cropping it. Where it is
        cropped, the answer says `cropped`.
        """
        model_info = self._registry.find(request.get("model"))
        name = request.get("file")
        content = content_of(request.get("data"), name)
        stored, whole = (bool(request.get(key)) for key in ("stored", "whole"))
        label_map, note = read_map_file(content, name, model_info, stored=stored, whole=whole)
        return {"map": encode(label_map), "note": note} | ({"cropped": True} if CROPPED in note else {})

    def inspect_map(self, request: Request) -> Answer:
        """Return what an inexact map file holds (`map_repair.survey`); the request is that of `read_map`."""
        model_info = self._registry.find(request.get("model"))
        return survey(self._values(request), model_info.spec)

    def repair_map(self, request: Request) -> Answer:
        """Return {"map": text, "note"} of an inexact map file, by `table` (ids by value); see `read_map`."""
        model_info = self._registry.find(request.get("model"))
        label_map = with_table(self._values(request), model_info, request.get("table") or {})
        border = model_info.spec.ignore_index if request.get("whole") else None
        label_map, note = fit(label_map, model_info.size, border)
        return {"map": encode(label_map), "note": note}

    def palette(self, request: Request) -> Answer:
        """Return {"name", "data": data URL}: the colours of the classes; `kind` is gpl or act."""
        model_info, kind = self._registry.find(request.get("model")), request.get("kind")
        if not isinstance(kind, str) or kind not in PALETTES:
            raise ValueError(f"kind must be one of {', '.join(PALETTES)}, not {shown(kind)}.")
        content = base64.b64encode(PALETTES[kind](model_info.spec)).decode()
        return {
            "name": palette_name(model_info.key, kind),
            "data": f"data:application/octet-stream;base64,{content}",
        }

    def _values(self, request: Request) -> Values:
        name = clean_name(request.get("file"))
        with file_of(content_of(request.get("data"), name), name) as path, one_reader():
            try:
                return read_values(path, name)
            except LabelMapError as error:
                raise LabelMapError(str(error).replace(str(path), name)) from None

    def read_photo(self, request: Request) -> Answer:
        """Return {"map": text, "note", "photo": data URL} of a photo: segmented, and cut to the model's size.

        The request is that of `read_map`.
        """
        model_info = self._registry.find(request.get("model"))
        segmenter = self._segmenters.find(model_info)
        name = clean_name(request.get("file"))
        with file_of(content_of(request.get("data"), name), name) as path:
            photo = read_photo(path, name, model_info.size)
        label_map, note = segmenter.segment(photo, model_info)
        return {"map": encode(label_map), "note": note, "photo": jpeg_url(photo)}

    def download(self, request: Request) -> Answer:
        """Return {"name", "data": PNG data URL} of a request.

        Beside what `live` takes: `kind` is photo, map or both, `scale` 1 or 4, `colours` those of the classes
        as shown, `palette` their name. The file holds the whole scene (see `scene_facts`).
        """
        model_info, kind = self._registry.find(request.get("model")), request.get("kind")
        scale = request.get("scale", 1)
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {shown(kind)}.")
        if isinstance(scale, bool) or not isinstance(scale, int) or scale not in SCALES:
            raise ValueError(f"scale must be 1 or 4, not {shown(scale)}.")
        photo_request = read_photo_request(request, model_info)
        facts = scene_facts(request, photo_request, model_info.key)
        spec = as_shown(model_info.spec, request.get("colours"))
        image = self._picture(model_info, photo_request, spec, kind, scale)
        return {"name": file_name(model_info.key, kind, photo_request, scale), "data": png_url(image, facts)}

    def scene_photo(self, request: Request) -> Answer:
        """Return {"photo": JPEG data URL} of an example `scene` of the model, made once."""
        model_info, name = self._registry.find(request.get("model")), request.get("scene")
        found = [text for title, text in model_info.examples if title == name]
        if not found:
            raise ValueError(f"{model_info.key} has no example scene {shown(name)}.")
        key = (model_info.key, name)
        if key not in self._scene_photos:
            photo_request = read_photo_request({"map": found[0]}, model_info)
            self._scene_photos[key] = jpeg_url(self._worker.photo(model_info, photo_request)[0])
        return {"photo": self._scene_photos[key]}

    def switch_model(self, request: Request) -> Answer:
        """Return what the page must know about another model, and start to load it."""
        model_info = self._registry.find(request.get("model"))
        self._worker.prepare(model_info)
        return self.describe(model_info)

    def describe(self, model_info: ModelInfo) -> Answer:
        """Return what the page must know of a model; `no_photos` is why it opens none, "" where it does."""
        return model_info.describe() | {"no_photos": self._segmenters.why_none(model_info)}

    def _picture(
        self, model_info: ModelInfo, photo_request: PhotoRequest, spec: ClassSpec, kind: str, scale: int
    ) -> Image.Image:
        if kind == "map":
            return enlarged_map(map_image(photo_request.label_map, spec), scale)
        photo, _ = self._worker.photo(model_info, photo_request)
        if kind == "photo":
            return enlarge_photo(photo, scale)
        footer = sentence(model_info.key, photo_request)
        return sheet(photo_request.label_map, photo, spec, footer, least=scale)


def answered(call: Callable[[Request], Answer]) -> Callable[[Any], Answer]:
    """Return a call that always answers: busy, a sentence for bad input, a sentence for our own faults."""

    @wraps(call)
    def answer(request: Any) -> Answer:
        if not isinstance(request, Mapping):
            return {"error": "the request must be one object."}
        try:
            return call(request)
        except BusyError as error:
            return {"busy": True, "retry_ms": error.retry_ms, "why": error.why}
        except ValueError as error:
            return {"error": str(error)}
        except Exception:  # whatever it is, it goes to the log and not to the visitor
            _LOG.exception("%s failed", call.__name__)
            return {"error": "something went wrong on the server; try again."}

    return answer
