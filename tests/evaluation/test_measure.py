import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.evaluation import Evaluation, Settings, frechet_distance
from dpsims_hub.evaluation.features import feature_maps, pooled
from dpsims_hub.evaluation.measures import JudgeMeasure
from dpsims_hub.evaluation.record_cache import RecordCache
from dpsims_hub.evaluation.scenes import make_photos
from dpsims_hub.evaluation.speed import time_photos
from dpsims_hub.labels import ClassSpec, FolderDataset, instance_offsets
from dpsims_hub.labels.reading.resizing import resize_label_map
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.evaluation.stand_ins import ColourJudge, Watched
from tests.processes.test_sharing import Threads
from tests.tiny import LATENT_DIM, SIZE, tiny_generator

COUNT = 7  # pairs in the folder
SETTINGS = Settings(seed=3, batch_size=4, num_images=2, replicates=5)


@pytest.fixture(scope="module")
def measured(pipe, backbone_measure, folder) -> dict:
    return Evaluation(pipe, folder, [backbone_measure], settings=SETTINGS).run()


def numbers(measured: dict) -> list[float]:
    """Every number among the results."""
    names = ("distances", "diversity", "exposure", "faithfulness", "segmentation")
    parts = [measured[name] for name in names]
    text, found = json.dumps(parts), []
    json.loads(text, parse_float=lambda number: found.append(float(number)))
    return found


def row(rows: list[dict], key: str, what: str) -> dict:
    return next(one for one in rows if one[key] == what)


def resized(folder: FolderDataset) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Photos by Pillow's Lanczos, maps by nearest neighbour."""
    photos = [folder[i].image.resize(SIZE[::-1], Image.Resampling.LANCZOS) for i in range(COUNT)]
    return [np.asarray(photo) for photo in photos], [
        resize_label_map(folder[i].label_map, SIZE) for i in range(COUNT)
    ]


def made_one_by_one(pipe: DPSIMSPipeline, maps: list[np.ndarray]) -> list[list[Image.Image]]:
    """The two photos of each map, each by its own call."""
    latents = torch.randn(COUNT, 2, LATENT_DIM, generator=torch.Generator().manual_seed(SETTINGS.seed))
    return [
        [pipe(m, latents=z[k : k + 1]).images[0] for k in (0, 1)] for m, z in zip(maps, latents, strict=True)
    ]


def test_distances_are_those_of_photos_made_one_by_one(pipe, backbone, folder, measured):
    real, maps = resized(folder)
    fakes = [np.asarray(first) for first, _ in made_one_by_one(pipe, maps)]
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
    pairs = [[np.asarray(photo).astype(float) for photo in pair] for pair in made_one_by_one(pipe, maps)]
    within = np.mean([np.abs(a - b).mean() / 255 for a, b in pairs])
    found = row(measured["diversity"], "pairs", "2 generated photos of one label map")
    assert found["pixel_difference"] == pytest.approx(within, abs=2e-3)
    assert found["pixel_difference"] > 0.002
    across = np.mean([np.abs(pairs[i][0] - real[i]).mean() / 255 for i in range(COUNT)])
    found = row(measured["diversity"], "pairs", "generated and real photo of one label map")
    assert found["pixel_difference"] == pytest.approx(across, abs=2e-3)


def test_exposure_is_that_of_photos_made_one_by_one(pipe, folder, measured):
    real, maps = resized(folder)
    fakes = [first for first, _ in made_one_by_one(pipe, maps)]
    for kind, photos in (("generated photos", fakes), ("real photos", map(Image.fromarray, real))):
        levels = [np.asarray(photo.convert("L")).mean() for photo in photos]
        found = row(measured["exposure"], "images", kind)
        assert found["brightness"] == pytest.approx(np.mean(levels), abs=0.6)
        assert found["brightness_deviation"] == pytest.approx(np.std(levels), abs=0.6)
    assert row(measured["exposure"], "images", "real photos")["brightness_deviation"] > 1


