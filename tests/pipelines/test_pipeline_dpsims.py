import json

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.labels import ClassSpec, LabelMapError
from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.models.label_convolution import LabelConvolution
from dpsims_hub.models.label_encoder import EncoderBlock
from dpsims_hub.models.modulation import ModulatedBlock, Modulation, _ReplicateConv2d
from dpsims_hub.models.noise import NoiseCrossAttention
from dpsims_hub.models.packed_convolution import PackedConvolution
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.tiny import LATENT_DIM, tiny_generator

SPEC = ClassSpec.load("camvid")


@pytest.fixture(scope="module")
def pipe() -> DPSIMSPipeline:
    network = tiny_generator(SPEC.num_classes, spectral_norm=False)
    return DPSIMSPipeline(network, SPEC.to_dict())


@pytest.fixture
def maps() -> np.ndarray:
    """Three maps of 16x24 whose ids come in blocks."""
    ids = np.random.default_rng(0).integers(0, SPEC.num_classes, (3, 4, 6), dtype=np.uint8)
    return ids.repeat(4, axis=1).repeat(4, axis=2)


def some_latents(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, LATENT_DIM, generator=torch.Generator().manual_seed(seed))


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# one map, many maps, many photos


def test_photos_equal_the_network_called_one_by_one(pipe, maps):
    latents = some_latents(6)
    photos = pipe(maps, num_images_per_label=2, latents=latents, output_type="pt").images
    assert photos.shape == (6, 3, 16, 24)
    for place in range(6):
        one_map = torch.from_numpy(maps[place // 2 : place // 2 + 1]).long()
        with torch.no_grad():
            alone = pipe.generator(one_map, latents[place : place + 1]).sample
        torch.testing.assert_close(photos[place], alone[0] / 2 + 0.5, atol=1e-5, rtol=0)


def test_two_latents_and_two_maps_give_different_photos(pipe, maps):
    photos = pipe(maps[:2], num_images_per_label=2, latents=some_latents(4), output_type="np").images
    assert np.abs(photos[0] - photos[1]).mean() > 1e-3
    assert np.abs(photos[0] - photos[2]).mean() > 1e-3


def test_label_encoder_runs_once_for_all_photos_of_a_map(pipe, maps):
    batches = []
    hook = pipe.generator.encoder.register_forward_hook(
        lambda module, args, result: batches.append(len(result[0]))
    )
    try:
        pipe(maps[:2], num_images_per_label=3)
    finally:
        hook.remove()
    assert batches == [2]


@pytest.mark.parametrize("kind", ["path", "image", "array", "tensor", "lists", "colours", "list of one"])
def test_every_way_of_giving_a_map_gives_one_photo(pipe, maps, tmp_path, kind):
    path = tmp_path / "map.png"
    Image.fromarray(maps[0]).save(path)
    forms = {
        "path": path,
        "image": Image.fromarray(maps[0]),
        "array": maps[0].astype(np.int32),
        "tensor": torch.from_numpy(maps[0]).long(),
        "lists": maps[0].tolist(),
        "colours": SPEC.palette[maps[0]],
        "list of one": [maps[0]],
    }
    latents = some_latents(1)
    expected = pipe(maps[:1], latents=latents, output_type="np").images
    np.testing.assert_array_equal(pipe(forms[kind], latents=latents, output_type="np").images, expected)


def test_output_types_agree(pipe, maps):
    latents = some_latents(1)
    as_tensor = pipe(maps[0], latents=latents, output_type="pt").images
    as_array = pipe(maps[0], latents=latents, output_type="np").images
    picture = pipe(maps[0], latents=latents).images[0]
    assert as_tensor.min() >= 0
    assert as_tensor.max() <= 1
    np.testing.assert_array_equal(as_array[0].transpose(2, 0, 1), as_tensor[0].numpy())
    assert picture.size == (24, 16)
    np.testing.assert_allclose(np.asarray(picture) / 255, as_array[0], atol=0.5 / 255 + 1e-6)
    assert isinstance(pipe(maps[0], return_dict=False), tuple)


# latents and random generators


def test_seed_decides_the_photo(pipe, maps):
    first, again, other = (pipe(maps[0], generator=rng(seed), output_type="np").images for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 1e-3


def test_list_of_random_generators_is_one_per_photo(pipe, maps):
    together = pipe(maps[:2], 2, [rng(seed) for seed in (1, 2, 3, 4)], output_type="pt").images
    alone = pipe(maps[1], generator=rng(3), output_type="pt").images
    torch.testing.assert_close(together[2:3], alone, atol=1e-5, rtol=0)


def test_seed_means_the_same_latents_in_bf16(pipe):
    network = DPSIMSGenerator.from_config(pipe.generator.config).to(torch.bfloat16)
    half = DPSIMSPipeline(network, SPEC.to_dict())
    torch.testing.assert_close(half.prepare_latents(2, rng(0)), pipe.prepare_latents(2, rng(0)))


@pytest.fixture
def own_pipe(pipe):
    network = DPSIMSGenerator.from_config(pipe.generator.config).eval()
    network.load_state_dict(pipe.generator.state_dict())
    return DPSIMSPipeline(network, SPEC.to_dict())


def photos(pipe, maps):
    return pipe(maps[0], latents=some_latents(1), output_type="pt").images


def test_bf16_photos_stay_close_to_fp32(pipe, own_pipe, maps):
    own_pipe.optimize(torch.bfloat16)
    assert own_pipe.network.dtype == torch.bfloat16
    assert own_pipe.generator.dtype == torch.float32
    rounded = photos(own_pipe, maps)
    assert rounded.dtype == torch.float32
    assert 0 < (photos(pipe, maps) - rounded).abs().mean() < 0.02


def test_optimize_keeps_the_photos_and_is_undone(pipe, own_pipe, maps, tmp_path):
    expected = photos(own_pipe, maps)
    before = {name: tensor.clone() for name, tensor in own_pipe.generator.state_dict().items()}
    assert own_pipe.optimize() is own_pipe
    assert own_pipe.network is not own_pipe.generator
    torch.testing.assert_close(photos(own_pipe, maps), expected, atol=1e-5, rtol=0)
    own_pipe.save_pretrained(tmp_path)
    loaded = DPSIMSPipeline.from_pretrained(tmp_path)
    assert torch.equal(photos(loaded, maps), expected)
    assert before.keys() == own_pipe.generator.state_dict().keys()
    assert all(torch.equal(before[name], own_pipe.generator.state_dict()[name]) for name in before)
    assert own_pipe.restore().network is own_pipe.generator
    assert torch.equal(photos(own_pipe, maps), expected)


def count(network: torch.nn.Module, *kinds: type) -> int:
    return sum(type(module) in kinds for module in network.modules())


def test_optimize_says_what_it_did(own_pipe, monkeypatch):
    network, said = own_pipe.generator, []
    assert own_pipe.optimization == ""
    for dtype in (torch.float32, torch.bfloat16):
        said.append(own_pipe.optimize(dtype).optimization)
    # Every convolution but those of gain and offset, which become two each.
    convolutions = count(network, torch.nn.Conv2d, _ReplicateConv2d) + count(network, Modulation)
    packed = count(own_pipe.network, PackedConvolution)
    kept = count(own_pipe.network, torch.nn.Conv2d, _ReplicateConv2d)
    assert packed == convolutions - kept
    folded = (
        f"{count(network, Modulation)} modulations, {count(network, ModulatedBlock)} blocks, "
        f"{count(network, EncoderBlock)} encoder blocks, {count(network, NoiseCrossAttention)} attentions, "
        f"{count(network, LabelConvolution)} label convolutions"
    )
    fused = f"{packed} of {packed} convolutions fused with sums and products by oneDNN"
    assert said[0] == f"float32, channels innermost; folded: {folded}; {fused}"
    assert said[1].startswith(f"bfloat16, channels innermost; folded: {folded}")
    assert own_pipe.restore().optimization == ""
    monkeypatch.setattr(DPSIMSGenerator, "compile", lambda network: None)
    compiled = own_pipe.optimize(compile=True).optimization
    assert compiled == "float32, channels innermost; folded: none; torch.compile"


def test_a_compiled_copy_has_ordinary_layers(own_pipe, maps, monkeypatch):
    compiled = []
    monkeypatch.setattr(DPSIMSGenerator, "compile", lambda network: compiled.append(network))
    expected = photos(own_pipe, maps)
    own_pipe.optimize(compile=True)
    assert compiled == [own_pipe.network] != [own_pipe.generator]
    assert {type(layer) for layer in own_pipe.network.modules()} == {
        type(layer) for layer in own_pipe.generator.modules()
    }
    torch.testing.assert_close(photos(own_pipe, maps), expected, atol=1e-5, rtol=0)
    session = own_pipe.edit_session(maps[0], latents=some_latents(1))
    session.update(maps[1])
    assert session.exact
    own_pipe.to("cpu")
    assert compiled[1:] == [own_pipe.network]  # the new copy is compiled too


def test_another_network_or_dtype_is_not_hidden_by_the_optimized_copy(own_pipe, maps):
    own_pipe.optimize()
    other = DPSIMSGenerator.from_config(own_pipe.generator.config).eval()
    own_pipe.register_modules(generator=other)
    assert torch.equal(photos(own_pipe, maps), photos(DPSIMSPipeline(other, SPEC.to_dict()), maps))
    own_pipe.optimize(torch.bfloat16).to("cpu")
    assert own_pipe.network.dtype == torch.bfloat16
    own_pipe.restore().to(torch.float64)
    own_pipe.optimize().to(torch.float32)
    assert own_pipe.network.dtype == own_pipe.generator.dtype == torch.float32


@pytest.mark.parametrize("compiled", [False, True])
def test_truncated_photos_are_more_alike_in_every_form(pipe, own_pipe, maps, tmp_path, monkeypatch, compiled):
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: None)
    whole = own_pipe(maps[0], 6, latents=some_latents(6), output_type="pt").images
    own_pipe.optimize(compile=compiled)
    form = own_pipe.network
    assert own_pipe.truncate(0.2) is own_pipe
    assert own_pipe.network is not form
    assert ("torch.compile" in own_pipe.optimization) == compiled
    truncated = own_pipe(maps[0], 6, latents=some_latents(6), output_type="pt").images
    assert 0 < truncated.std(0).mean() < 0.5 * whole.std(0).mean()
    plain = own_pipe.restore()(maps[0], 6, latents=some_latents(6), output_type="pt").images
    torch.testing.assert_close(truncated, plain, atol=1e-5, rtol=0)
    own_pipe.save_pretrained(tmp_path)
    loaded = DPSIMSPipeline.from_pretrained(tmp_path)
    again = loaded(maps[0], 6, latents=some_latents(6), output_type="pt").images
    assert torch.equal(again, plain)
    assert own_pipe.truncate(5).network is own_pipe.generator
    undone = own_pipe(maps[0], 6, latents=some_latents(6), output_type="pt").images
    torch.testing.assert_close(undone, whole, atol=1e-5, rtol=0)


def test_class_latents_equal_a_region_map_built_by_hand(pipe, maps):
    base, car, sky = some_latents(3)
    regions = np.zeros(maps[0].shape, dtype=np.int64)
    regions[maps[0] == SPEC.class_id("Car")] = 1
    regions[maps[0] == SPEC.class_id("Sky")] = 2
    by_hand = pipe(maps[0], latents=torch.stack([base, car, sky])[None], region_map=regions, output_type="pt")
    by_class = pipe(maps[0], latents=base[None], class_latents={"Car": car, 0: sky}, output_type="pt")
    plain = pipe(maps[0], latents=base[None], output_type="pt")
    torch.testing.assert_close(by_class.images, by_hand.images, atol=1e-6, rtol=0)
    assert (by_class.images - plain.images).abs().mean() > 1e-4


def test_region_map_of_one_region_changes_nothing(pipe, maps):
    latents = some_latents(1)
    plain = pipe(maps[0], latents=latents, output_type="pt").images
    regions = np.zeros(maps[0].shape, dtype=np.int64)
    same = pipe(maps[0], latents=latents[:, None], region_map=regions, output_type="pt").images
    torch.testing.assert_close(same, plain, atol=1e-6, rtol=0)


# size


def test_other_sizes_are_resized_by_nearest_neighbour_on_request(pipe, maps):
    large = maps[0].repeat(2, axis=0).repeat(2, axis=1)
    latents = some_latents(1)
    photo = pipe(large, latents=latents, height=16, width=24, output_type="np").images
    np.testing.assert_array_equal(photo, pipe(maps[0], latents=latents, output_type="np").images)


def test_region_map_is_resized_with_the_maps(pipe, maps):
    large = maps[0].repeat(2, axis=0).repeat(2, axis=1)
    latents = some_latents(2)[None]
    small = pipe(maps[0], latents=latents, region_map=maps[0] % 2, output_type="np").images
    resized = pipe(large, latents=latents, region_map=large % 2, height=16, width=24, output_type="np").images
    np.testing.assert_array_equal(resized, small)


# faults, each one sentence that names its cause


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_images_per_label": 0}, "num_images_per_label must be a whole number of at least 1, not 0"),
        ({"num_images_per_label": 1.5}, "not 1.5"),
        ({"output_type": "jpeg"}, "output_type must be one of pil, np, pt"),
        ({"latents": torch.zeros(2, LATENT_DIM)}, r"\(2, 6\); these maps and photos need \(1, 6\)"),
        ({"latents": torch.zeros(1, LATENT_DIM + 1)}, r"\(1, 7\)"),
        ({"latents": torch.zeros(1, 2, LATENT_DIM)}, r"\(1, 2, 6\)"),
        ({"generator": [torch.Generator()] * 2}, "2 random generators for 1 photos"),
        ({"height": 16}, "height and width together"),
        ({"height": 18, "width": 27}, "27x18 .* multiples of 4"),
        ({"height": 16, "width": 16}, "distort the scene by 50%; take 24x16"),
        ({"region_map": np.zeros((2, 16, 24), int)}, r"region_map has shape \(2, 16, 24\)"),
        ({"region_map": np.full((16, 24), -1)}, "whole numbers from 0"),
        ({"region_map": np.ones((16, 24), int), "latents": torch.zeros(1, 1, LATENT_DIM)}, r"\(1, 2, 6\)"),
        (
            {"region_map": np.zeros((16, 24), int), "class_latents": {"Car": torch.zeros(LATENT_DIM)}},
            "not both",
        ),
        ({"class_latents": {"Boat": torch.zeros(LATENT_DIM)}}, "no class called 'Boat'"),
        ({"class_latents": {11: torch.zeros(LATENT_DIM)}}, r"ids 0\.\.10, not 11"),
        ({"class_latents": {"Car": torch.zeros(3)}}, r"class_latents\['Car'\] has shape \(3,\)"),
        (
            {"class_latents": {"Car": torch.zeros(LATENT_DIM), 8: torch.zeros(LATENT_DIM)}},
            "'Car' is given twice",
        ),
    ],
)
def test_bad_arguments(pipe, maps, arguments, words):
    with pytest.raises(ValueError, match=words):
        pipe(maps[0], **arguments)


