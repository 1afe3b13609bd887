import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from dpsims_hub.evaluation.segmentation_scores import mean_iou
from dpsims_hub.evaluation.segmenter import Segmenter
from dpsims_hub.evaluation.segmenter_network import new_segmenter, save_segmenter
from dpsims_hub.evaluation.segmenter_training import (
    CropDataset,
    TrainingPlan,
    sample_sha256,
    score_segmenter,
    train_segmenter,
)
from dpsims_hub.labels import FolderDataset
from dpsims_hub.models import PretrainedBackbone
from tests.training.tiny_run import forget_accelerators

SIZE = (32, 48)
COLOURS = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200]])


@pytest.fixture(scope="module")
def streets(tmp_path_factory) -> FolderDataset:
    """Eight pairs in which every class has a colour of its own, and the lowest rows are unknown."""
    root = tmp_path_factory.mktemp("streets")
    for name in ("images", "labels"):
        (root / name).mkdir()
    classes = [{"id": number, "name": name} for number, name in enumerate(("road", "sky", "car"))]
    (root / "classes.json").write_text(json.dumps({"name": "blocks", "ignore_index": 77, "classes": classes}))
    random = np.random.default_rng(0)
    for number in range(8):
        ids = random.integers(0, 3, (2, 3)).repeat(16, axis=0).repeat(16, axis=1)
        photo = COLOURS[ids] + random.integers(-30, 31, (*SIZE, 3))
        ids[-4:] = 77
        Image.fromarray(photo.astype(np.uint8)).save(root / "images" / f"{number}.png")
        Image.fromarray(ids.astype(np.uint8)).save(root / "labels" / f"{number}.png")
    return FolderDataset(root)


@pytest.fixture
def new(streets, backbone):
    torch.manual_seed(0)
    return new_segmenter(streets.spec, backbone, SIZE, width=16)


class StopAt(transformers.TrainerCallback):
    def __init__(self, last: int | None = None) -> None:
        self.last, self.begun, self.losses = last, [], []

    def on_train_begin(self, args, state, control, **unused):
        self.begun.append(state.global_step)

    def on_step_end(self, args, state, control, **unused):
        self.losses.append(state.log_history[-1].get("loss") if state.log_history else None)
        if state.global_step == self.last:
            control.should_save = control.should_training_stop = True


def test_starts_from_the_backbone_and_leaves_out_what_is_fine(new, backbone, streets):
    model, processor = new
    ours = model.backbone._backbone.state_dict()
    theirs = backbone.network.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert all(tensor.requires_grad for tensor in model.parameters())
    assert min(model.backbone._backbone.feature_info.reduction()) == 4
    assert processor.image_mean == pytest.approx(backbone.mean.flatten().tolist())
    assert processor.image_std == pytest.approx(backbone.std.flatten().tolist())
    assert model.config.loss_ignore_index == streets.spec.ignore_index == 77
    assert model.config.id2label == dict(enumerate(streets.spec.names))


@pytest.mark.parametrize(("name", "half"), [("test_resnet", False), ("tf_efficientnet_lite0", True)])
def test_layers_beyond_the_coarsest_stride_are_left_out(streets, tmp_path, name, half):
    torch.manual_seed(0)
    backbone = PretrainedBackbone(name, None)
    model, processor = new_segmenter(streets.spec, backbone, SIZE, width=16, coarsest_stride=16)
    inner = model.eval().backbone._backbone
    whole = backbone.network.state_dict()
    assert inner.state_dict().keys() < whole.keys()
    assert all(torch.equal(tensor, whole[name]) for name, tensor in inner.state_dict().items())
    photo = torch.rand(1, 3, *SIZE)
    features = backbone.network(photo)  # all layers
    ours = inner(photo)
    assert all(torch.equal(ours[n], features[backbone.strides.index(s)]) for n, s in enumerate((4, 8, 16)))

    with torch.no_grad():
        expected = model(photo).logits
    save_segmenter(model, processor, tmp_path, half=half)
    judge = Segmenter(str(tmp_path), streets.spec).model
    assert {tensor.dtype for tensor in judge.parameters()} == {torch.float32}
    assert (tmp_path / "model.safetensors").stat().st_size < 1.2 * (2 if half else 4) * sum(
        tensor.numel() for tensor in inner.parameters()
    ) + (2 if half else 4) * sum(tensor.numel() for tensor in model.decode_head.parameters()) + 60_000
    with torch.no_grad():
        torch.testing.assert_close(judge(photo).logits, expected, rtol=0, atol=0.02 if half else 0)


def test_a_stride_that_the_backbone_has_not_is_refused(backbone, streets):
    with pytest.raises(ValueError, match=r"--coarsest-stride 3: .* has strides"):
        new_segmenter(streets.spec, backbone, SIZE, coarsest_stride=3)


def test_what_is_fed_in_training_is_what_the_processor_makes(new, streets):
    crops = CropDataset(streets, SIZE, new[1], 100)
    photo = streets[0].image
    wanted = new[1](images=photo, return_tensors="pt")["pixel_values"][0]
    pixels = torch.from_numpy(np.array(photo)).permute(2, 0, 1).float() / 255
    torch.testing.assert_close(crops.normalize(pixels), wanted, rtol=0, atol=1e-5)


