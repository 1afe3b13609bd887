import json
import shutil

import numpy as np
import pytest
import torch
import transformers

from dpsims_hub.evaluation.segmentation_scores import class_counts
from dpsims_hub.evaluation.segmenter import Segmenter
from dpsims_hub.labels import ClassSpec
from tests.evaluation.segmenters import save_mask2former, save_oneformer, save_segformer

SPEC = ClassSpec.from_dict({"name": "three", "classes": ["road", "sky", "car"]})
THEIRS = {0: "car", 1: "wall", 2: "Road", 3: "sky"}
KINDS = {"segformer": save_segformer, "mask2former": save_mask2former, "oneformer": save_oneformer}


@pytest.fixture(scope="module", params=list(KINDS))
def folder(request, tmp_path_factory):
    return KINDS[request.param](tmp_path_factory.mktemp(request.param), THEIRS)


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 20, 28, 3), np.uint8)


def test_predicts_our_ids_at_the_size_of_the_photo(folder, photos):
    segmenter = Segmenter(str(folder), SPEC)
    seen = segmenter.predict(photos)
    assert seen.shape == (3, 20, 28)
    assert set(np.unique(seen)) <= {-1, 0, 1, 2}
    assert segmenter.match.table.tolist() == [2, -1, 0, 1]
    for alone, one in zip(photos, seen, strict=True):
        assert (segmenter.predict(alone[None])[0] == one).mean() > 0.99
    described = segmenter.description
    assert json.loads(json.dumps(described)) == described
    assert described["segmenter"] == folder.name
    assert described["class_map"] == {"car": "car", "wall": None, "Road": "road", "sky": "sky"}
    assert described["classes_it_cannot_see"] == []


def test_another_way_to_feed_it_is_another_segmenter(tmp_path):
    """What is kept of photos that it saw must not outlive a corrected image processor or configuration."""
    folder = save_segformer(tmp_path / "one", THEIRS)
    before = Segmenter(str(folder), SPEC).description
    copy = shutil.copytree(folder, tmp_path / "two")
    described = Segmenter(str(copy), SPEC).description
    assert described == before | {"segmenter": "two"}
    settings = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "preprocessor_config.json").write_text(json.dumps(settings | {"image_mean": [0.1, 0.2, 0.3]}))
    assert Segmenter(str(copy), SPEC).description["settings_sha256"] != before["settings_sha256"]
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 0.5}))
    assert Segmenter(str(folder), SPEC).description["settings_sha256"] != before["settings_sha256"]


def test_counts_are_those_of_its_predictions(folder, photos):
    segmenter = Segmenter(str(folder), SPEC)
    labels = np.random.default_rng(1).choice([0, 1, 2, 255], size=(3, 20, 28))
    expected = [class_counts(*pair, 3) for pair in zip(labels, segmenter.predict(photos), strict=True)]
    np.testing.assert_array_equal(segmenter.judge(photos, labels), expected)


def test_semantic_answers_are_the_largest_logit(tmp_path, photos):
    """By hand: transformers' own processor and model, logits enlarged to the photo, argmax, table."""
    folder = save_segformer(tmp_path, THEIRS)
    model = transformers.SegformerForSemanticSegmentation.from_pretrained(folder).eval()
    inputs = transformers.AutoImageProcessor.from_pretrained(folder)(list(photos), return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits
    large = torch.nn.functional.interpolate(logits, (20, 28), mode="bilinear", align_corners=False)
    expected = np.array([2, -1, 0, 1])[large.argmax(1).numpy()]
    np.testing.assert_array_equal(Segmenter(str(folder), SPEC).predict(photos), expected)
    assert len(np.unique(expected)) > 1


def test_classes_that_it_cannot_see_do_not_count(tmp_path, photos):
    segmenter = Segmenter(str(save_segformer(tmp_path, {0: "road", 1: "sky"})), SPEC)
    assert segmenter.description["classes_it_cannot_see"] == ["car"]
    labels = np.full((3, 20, 28), 2)
    labels[:, :5] = 0
    counts = segmenter.judge(photos, labels)
    assert counts[:, :, 1].tolist() == [[5 * 28, 0, 0]] * 3
    assert not counts[:, 2].any()


def test_what_is_no_segmenter(tmp_path):
    config = transformers.SegformerConfig(num_encoder_blocks=1, depths=[1], hidden_sizes=[8], id2label=THEIRS)
    config.architectures = ["SegformerForImageClassification"]
    config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="which is not a semantic or universal segmenter"):
        Segmenter(str(tmp_path), SPEC)


def test_no_such_segmenter(tmp_path):
    with pytest.raises(ValueError, match=r"--segmenter .*nowhere: transformers cannot load it"):
        Segmenter(str(tmp_path / "nowhere"), SPEC)


def test_a_processor_is_needed(tmp_path):
    save_segformer(tmp_path, THEIRS)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(ValueError, match="transformers cannot load it"):
        Segmenter(str(tmp_path), SPEC)
