"""One picture of the best, median and worst label maps of an evaluation, with the judge's predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dpsims_hub.evaluation.measure import Evaluation
from dpsims_hub.evaluation.measures import Judge
from dpsims_hub.evaluation.scenes import GENERATED, REAL, Scene
from dpsims_hub.evaluation.segmentation_scores import mean_iou
from dpsims_hub.labels import ClassSpec
from dpsims_hub.labels.reading.resizing import resize_label_map
from dpsims_hub.pictures.sheets import comparison_sheet, flow_legend, picture_of_map, save_picture

EACH = 3  # most maps of each kind
MIN_WIDTH = 160  # pixels; smaller pictures are enlarged by a whole factor, so that captions fit
NAMES = {"segmenter": "the segmenter", "probe": "the pixel probe (no segmenter)"}


def choose(scores: np.ndarray, each: int = EACH) -> list[tuple[str, int]]:
    """The best, median and worst of (n,) scores as ("best", index), each index once; the best come first."""
    order = np.argsort(-scores, kind="stable")
    each = min(each, len(order) // 3 or 1)
    middle = (len(order) - each) // 2
    parts = {"best": order[:each], "median": order[middle : middle + each], "worst": order[-each:]}
    chosen = {int(index): word for word, indices in reversed(parts.items()) for index in indices}
    return [(chosen[int(i)], int(i)) for i in order if int(i) in chosen]


def save_sheet(evaluation: Evaluation, path: Path) -> bool:
    """Writes the sheet of an evaluation after its `run`, atomically.

    Each row shows a label map, the real photo and its prediction, and the generated photo and its prediction.

    Returns:
        False, and nothing is written, if no judge ranked the photos.

    Raises:
        OSError: the file cannot be written there.
    """
    ranked = evaluation.summary.per_map()
    if ranked is None:
        return False
    name, scores = ranked
    judge = next(one.judge for one in evaluation.measures if one.name == name)
    spec, ids, rows, captions = evaluation.data.spec, set(), [], []
    for word, index in choose(scores):
        scene = evaluation.scene([index])
        real, fake = (_prediction(judge, scene, kind) for kind in (REAL, GENERATED))
        photo, made = scene.pictures(REAL)[0], scene.pictures(GENERATED)[0]
        pictures = [scene.label_maps[0], photo, real[0], made, fake[0]]
        ids |= {int(value) for value in np.unique(scene.label_maps)}
        rows.append([_picture(one, spec) for one in pictures])
        stem = evaluation.data[index].stem
        captions.append([f"{word}: {stem}", "", f"IoU {real[1]:.1%}", "", f"IoU {fake[1]:.1%}"])
    headers = ["label map", "real photo", "prediction", "generated", "prediction"]
    width = sum(one.width for one in rows[0])
    sheet = comparison_sheet(
        rows,
        headers,
        captions=captions,
        legend=flow_legend(spec, sorted(ids), width),
        footer=f"Ranked by the mean IoU of {NAMES[name]} on the generated photo of each map.",
    )
    save_picture(sheet, path)
    return True


def _prediction(judge: Judge, scene: Scene, kind: str) -> tuple[np.ndarray, float]:
    """The ids (H, W) that a judge predicts, `ignore_index` outside the class list, and their mean IoU."""
    images, label_maps, spec = scene.pictures(kind), scene.label_maps, scene.shared.data.spec
    seen = resize_label_map(judge.predict(images)[0], label_maps.shape[1:])
    shown = np.where(seen < 0, spec.ignore_index, seen)
    return shown, float(mean_iou(judge.judge(images, label_maps)[0]))


def _picture(image: np.ndarray, spec: ClassSpec) -> Image.Image:
    scale = -(-MIN_WIDTH // image.shape[1])
    if image.ndim == 2:
        return picture_of_map(image, spec, scale)
    size = (image.shape[1] * scale, image.shape[0] * scale)
    return Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