def test_neighbours_are_the_photos_of_the_nearest_maps(folder, measured):
    real, maps = resized(folder)
    maps = [np.asarray(Image.fromarray(one).resize((32, 24), Image.Resampling.NEAREST)) for one in maps]
    nearest = []
    for i, one in enumerate(maps):
        shares = [-1 if i == j else ((one == other) & (one != 255)).mean() for j, other in enumerate(maps)]
        nearest.append(int(np.argmax(shares)))
    expected = np.mean([np.abs(real[i].astype(float) - real[j]).mean() / 255 for i, j in enumerate(nearest)])
    found = row(measured["diversity"], "pairs", "real photos of the most similar label maps")
    assert found["pixel_difference"] == pytest.approx(expected, abs=2e-3)
    assert found["n"] == COUNT


def test_same_seed_same_numbers_to_the_last_digit(pipe, backbone_measure, folder, measured):
    again = Evaluation(pipe, folder, [backbone_measure], settings=SETTINGS).run()
    assert again == measured
    assert len(numbers(measured)) > 30
    other = Evaluation(pipe, folder, [backbone_measure], settings=Settings(4, 4, 2, 5)).run()
    assert abs(numbers(other)[0] - numbers(measured)[0]) > 1e-6
    assert other["data"] == measured["data"]


def test_batch_size_does_not_matter(pipe, backbone_measure, folder, measured):
    other = Evaluation(pipe, folder, [backbone_measure], settings=Settings(3, 1, 2, 5)).run()
    np.testing.assert_allclose(numbers(other), numbers(measured), rtol=2e-3, atol=1e-9)


def test_several_processes_measure_what_one_does(pipe, backbone_measure, folder, training):
    """To the last digit, because a batch holds the same maps whoever makes it."""
    settings = Settings(0, 2, 2, 3)

    def run(member=None) -> dict:
        return Evaluation(pipe, folder, [backbone_measure], training, settings, group=member).run()

    together = Threads(2).run(run)
    assert together[0] == together[1] == run()


@pytest.fixture(scope="module")
def almost(folder, tmp_path_factory) -> FolderDataset:
    """The very photos of the folder, with maps in which one block is unknown."""
    root = tmp_path_factory.mktemp("almost") / "pairs"
    shutil.copytree(folder.root, root)
    for path in (root / "labels").iterdir():
        ids = np.array(Image.open(path))
        ids[:8, :8] = 255
        Image.fromarray(ids).save(path)
    return FolderDataset(root)


def test_training_photos_give_the_floor(pipe, backbone_measure, folder, almost):
    """Here the training photos are the evaluated ones, so that they are at distance 0."""
    seen = []
    evaluation = Evaluation(pipe, folder, [backbone_measure], almost, Settings(0, 5, 3, 2))
    measured = evaluation.run(seen.append)
    trained, evaluated = 1 + 2, 1 + 3  # passes: survey, features and exposure; these and the probe
    assert sum(seen) == evaluation.steps == COUNT * (trained + evaluated)
    floor = row(measured["distances"], "images", "real training photos")
    assert floor["value"] == pytest.approx(0, abs=1e-6)
    assert floor["precision"] == floor["recall"] == 1
    assert measured["train_data"]["pairs"] == COUNT
    hashes = [measured[name]["sha256_as_evaluated"] for name in ("data", "train_data")]
    assert hashes[0] != hashes[1]
    assert measured["class_mean_colours_of"] == "the training photos"
    same = [row(measured["exposure"], "images", f"real {what}photos") for what in ("", "training ")]
    assert same[0] | {"images": ""} == same[1] | {"images": ""}
    scores = {one["images"]: one["probe_mean_iou"] for one in measured["faithfulness"]}
    assert len(scores) == 5
    assert scores["real photos"] > 0.8  # fitted on these very photos, whose classes have colours of their own
    assert scores["real photos"] > scores["real photos of other label maps"]
    assert scores["real photos"] > scores["generated photos"]
    assert json.loads(json.dumps(measured)) == measured


