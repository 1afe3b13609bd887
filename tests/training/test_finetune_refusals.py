"""Published models and flags that do not fit a run."""

from __future__ import annotations

import json
import shutil

import pytest

from dpsims_hub.training.finetune import build_finetuned
from tests.training.published import NAMES, flags, publish, spec


def test_no_class_in_common(tmp_path):
    publish(tmp_path / "model")
    with pytest.raises(ValueError, match="no class in common") as caught:
        build_finetuned(flags(tmp_path / "model"), spec("cell", "nucleus"))
    message = str(caught.value)
    assert "the model has road, sky, car, tree; the data has cell, nucleus." in message
    assert message.startswith("--pretrained_model_name_or_path: ")


def test_a_model_that_is_not_there(tmp_path):
    for name in (tmp_path / "nowhere", "nobody/nothing"):
        with pytest.raises(FileNotFoundError, match=f"^--pretrained_model_name_or_path: {name}: "):
            build_finetuned(flags(name), spec(*NAMES))
    publish(tmp_path / "model")
    with pytest.raises(FileNotFoundError, match="has no fp16 weights"):
        build_finetuned(flags(tmp_path / "model", "--variant", "fp16"), spec(*NAMES))
    shutil.rmtree(tmp_path / "model" / "generator")
    with pytest.raises(FileNotFoundError, match="it has no generator/config.json"):
        build_finetuned(flags(tmp_path / "model"), spec(*NAMES))


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({"noise_fields": 1}, "noise_fields"),
        ({"image_widths": [16, 12, 12, 4], "upsample": "nearest"}, "image_widths, upsample"),
        ({"latent_dim": 9}, "latent_dim"),
    ],
)
def test_flags_that_change_shapes_are_refused(settings, changed, tmp_path):
    publish(tmp_path / "model")
    config = flags(tmp_path / "model", "--generator_config", json.dumps(settings))
    with pytest.raises(ValueError, match=f"^--generator_config: {changed} would change the shape of weights"):
        build_finetuned(config, spec(*NAMES))


def test_flags_that_keep_shapes_are_taken(tmp_path):
    publish(tmp_path / "model")
    settings = {"upsample": "nearest", "spectral_norm": False, "mapping_width": 12}
    config = flags(tmp_path / "model", "--generator_config", json.dumps(settings))
    generator, _, _, _ = build_finetuned(config, spec(*NAMES))
    assert generator.config.upsample == "nearest"
    assert not any("parametrizations" in name for name in generator.state_dict())


def test_other_refusals_are_those_of_every_run(tmp_path):
    publish(tmp_path / "model")
    config = flags(tmp_path / "model", "--generator_config", '{"colour": 1}')
    with pytest.raises(ValueError, match="--generator_config: colour cannot be set here"):
        build_finetuned(config, spec(*NAMES))
    with pytest.raises(ValueError, match="--resolution: 34x24"):
        build_finetuned(flags(tmp_path / "model", "--resolution", "34x24"), spec(*NAMES))