def test_sizes_that_do_not_fit_are_an_error_with_a_way_out(pipe):
    with pytest.raises(ValueError, match=r"27x18 \(width x height\).*multiples of 4.*resize to 24x16"):
        pipe(np.zeros((18, 27), np.uint8))
    with pytest.raises(ValueError, match="1x1"):
        pipe(np.zeros((1, 1), np.uint8))


def test_distortion_can_be_allowed(pipe, maps):
    assert pipe(maps[0], height=16, width=16, allow_distortion=True).images[0].size == (16, 16)


def test_mixed_sizes_are_refused(pipe, maps):
    with pytest.raises(ValueError, match="one size, but label map 0 is 24x16 and label map 1 is 16x16"):
        pipe([maps[0], maps[1][:, :16]])


def test_wrong_maps_are_refused_before_the_network_runs(pipe, maps):
    with pytest.raises(ValueError, match="empty list"):
        pipe([])
    with pytest.raises(LabelMapError, match="label map 1.*200"):
        pipe([maps[0], np.full((16, 24), 200, np.uint8)])
    with pytest.raises(LabelMapError, match="float"):
        pipe(maps[0].astype(np.float32))
    with pytest.raises(FileNotFoundError, match="nowhere.png"):
        pipe("nowhere.png")


# class list