def test_a_judge_gives_scores_of_all_pixels_and_of_each_class(pipe, backbone_measure, folder):
    judge = ColourJudge()
    measures = [backbone_measure, JudgeMeasure("segmenter", judge)]
    evaluation = Evaluation(pipe, folder, measures, settings=SETTINGS)
    measured = evaluation.run()
    assert measured["segmentation"]["segmenter"] == {"segmenter": "colours"}
    real, maps = resized(folder)
    seen = judge.predict(np.stack(real))
    ious = {}
    for number, name in enumerate(folder.spec.names):
        known = np.stack(maps) != 255
        true, said = (np.stack(maps) == number) & known, (seen == number) & known
        ious[name] = (true & said).sum() / (true | said).sum()
    found = row(measured["segmentation"]["rows"], "images", "real photos")
    assert found["class_iou"] == pytest.approx(ious)
    assert found["mean_iou"] == pytest.approx(np.mean(list(ious.values())))
    low, high = found["mean_iou_interval"]
    assert low < found["mean_iou"] < high
    name, per_map = evaluation.summary.per_map()
    assert name == "segmenter"
    assert per_map.shape == (COUNT,)


def test_a_stopped_evaluation_goes_on(pipe, backbone, weights, folder, training, tmp_path):
    class Stops(Watched):
        def record(self, scene):
            if self.looks > 9:
                raise KeyboardInterrupt
            return super().record(scene)

    arguments = (training, Settings(0, 2, 2, 2), RecordCache(tmp_path))
    stops, goes, idle = (kind(backbone, {"weights": "tiny"}) for kind in (Stops, Watched, Watched))
    with pytest.raises(KeyboardInterrupt):
        Evaluation(pipe, folder, [stops], *arguments).run()
    measured = Evaluation(pipe, folder, [goes], *arguments).run()
    again = Evaluation(pipe, folder, [idle], *arguments).run()
    fresh = Evaluation(pipe, folder, [Watched(backbone, {"weights": "tiny"})], *arguments[:2]).run()
    assert stops.looks == 5 + 2 * 3  # five batches, two scenes of two baselines each
    assert goes.looks == 2 * 3
    assert idle.looks == 0
    assert measured == again == fresh


def test_kept_features_are_for_one_model_one_recipe_one_data_set(pipe, backbone, folder, training, tmp_path):
    cache = RecordCache(tmp_path)

    def looks(pipe=pipe, data=folder, settings=SETTINGS, description=("a",)) -> int:
        measure = Watched(backbone, {"weights": description})
        Evaluation(pipe, data, [measure], settings=settings, cache=cache).run()
        return measure.looks // 3  # a look, and the vectors of two reference baselines

    assert looks() == 2
    assert looks() == 0
    assert looks(settings=Settings(3, 4, 2, 50)) == 0  # draws of intervals are no matter of features
    assert looks(settings=Settings(4, 4, 2, 5)) == 2
    assert looks(settings=Settings(3, 4, 3, 5)) == 2
    assert looks(description=("b",)) == 2
    assert looks(data=training) == 3
    other = DPSIMSPipeline(tiny_generator(seed=1, spectral_norm=False), folder.spec.to_dict())
    assert looks(pipe=other) == 2
    assert looks() == 0


def test_no_probe_without_training_photos(measured):
    assert measured["faithfulness"] is measured["train_data"] is measured["segmentation"] is None


def test_photos_come_map_by_map(pipe, folder):
    maps = np.stack(resized(folder)[1][:2])
    latents = torch.randn(2, 3, LATENT_DIM, generator=torch.Generator().manual_seed(0))
    photos = make_photos(pipe, maps, latents)
    assert photos.shape == (2, 3, *SIZE, 3)
    alone = np.asarray(pipe(maps[1], latents=latents[1, 2:]).images[0])
    assert np.abs(photos[1, 2].astype(int) - alone).max() <= 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seed": -1}, "seed"),
        ({"batch_size": 0}, "batch_size"),
        ({"num_images": 1}, "num_images .* from 2"),
        ({"replicates": -1}, "replicates"),
    ],
)
def test_settings_out_of_range(settings, words):
    with pytest.raises(ValueError, match=words):
        Settings(**settings)


