import json

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.evaluation import Settings, count_images, evaluate, frechet_distance
from dpsims_hub.evaluation.features import feature_maps, pooled
from dpsims_hub.evaluation.measure import make_photos
from dpsims_hub.labels import ClassSpec, FolderDataset
from dpsims_hub.labels.resizing import resize_label_map
from dpsims_hub.pipeline import DPSIMSPipeline
from tests.tiny import LATENT_DIM, SIZE, tiny_generator

COUNT = 7  # pairs in the folder


@pytest.fixture(scope="module")
def measured(pipe, backbone, folder) -> dict:
    return evaluate(pipe, backbone, folder, settings=Settings(seed=3, batch_size=4, num_images=2))


def numbers(measured: dict) -> list[float]:
    diversity = [(row["feature_distance"], row["pixel_difference"]) for row in measured["diversity"]]
    return [row["value"] for row in measured["distances"]] + list(np.ravel(diversity))


def row(rows: list[dict], key: str, what: str) -> dict:
    return next(one for one in rows if one[key] == what)


def resized(folder: FolderDataset) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Photos by Pillow's Lanczos, maps by nearest neighbour."""
    photos = [folder[i].image.resize(SIZE[::-1], Image.Resampling.LANCZOS) for i in range(COUNT)]
    return [np.asarray(photo) for photo in photos], [
        resize_label_map(folder[i].label_map, SIZE) for i in range(COUNT)
    ]


def test_distances_are_those_of_photos_made_one_by_one(pipe, backbone, folder, measured):
    real, maps = resized(folder)
    latents = torch.randn(COUNT, 2, LATENT_DIM, generator=torch.Generator().manual_seed(3))
    fakes = [np.asarray(pipe(m, latents=z[:1]).images[0]) for m, z in zip(maps, latents, strict=True)]
    coloured = [folder.spec.palette[np.where(m == 255, 0, m)] * (m != 255)[..., None] for m in maps]
    features = [
        np.concatenate([pooled(feature_maps(backbone, image.astype(np.uint8)[None])) for image in images])
        for images in (fakes, real, coloured)
    ]
    for kind, images in (("generated photos", features[0]), ("coloured label maps", features[2])):
        found = row(measured["distances"], "images", kind)["value"]
        assert found == pytest.approx(frechet_distance(images, features[1]), rel=1e-3)


def test_pixel_differences_are_those_of_photos_made_one_by_one(pipe, folder, measured):
    real, maps = resized(folder)
    latents = torch.randn(COUNT, 2, LATENT_DIM, generator=torch.Generator().manual_seed(3))
    pairs = [
        [np.asarray(pipe(m, latents=z[k : k + 1]).images[0]).astype(float) for k in (0, 1)]
        for m, z in zip(maps, latents, strict=True)
    ]
    within = np.mean([np.abs(a - b).mean() / 255 for a, b in pairs])
    found = row(measured["diversity"], "pairs", "2 generated photos of one label map")
    assert found["pixel_difference"] == pytest.approx(within, abs=2e-3)
    assert found["pixel_difference"] > 0.002
    across = np.mean([np.abs(pairs[i][0] - real[i]).mean() / 255 for i in range(COUNT)])
    found = row(measured["diversity"], "pairs", "generated and real photo of one label map")
    assert found["pixel_difference"] == pytest.approx(across, abs=2e-3)


def test_same_seed_same_numbers(pipe, backbone, folder, measured):
    again = evaluate(pipe, backbone, folder, settings=Settings(seed=3, batch_size=4, num_images=2))
    assert numbers(again) == numbers(measured)
    assert again["data"] == measured["data"]
    other = evaluate(pipe, backbone, folder, settings=Settings(seed=4, batch_size=4, num_images=2))
    assert abs(numbers(other)[0] - numbers(measured)[0]) > 1e-6
    assert other["data"] == measured["data"]


def test_batch_size_does_not_matter(pipe, backbone, folder, measured):
    other = evaluate(pipe, backbone, folder, settings=Settings(seed=3, batch_size=1, num_images=2))
    np.testing.assert_allclose(numbers(other), numbers(measured), rtol=2e-3)


def test_training_photos_give_the_floor(pipe, backbone, folder):
    """Here the training photos are the evaluated ones, so that they are at distance 0."""
    seen = []
    settings = Settings(batch_size=5, num_images=3)
    measured = evaluate(pipe, backbone, folder, folder, settings, seen.append)
    assert sum(seen) == count_images(folder, folder, settings) == COUNT * (1 + 3 + 3 + 2)
    assert row(measured["distances"], "images", "real training photos")["value"] == pytest.approx(0, abs=1e-6)
    assert measured["train_data"] == {"pairs": COUNT}
    assert measured["class_mean_colours_of"] == "the training photos"
    scores = {one["images"]: one["probe_mean_iou"] for one in measured["faithfulness"]}
    assert len(scores) == 5
    assert scores["real photos"] > 0.8  # fitted on these very photos, whose classes have colours of their own
    assert scores["real photos"] > scores["real photos of other label maps"]
    assert scores["real photos"] > scores["generated photos"]
    assert json.loads(json.dumps(measured)) == measured


def test_speed_is_that_of_single_photos(measured):
    speed = measured["speed"]
    assert 0 < speed["seconds_per_photo"] < 60
    assert speed["photos_per_second"] == pytest.approx(1 / speed["seconds_per_photo"])
    assert speed["dtype"] == "float32"


def test_no_probe_without_training_photos(measured):
    assert measured["faithfulness"] is None


def test_photos_come_map_by_map(pipe, folder):
    maps = np.stack(resized(folder)[1][:2])
    latents = torch.randn(2, 3, LATENT_DIM, generator=torch.Generator().manual_seed(0))
    photos = make_photos(pipe, maps, latents)
    assert photos.shape == (2, 3, *SIZE, 3)
    alone = np.asarray(pipe(maps[1], latents=latents[1, 2:]).images[0])
    assert np.abs(photos[1, 2].astype(int) - alone).max() <= 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"seed": -1}, "seed"), ({"batch_size": 0}, "batch_size"), ({"num_images": 1}, "num_images .* from 2")],
)
def test_settings_out_of_range(settings, words):
    with pytest.raises(ValueError, match=words):
        Settings(**settings)


def test_model_of_other_classes_is_refused(backbone, folder):
    names = {"name": "other", "classes": ["road", "sky", "boat"]}
    with pytest.raises(ValueError, match="are not the model's"):
        evaluate(DPSIMSPipeline(tiny_generator(), names), backbone, folder)
    other_unknown = FolderDataset(folder.root, ClassSpec("x", folder.spec.classes, ignore_index=200))
    with pytest.raises(ValueError, match="unknown 200"):
        evaluate(DPSIMSPipeline(tiny_generator(), folder.spec.to_dict()), backbone, other_unknown)


def test_model_that_needs_more_than_maps_is_refused(backbone, folder):
    pipe = DPSIMSPipeline(tiny_generator(use_instance_offsets=True), folder.spec.to_dict())
    with pytest.raises(ValueError, match="instance offsets"):
        evaluate(pipe, backbone, folder)


def test_too_few_pairs(pipe, backbone, folder, tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
        for number in range(3):
            source = folder.root / name / f"{number}.png"
            (tmp_path / name / source.name).write_bytes(source.read_bytes())
    with pytest.raises(ValueError, match="holds 3 pairs; an evaluation needs 4"):
        evaluate(pipe, backbone, FolderDataset(tmp_path, folder.spec))
