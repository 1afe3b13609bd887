"""Arguments of another type than the pipeline's: read, or one sentence with the right form."""

from __future__ import annotations

import copy
import json
import logging

import numpy as np
import pytest
import torch

from dpsims_hub.labels import ClassInfo, ClassSpec
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.tiny import LATENT_DIM, tiny_generator

SPEC = ClassSpec.load("camvid")
MAP = np.random.default_rng(0).integers(0, 11, (16, 24), dtype=np.uint8)


@pytest.fixture(scope="module")
def pipe() -> DPSIMSPipeline:
    return DPSIMSPipeline(tiny_generator(SPEC.num_classes), SPEC.to_dict())


ONE = torch.zeros(LATENT_DIM)
WRONG = [
    ({"generator": 42}, r"not int; for a seed write generator=torch.Generator\(\).manual_seed\(42\)"),
    ({"generator": True}, "not bool"),
    ({"generator": "seed"}, "generator must be a torch.Generator or a list of 1, not str"),
    ({"generator": np.random.default_rng()}, "a list of 1, not Generator"),
    ({"generator": np.int64(42)}, r"write generator=torch.Generator\(\).manual_seed\(42\)\."),
    ({"generator": [7]}, r"int in it; for seeds write generator=\[torch.* for seed in \[7\]\]\."),
    ({"generator": (np.int64(7),)}, r"a list with int64 in it.* for seed in \[7\]\]\."),
    ({"generator": [None]}, r"a list with NoneType in it.* for seed in \[0\]\]\."),
    ({"latents": torch.zeros(1, LATENT_DIM, dtype=torch.complex64)}, r"complex64; write latents\.real, or"),
    ({"generator": (torch.Generator(),) * 3}, "3 random generators for 1 photos"),
    ({"latents": np.zeros((1, LATENT_DIM))}, r"must be a torch tensor, not ndarray; write torch\.as_tensor"),
    ({"latents": [[0.0] * LATENT_DIM]}, "latents must be a torch tensor, not list"),
    ({"latents": torch.zeros(1, LATENT_DIM, dtype=int)}, "latents must hold floats, not torch.int64"),
    ({"class_latents": {"Car": ONE.numpy()}}, r"class_latents\['Car'\] must be a torch tensor"),
    ({"class_latents": {1.5: ONE}}, "a class is a name or an id, not 1.5"),
    ({"class_latents": [ONE]}, "class_latents must be a dict"),
    ({"instance_offsets": np.zeros((1, 2, 16, 24))}, "instance_offsets must be a torch tensor"),
    ({"region_map": "regions.png"}, "region_map must be an array or tensor"),
    ({"height": 16.0, "width": 24.0}, "height and width must be whole numbers of px"),
    ({"height": "16", "width": "24"}, "height and width must be whole numbers of px"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_a_wrong_type_is_one_sentence_with_the_right_form(pipe, arguments, words):
    with pytest.raises(ValueError, match=words) as caught:
        pipe(MAP, **arguments)
    assert "\n" not in str(caught.value)


def test_whole_numbers_of_numpy_are_whole_numbers(pipe):
    plain = {"num_images_per_label": 2, "height": 32, "width": 48, "class_latents": {1: ONE}}
    wide = {"num_images_per_label": np.int64(2), "height": np.uint8(32), "width": np.uint8(48)}
    wide |= {"class_latents": {np.int16(1): ONE}}
    seed = torch.Generator().manual_seed
    first = pipe(MAP, generator=seed(1), output_type="pt", **plain).images
    assert torch.equal(first, pipe(MAP, generator=seed(int(np.int64(1))), output_type="pt", **wide).images)


def test_a_list_of_classes_with_whole_numbers_of_numpy_can_be_saved():
    one, two = np.int64(1), np.uint8(2)
    classes = (ClassInfo(np.int64(0), "a", rgb=(one, one, two)), ClassInfo(one, "b"))
    spec = ClassSpec("x", classes, np.int64(255), stored_values=(two, one), ignore_values=(np.int8(0),))
    again = ClassSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert ClassSpec.from_dict({"label2id": {"a": np.int64(0), "b": np.int64(1)}}).names == ("a", "b")


def test_a_tuple_of_random_generators_is_a_list(pipe):
    given = [[torch.Generator().manual_seed(seed) for seed in (1, 2)] for _ in range(2)]
    first = pipe(MAP, 2, generator=given[0], output_type="pt").images
    assert torch.equal(first, pipe(MAP, 2, generator=tuple(given[1]), output_type="pt").images)


def test_numpy_s_whole_numbers_are_numbers(pipe):
    assert pipe(MAP, height=np.int64(16), width=np.uint16(24)).images[0].size == (24, 16)


def one_hot(ids: np.ndarray, num_planes: int) -> np.ndarray:
    planes = np.zeros((num_planes, *ids.shape), np.uint8)
    for row in range(ids.shape[0]):
        for column in range(ids.shape[1]):
            planes[ids[row, column], row, column] = 1
    return planes


@pytest.mark.parametrize("extra", [0, 1])
def test_one_hot_planes_are_refused_with_the_way_to_ids(pipe, extra):
    planes = one_hot(MAP, SPEC.num_classes + extra)
    given = [planes, planes.astype(bool), planes.astype(np.float32), torch.from_numpy(planes)]
    for source in [*given, torch.from_numpy(planes).float(), planes[None]]:
        axis = source.ndim - 3
        with pytest.raises(ValueError, match=rf"one-hot planes of the 11 classes; .*argmax\({axis}\)"):
            pipe(source)
        assert np.array_equal(np.asarray(source).argmax(axis).reshape(MAP.shape), MAP)
    with pytest.raises(ValueError, match=r"argmax\(2\)"):
        pipe(np.moveaxis(planes, 0, 2))


def test_planes_with_unknown_pixels_and_planes_of_255_are_refused_too(pipe):
    planes = one_hot(MAP, SPEC.num_classes)
    planes[:, :4, :4] = 0
    for source in (planes, planes * 255, planes.astype(bool), torch.from_numpy(planes * 255)):
        with pytest.raises(ValueError, match=r"one-hot planes .* where no plane is set"):
            pipe(source)


def test_maps_of_two_classes_are_no_planes(pipe):
    batch = np.stack([MAP % 2] * SPEC.num_classes)
    assert len(pipe(batch).images) == SPEC.num_classes
    assert len(pipe(list(one_hot(MAP, 11))).images) == 11  # said to be maps


def test_a_change_of_precision_says_nothing_about_an_empty_list(pipe, caplog):
    logging.getLogger("diffusers").addHandler(caplog.handler)
    try:
        copy.deepcopy(pipe.generator).to(torch.float16)
        logging.getLogger("diffusers.models.modeling_utils").warning("something else")
    finally:
        logging.getLogger("diffusers").removeHandler(caplog.handler)
    assert {record.getMessage() for record in caplog.records} == {"something else"}


def quantized() -> torch.Tensor:
    return torch.quantize_per_tensor(torch.from_numpy(MAP).float(), 1.0, 0, torch.quint8)


ABSTRACT = {
    "sparse": (torch.from_numpy(MAP).long().to_sparse, r"sparse or quantized tensor; .* map\.to_dense\(\)"),
    "sparse batch": (torch.from_numpy(MAP)[None].long().to_sparse, "sparse or quantized tensor"),
    "quantized": (quantized, r"map\.dequantize\(\)\.long\(\)"),
    "meta": (lambda: torch.zeros(16, 24, dtype=torch.long, device="meta"), "on the device meta"),
    "meta batch": (lambda: torch.zeros(11, 16, 24, dtype=torch.long, device="meta"), "on the device meta"),
}


@pytest.mark.filterwarnings("ignore:torch.quantize")
@pytest.mark.parametrize("kind", ABSTRACT)
def test_tensors_that_are_no_grid_of_numbers_are_refused(pipe, kind):
    make, words = ABSTRACT[kind]
    with pytest.raises(ValueError, match=words) as caught:
        pipe(make())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "latents", [torch.zeros(1, LATENT_DIM).to_sparse(), torch.zeros(1, LATENT_DIM, device="meta")]
)
def test_latents_that_are_no_grid_of_numbers_are_refused(pipe, latents):
    with pytest.raises(ValueError, match="latents must be a plain tensor with numbers"):
        pipe(MAP, latents=latents)


def test_a_class_list_of_numpys_numbers_is_saved_as_plain_json(tmp_path):
    spec = SPEC.to_dict()
    spec["ignore_index"], spec["classes"][3]["rgb"] = np.int64(spec["ignore_index"]), np.array([1, 2, 3])
    DPSIMSPipeline(tiny_generator(SPEC.num_classes), spec).save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "model_index.json").read_text())["class_spec"]
    assert stored["ignore_index"] == SPEC.ignore_index
    assert stored["classes"][3]["rgb"] == [1, 2, 3]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_latents_that_are_not_finite_are_refused(pipe, value):
    latents = torch.randn(1, LATENT_DIM)
    latents[0, 2] = value
    with pytest.raises(ValueError, match="latents must be finite"):
        pipe(MAP, latents=latents)


def test_a_masked_array_is_refused(pipe):
    with pytest.raises(ValueError, match=r"masked array; fill what is masked: map.filled"):
        pipe(np.ma.array(MAP, mask=MAP == 3))
    assert len(pipe(np.ma.array(MAP)).images) == 1