def test_model_of_other_classes_is_refused(backbone_measure, folder):
    names = {"name": "other", "classes": ["road", "sky", "boat"]}
    with pytest.raises(ValueError, match="are not the model's"):
        Evaluation(DPSIMSPipeline(tiny_generator(), names), folder, [backbone_measure])
    other_unknown = FolderDataset(folder.root, ClassSpec("x", folder.spec.classes, ignore_index=200))
    pipe = DPSIMSPipeline(tiny_generator(), folder.spec.to_dict())
    with pytest.raises(ValueError, match="unknown 200"):
        Evaluation(pipe, folder, [backbone_measure], other_unknown)


def test_model_that_needs_more_than_maps_is_refused(backbone_measure, folder):
    pipe = DPSIMSPipeline(tiny_generator(use_instance_offsets=True), folder.spec.to_dict())
    with pytest.raises(ValueError, match="instance offsets"):
        Evaluation(pipe, folder, [backbone_measure])


@pytest.fixture(scope="module")
def objects(folder, tmp_path_factory) -> FolderDataset:
    """The same pairs with object numbers: two objects, left and right of a slanted line."""
    root = tmp_path_factory.mktemp("objects")
    for name in ("images", "labels"):
        shutil.copytree(folder.root / name, root / name)
    classes = ["road", "sky", {"name": "car", "kind": "thing"}]
    (root / "classes.json").write_text(json.dumps({"name": "three", "classes": classes}))
    (root / "instances").mkdir()
    rows, columns = np.mgrid[:32, :48]
    for number in range(COUNT):
        numbers = (columns > rows + number).astype(np.uint8)
        Image.fromarray(numbers).save(root / "instances" / f"{number}.png")
    return FolderDataset(root)


def test_a_model_of_objects_is_given_their_offsets(backbone_measure, objects, training):
    pipe = DPSIMSPipeline(tiny_generator(use_instance_offsets=True), objects.spec.to_dict())
    evaluation = Evaluation(pipe, objects, [backbone_measure], training, SETTINGS)
    measured = evaluation.run()
    label_map = resize_label_map(objects[2].label_map, SIZE)
    numbers = resize_label_map(objects[2].instance_ids, SIZE)
    offsets = torch.from_numpy(instance_offsets(numbers, label_map, objects.spec))[None]
    assert offsets.abs().max() > 0.05
    latents = evaluation.shared.latents[2]
    wanted, without = (
        pipe(label_map, 2, latents=latents, instance_offsets=planes, output_type="np").images * 255
        for planes in (offsets, torch.zeros_like(offsets))
    )
    seen = evaluation.scene([1, 2]).fakes[1]
    np.testing.assert_allclose(seen, wanted, atol=0.51)
    assert np.abs(seen - without).max() > 2
    plain = DPSIMSPipeline(tiny_generator(), objects.spec.to_dict())
    other = Evaluation(plain, objects, [backbone_measure], settings=SETTINGS).run()
    assert measured["data"]["sha256_as_evaluated"] != other["data"]["sha256_as_evaluated"]
    timed = time_photos(pipe, [label_map], offsets, calls=2)
    assert timed["seconds_per_photo"] > 0


def test_training_photos_that_are_the_evaluated_ones_are_refused(pipe, backbone_measure, folder, tmp_path):
    shutil.copytree(folder.root, tmp_path / "copy")
    with pytest.raises(ValueError, match="every pair is among the training data"):
        Evaluation(pipe, folder, [backbone_measure], FolderDataset(tmp_path / "copy"), SETTINGS).run()


def test_too_few_pairs(pipe, backbone_measure, folder, tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
        for number in range(3):
            source = folder.root / name / f"{number}.png"
            (tmp_path / name / source.name).write_bytes(source.read_bytes())
    with pytest.raises(ValueError, match="holds 3 pairs; an evaluation needs 4"):
        Evaluation(pipe, FolderDataset(tmp_path, folder.spec), [backbone_measure])
