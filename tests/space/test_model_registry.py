from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dpsims_hub.bundled import bundled_examples, bundled_model
from dpsims_hub.labels import ClassSpec, read_label_map
from dpsims_hub.space.map_string import decode
from dpsims_hub.space.model_registry import (
    ModelInfo,
    ModelRegistry,
    layouts_for,
    wanted_models,
    with_known_aliases,
)
from tests.space.models import save_tiny


def test_the_bundled_model_is_described_for_the_page(camvid: ModelInfo) -> None:
    told = camvid.describe()
    config = json.loads((bundled_model() / "generator" / "config.json").read_text())
    assert (told["name"], told["title"]) == ("camvid", "camvid")
    assert [told["height"], told["width"]] == config["sample_size"]
    assert told["ignore_index"] == 255
    assert told["max_seed"] == 2**31 - 1
    assert told["regions"] is True
    road = told["classes"][3]
    assert (road["id"], road["name"], road["rgb"]) == (3, "Road", [128, 64, 128])
    assert "street" in road["aliases"]
    assert json.loads(json.dumps(told)) == told
    for example, path in zip(told["examples"], bundled_examples("camvid"), strict=True):
        assert example["name"] == path.stem.replace("_", " ")
        np.testing.assert_array_equal(decode(example["map"]), read_label_map(path, camvid.spec))


def test_a_model_of_150_classes_brings_its_own_scenes(ade20k: ModelInfo) -> None:
    told = ade20k.describe()
    assert (told["name"], told["width"], told["height"]) == ("ade20k", 48, 32)
    assert [info["name"] for info in told["classes"]] == list(ClassSpec.load("ade20k").names)
    assert len(told["examples"]) >= 6
    for example in told["examples"]:
        assert decode(example["map"], ade20k.spec).shape == (32, 48)


def test_reading_a_description_loads_no_weights(ade20k_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(ade20k_folder, tmp_path / "model")
    for path in (tmp_path / "model" / "generator").glob("*.safetensors"):
        path.write_bytes(b"damaged")
    registry = ModelRegistry([str(tmp_path / "model")])
    with pytest.raises(ValueError, match="damaged"):
        registry.load(registry.find())


def test_models_are_listed_and_found_by_title(registry: ModelRegistry, camvid: ModelInfo) -> None:
    assert registry.list() == [{"name": "camvid", "title": "camvid"}, {"name": "ade20k", "title": "ade20k"}]
    assert registry.find() is registry.find(None) is registry.find("camvid") is camvid


@pytest.mark.parametrize("name", ["/etc", "owner/model", "CAMVID", 3, ["camvid"], {"a": 1}])
def test_visitors_cannot_name_other_models(registry: ModelRegistry, name: object) -> None:
    with pytest.raises(ValueError, match="has no model of that name; it has camvid, ade20k"):
        registry.find(name)


def test_titles_hold_no_path_and_are_unique(ade20k_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "ade20k"
    shutil.copytree(ade20k_folder, other)
    registry = ModelRegistry([str(ade20k_folder), str(other), str(other)])
    assert [one["title"] for one in registry.list()] == ["ade20k", "ade20k (2)"]
    assert str(tmp_path) not in json.dumps([registry.find(one["name"]).describe() for one in registry.list()])


def test_models_of_the_bundled_classes_get_its_layouts_at_their_size() -> None:
    spec = ClassSpec.load("camvid")
    layouts = layouts_for(spec, (48, 48))
    assert len(layouts) == len(bundled_examples("camvid"))
    whole = read_label_map(bundled_examples("camvid")[0], spec)
    np.testing.assert_array_equal(layouts[0][1], whole[2::4, 32:224][:, 2::4])


def test_a_models_aliases_are_joined_by_known_ones() -> None:
    bare = ClassSpec.from_dict({"name": "mine", "classes": list(ClassSpec.load("camvid").names)})
    assert bare.classes[3].aliases == ()
    own = replace(bare, classes=(replace(bare.classes[0], aliases=("heaven",)), *bare.classes[1:]))
    filled = with_known_aliases(own)
    assert filled.classes[0].aliases == ("heaven", "clouds", "cloud")
    assert filled.classes[3].aliases == ClassSpec.load("camvid").classes[3].aliases
    assert [info.rgb for info in filled.classes] == [info.rgb for info in own.classes]
    other = ClassSpec.from_dict({"name": "other", "classes": ["Sky", "Road"]})
    assert with_known_aliases(other) is other


def test_a_model_without_names_counts_its_classes(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "numbers", ClassSpec.load("camvid"))
    index = json.loads((folder / "model_index.json").read_text())
    index["class_spec"] = None
    (folder / "model_index.json").write_text(json.dumps(index))
    model_info = ModelRegistry([str(folder)]).find()
    assert model_info.spec.names[:2] == ("class 0", "class 1")
    assert len(model_info.examples) == 6


@pytest.mark.parametrize(("noise", "regions"), [("none", False), ("spatial", True)])
def test_a_model_says_whether_regions_may_have_noise_of_their_own(tmp_path: Path, noise, regions) -> None:
    folder = save_tiny(tmp_path / "model", ClassSpec.load("camvid"), noise_injection=noise)
    assert ModelRegistry([str(folder)]).find().describe()["regions"] is regions


def test_a_model_with_object_offsets_is_refused(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "offsets", ClassSpec.load("camvid"), use_instance_offsets=True)
    with pytest.raises(ValueError, match="offsets to object centres"):
        ModelRegistry([str(folder)])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "model_index.json").unlink(), "has no model_index.json"),
        (lambda folder: (folder / "generator" / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / "model_index.json").write_text("{"), r"not valid JSON .*; copy or"),
        (lambda folder: (folder / "model_index.json").write_text("[]"), "must hold an object"),
    ],
)
def test_a_spoilt_folder_is_refused_in_one_sentence(ade20k_folder, tmp_path, spoil, said) -> None:
    shutil.copytree(ade20k_folder, tmp_path / "model")
    spoil(tmp_path / "model")
    with pytest.raises((OSError, ValueError), match=said):
        ModelRegistry([str(tmp_path / "model")])


def test_missing_models_are_named() -> None:
    with pytest.raises(FileNotFoundError, match="there is no such model folder"):
        ModelRegistry(["no_such_model"])
    with pytest.raises(ValueError, match="name at least one model"):
        ModelRegistry([])


def test_models_are_named_in_one_text() -> None:
    assert wanted_models(None) == wanted_models("") == wanted_models(" , ") == ["outdoor", "camvid"]
    assert wanted_models("a/b, models/c") == ["a/b", "models/c"]
    assert wanted_models(os.pathsep.join(["one", "two"])) == ["one", "two"]