def test_class_spec_must_fit_the_network(pipe):
    with pytest.raises(ValueError, match="num_classes is 35 in the class list cityscapes but 11"):
        DPSIMSPipeline(
            pipe.generator, dict(ClassSpec.load("camvid").to_dict(), name="cityscapes", classes=_names(35))
        )
    spec = dict(SPEC.to_dict(), ignore_index=200)
    with pytest.raises(ValueError, match="ignore_index is 200"):
        DPSIMSPipeline(pipe.generator, spec)


def _names(count: int) -> list[dict]:
    return [{"id": number, "name": f"thing {number}"} for number in range(count)]


def test_without_class_spec_the_classes_are_numbered(pipe, maps):
    nameless = DPSIMSPipeline(pipe.generator)
    assert nameless.id2label[10] == "class 10"
    latents = some_latents(1)
    np.testing.assert_array_equal(
        nameless(maps[0], latents=latents, output_type="np").images,
        pipe(maps[0], latents=latents, output_type="np").images,
    )


# saving and loading


@pytest.mark.parametrize("max_shard_size", ["10GB", "20KB"])
def test_round_trip_is_exact(pipe, maps, tmp_path, max_shard_size):
    pipe.save_pretrained(tmp_path, max_shard_size=max_shard_size)
    loaded = DPSIMSPipeline.from_pretrained(tmp_path)
    latents = some_latents(2)
    before = pipe(maps[0], 2, latents=latents, output_type="np").images
    np.testing.assert_array_equal(loaded(maps[0], 2, latents=latents, output_type="np").images, before)
    assert loaded.spec == SPEC
    assert loaded.id2label == dict(enumerate(SPEC.names))
    assert not loaded.generator.training


def test_saved_index_names_the_package_not_its_files(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["_class_name"] == "DPSIMSPipeline"
    assert index["generator"] == ["dpsims_hub", "DPSIMSGenerator"]
    assert DPSIMSPipeline.__module__ == "dpsims_hub"


def test_variant_and_dtype(pipe, tmp_path):
    pipe.save_pretrained(tmp_path, variant="fp16")
    assert (
        DPSIMSPipeline.from_pretrained(tmp_path, variant="fp16", dtype=torch.bfloat16).dtype == torch.bfloat16
    )
    with pytest.raises(FileNotFoundError, match="has no weights"):
        DPSIMSPipeline.from_pretrained(tmp_path)


def test_own_network_can_be_given(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    next((tmp_path / "generator").glob("*.safetensors")).unlink()
    assert DPSIMSPipeline.from_pretrained(tmp_path, generator=pipe.generator).generator is pipe.generator