def test_examples_depend_on_seed_and_number_alone(new, streets, monkeypatch):
    crops = CropDataset(streets, SIZE, new[1], 100, seed=3)
    first = crops[0]
    torch.manual_seed(99)
    again = crops[0]
    assert first["pixel_values"].shape == (3, *SIZE)
    assert set(first["labels"].unique().tolist()) <= {0, 1, 2, 77}
    assert all(torch.equal(first[key], again[key]) for key in first)
    other = CropDataset(streets, SIZE, new[1], 100, seed=4)[0]
    assert not torch.equal(first["pixel_values"], other["pixel_values"])
    asked = []
    monkeypatch.setattr(crops, "data", Asked(streets, asked))
    for number in range(16):
        crops[number]
    assert sorted(asked[:8]) == sorted(asked[8:]) == list(range(8))
    assert asked[:8] != asked[8:]


class Asked:
    def __init__(self, data, asked) -> None:
        self.data, self.asked, self.spec = data, asked, data.spec

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int):
        self.asked.append(index)
        return self.data[index]


def test_learns_what_colours_tell_and_is_read_by_transformers_alone(new, streets, tmp_path):
    model, processor = new
    save_segmenter(model.eval(), processor, tmp_path / "before")
    before = score_segmenter(Segmenter(str(tmp_path / "before"), streets.spec), streets, SIZE)
    callback = StopAt()
    plan = TrainingPlan(steps=40, batch_size=8, learning_rate=5e-3)
    assert train_segmenter(model.train(), processor, streets, tmp_path / "checkpoints", plan, callback) == 40
    assert callback.begun == [0]
    assert len(callback.losses) == 40
    assert callback.losses[-1] < callback.losses[9 + 1]
    save_segmenter(model.eval(), processor, tmp_path / "after")
    after = score_segmenter(Segmenter(str(tmp_path / "after"), streets.spec), streets, SIZE)
    assert after.shape == (8, 3, 3)
    assert after[:, :, 1].sum() == 8 * 28 * 48  # all pixels but the unknown ones
    assert mean_iou(before.sum(axis=0)) < 0.6
    assert mean_iou(after.sum(axis=0)) > 0.85
    loaded = transformers.AutoModelForSemanticSegmentation.from_pretrained(tmp_path / "after")
    tensors = loaded.state_dict()
    assert all(torch.equal(tensors[key], value) for key, value in model.state_dict().items())


def test_goes_on_as_if_it_had_not_been_stopped(streets, backbone, tmp_path):
    def trained(folder, *stops):
        for last in stops:
            torch.manual_seed(0)
            model, processor = new_segmenter(streets.spec, backbone, SIZE, width=16)
            callback = StopAt(last)
            plan = TrainingPlan(steps=7, batch_size=3)
            done = train_segmenter(model, processor, streets, tmp_path / folder, plan, callback)
            assert done == (last or 7)
        return model.state_dict(), callback

    whole, _ = trained("whole", None)
    _, callback = trained("parts", 3)
    cut = tmp_path / "parts" / "checkpoint-5"  # a kill in the middle of a save
    shutil.copytree(tmp_path / "parts" / "checkpoint-3", cut)
    (cut / "trainer_state.json").unlink()
    parts, callback = trained("parts", None)
    assert callback.begun == [3]
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


@pytest.mark.parametrize(("bf16", "dtype"), [(False, torch.float32), (True, torch.bfloat16)])
def test_arithmetic_is_the_one_asked_for(new, streets, tmp_path, bf16, dtype):
    model, processor = new
    seen = []
    model.decode_head.classifier.register_forward_hook(lambda layer, given, made: seen.append(made.dtype))
    forget_accelerators()
    train_segmenter(
        model, processor, streets, tmp_path, TrainingPlan(1, 2, bf16=bf16), transformers.TrainerCallback()
    )
    forget_accelerators()
    assert seen == [dtype]


def test_weights_that_are_not_finite_are_no_judge(new, streets, tmp_path):
    model, processor = new
    plan = TrainingPlan(steps=3, batch_size=2, learning_rate=float("inf"))
    with pytest.raises(ValueError, match="not finite any more; give a lower --learning-rate"):
        train_segmenter(model, processor, streets, tmp_path, plan, transformers.TrainerCallback())


def test_other_data_have_another_digest(streets, folder):
    assert sample_sha256(streets) == sample_sha256(streets)
    assert sample_sha256(streets) != sample_sha256(folder)


def test_backbone_that_does_not_fit_is_refused(streets):
    swin = PretrainedBackbone("swin_tiny_patch4_window7_224", None, image_size=SIZE)
    with pytest.raises(ValueError, match=r"--backbone swin_tiny.*48x32 px.*take a convolutional one"):
        new_segmenter(streets.spec, swin, SIZE)


class WithUnknown:
    """Pairs of which only the last has known pixels."""

    def __init__(self, data, known: bool) -> None:
        self.data, self.spec, self.known = data, data.spec, known

    def __len__(self):
        return 4

    def __getitem__(self, index):
        pair = self.data[index]
        if self.known and index == 3:
            return pair
        return pair._replace(label_map=np.full_like(pair.label_map, 77))


def test_a_map_without_a_known_pixel_is_no_lesson(new, streets):
    crops = CropDataset(WithUnknown(streets, known=True), SIZE, new[1], 12)
    assert all((crops[number]["labels"] != 77).any() for number in range(12))
    with pytest.raises(ValueError, match="100 label maps in a row have no known pixel"):
        CropDataset(WithUnknown(streets, known=False), SIZE, new[1], 12)[0]
