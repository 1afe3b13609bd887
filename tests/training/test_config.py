"""Settings: preset < file < flags, and what cannot be used."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest

from dpsims_hub.models import DISCRIMINATOR_PRESETS, GENERATOR_PRESETS, feature_conditioning
from dpsims_hub.training import choices
from dpsims_hub.training.command_line import make_parser, parse_config
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.presets import PRESETS
from dpsims_hub.training.transform import ResizeMode


@pytest.fixture
def write(tmp_path):
    def write_file(settings: object) -> list[str]:
        path = tmp_path / "settings.json"
        path.write_text(settings if isinstance(settings, str) else json.dumps(settings))
        return ["--config", str(path)]

    return write_file


def test_choices_are_those_of_the_code_and_are_known_before_torch():
    assert choices.CONDITIONINGS == feature_conditioning.CONDITIONINGS
    assert get_args(ResizeMode) == choices.RESIZE_MODES
    code = "import sys, dpsims_hub.training.command_line; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_flags_beat_the_file_which_beats_the_preset(write):
    file = write({"preset": "oasis", "adam_beta2": 0.5, "weight_labelmix": 3})
    config = parse_config([*file, "--weight_labelmix", "2"])
    assert config.weight_labelmix == 2  # flag
    assert config.adam_beta2 == 0.5  # file
    assert config.learning_rate_d == PRESETS["oasis"]["learning_rate_d"]  # preset
    assert config.seed == TrainConfig().seed  # default
    flag_preset = parse_config([*file, "--preset", "small"])
    assert flag_preset.backbone == PRESETS["small"]["backbone"]
    assert flag_preset.adam_beta2 == 0.5


def test_the_preset_oasis_has_the_released_values():
    """Those of ADE20K and COCO-Stuff in its repository, as docs/paper_to_code.md lists their sources."""
    config = parse_config(["--preset", "oasis"])
    released = {
        **{"resolution": "256", "resize_mode": "stretch", "max_zoom": 286 / 256, "flip": True},
        **{"backbone": "none", "samples_per_map": 1, "train_batch_size": 8},  # 32 on 4 GPUs
        **{"focal_gamma": 0.0, "label_smoothing": 0.0, "weight_labelmix": 10.0},
        **{"weight_contrastive": 0.0, "weight_diversity": 0.0, "augmentation": ""},
        **{"learning_rate_g": 1e-4, "learning_rate_d": 4e-4, "lr_decay_steps": 0, "max_grad_norm": 0.0},
        **{"adam_beta1": 0.0, "adam_beta2": 0.999},
        **{"use_ema": True, "ema_decay": 0.9999, "ema_warmup": False},
    }
    assert {name: getattr(config, name) for name in released} == released


def test_saved_settings_are_the_same_settings_again(tmp_path):
    flags = ["--preset", "small", "--no-flip", "--backbone_mean", "[0.5, 0.5, 0.5]", "--resolution", "64x32"]
    config = parse_config([*flags, "--generator_config", '{"latent_dim": 3}', "--train_data_dir", "here"])
    config.save(tmp_path / "config.json")
    assert parse_config(["--config", str(tmp_path / "config.json")]) == config
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_finished_run_leaves_its_settings(finished):
    saved = parse_config(["--config", str(finished.output_dir / "config.json")])
    assert saved == parse_config(finished.flags)


def test_every_setting_is_a_flag_and_reads_its_own_default():
    for field in dataclasses.fields(TrainConfig):
        value = getattr(TrainConfig(), field.name)
        text = json.dumps(value) if isinstance(value, dict | tuple) else str(value)
        words = [f"--{field.name}", text]
        if isinstance(value, bool):
            words = [f"--{field.name}" if value else f"--no-{field.name}"]
        assert getattr(parse_config(words), field.name) == value
        assert type(getattr(parse_config(words), field.name)) is type(value)


def test_help_lists_every_flag_in_its_group_with_default_and_preset_settings():
    text = make_parser().format_help()
    sections = re.split(r"^(\w+):\n", text, flags=re.M)
    groups = dict(zip(sections[1::2], sections[2::2], strict=True))
    for field in dataclasses.fields(TrainConfig):
        group = groups[field.metadata["group"]]
        entry = re.search(rf"^  --{field.name}\b.*?(?=^  --|^\S|\Z)", group, re.M | re.S)
        assert entry, field.name
        words = " ".join(entry[0].split())
        assert field.metadata["help"] in words
        if field.default not in (None, "", ()):
            default = json.dumps(field.default) if isinstance(field.default, tuple) else field.default
            assert f"(default: {default})" in words
    for name, settings in PRESETS.items():
        for setting, value in settings.items():
            assert f"{setting} {value}" in " ".join(text[text.index(f"\n  {name}: ") :].split())


def test_names_of_flags_have_underscores_or_hyphens():
    words = ["--mixed-precision", "bf16", "--no-use-ema", "--train-data-dir=my-data", "--dry-run"]
    config = parse_config(words)
    assert config == parse_config(
        ["--mixed_precision", "bf16", "--no-use_ema", "--train_data_dir=my-data", "--dry_run"]
    )
    assert (config.mixed_precision, config.use_ema, config.train_data_dir) == ("bf16", False, "my-data")
    assert config.dry_run


def test_every_preset_can_be_used_and_has_an_architecture():
    assert PRESETS.keys() == GENERATOR_PRESETS.keys() == DISCRIMINATOR_PRESETS.keys()
    for name, settings in PRESETS.items():
        config = parse_config(["--preset", name])
        assert {key: getattr(config, key) for key in settings} == settings


@pytest.mark.parametrize(
    ("text", "size"), [("256", (256, 256)), ("128x96", (96, 128)), ("8X4", (4, 8)), (64, (64, 64))]
)
def test_size_is_height_and_width(text, size):
    assert TrainConfig(resolution=text).size == size


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"resolution": "axb"}, "--resolution: 'axb' is neither a side nor WIDTHxHEIGHT"),
        ({"resolution": "1x2x3"}, "--resolution"),
        ({"resolution": "0"}, "--resolution"),
        ({"preset": "huge"}, "--preset: 'huge' is not one of paper, dpsims, base, small, oasis"),
        ({"preset": ["small"]}, "--preset: expected text"),
        ({"train_batch_size": 0}, "--train_batch_size: must be at least 1, got 0"),
        ({"train_batch_size": "4"}, "--train_batch_size: expected a whole number, got '4'"),
        ({"train_batch_size": 1.5}, "--train_batch_size: expected a whole number"),
        ({"train_batch_size": True}, "--train_batch_size: expected a whole number"),
        ({"flip": 1}, "--flip: expected true or false, got 1"),
        ({"max_zoom": 0.5}, "--max_zoom: must be at least 1"),
        ({"max_zoom": float("nan")}, "--max_zoom: must be finite"),
        ({"learning_rate_g": 0}, "--learning_rate_g: must be above 0"),
        ({"ema_decay": 1}, "--ema_decay: must be below 1"),
        ({"seed": -1}, "--seed: must be at least 0"),
        ({"mixed_precision": "fp8"}, "--mixed_precision: 'fp8' is not one of no, bf16, fp16"),
        ({"mixed_precision": "fp16", "gradient_accumulation_steps": 2}, "--mixed_precision: fp16 cannot"),
        ({"report_to": "paper"}, "--report_to: 'paper' is not one of tensorboard, wandb, none"),
        ({"feature_conditioning": "x"}, "--feature_conditioning: 'x' is not one of sigmoid_batchnorm"),
        ({"samples_per_map": 1}, "--weight_diversity: needs --samples_per_map of at least 2"),
        ({"generator_config": [1]}, "--generator_config: expected an object of settings, got"),
        ({"contrastive_strides": 4}, "--contrastive_strides: expected a list of numbers, got 4"),
        ({"contrastive_strides": ["4"]}, "--contrastive_strides: expected a list of numbers"),
        ({"backbone_mean": [0.5]}, "--backbone_mean: expected 3 numbers, got 1"),
        (
            {"learning_rate": 1, "foo": 2},
            "settings.json has unknown settings: foo, learning_rate; did you mean 'learning_rate_g'?",
        ),
        ({"wheels": 4}, "settings.json has unknown settings: wheels."),
        ('{"seed": 1, "seed": 2}', "settings.json: the key 'seed' stands twice in one object"),
        ([1], "settings.json must hold one object of settings"),
        ('{"seed": 1', "settings.json is not JSON"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_setting(write, settings, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        parse_config(write(settings))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--train_batch_size", "many"], "argument --train_batch_size: invalid int value: 'many'"),
        (["--generator_config", "{a: 3}"], "argument --generator_config: '{a: 3}' is not JSON"),
        (
            ["--learning_rate", "1"],
            "unrecognized arguments: --learning_rate 1; did you mean '--learning_rate_g'?",
        ),
        (["--wheels", "4"], "unrecognized arguments: --wheels 4; see --help."),
        (["--generator_config", '{"a": 1, "a": 2}'], "the key 'a' stands twice in one object"),
        (["--train_batch", "1"], "unrecognized arguments: --train_batch 1"),  # no guessing of short forms
        (["--seed"], "argument --seed: expected one argument"),
    ],
)
def test_flags_that_cannot_be_used_are_refused_in_one_line(flags, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        parse_config(flags)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match="--config: no such file: nowhere.json"):
        parse_config(["--config", "nowhere.json"])


def test_settings_of_two_configurations_are_not_shared():
    TrainConfig().generator_config["latent_dim"] = 3
    assert TrainConfig().generator_config == {}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_may_have_a_mark_or_16_bits(tmp_path, encoding):
    path = tmp_path / "settings.json"
    path.write_text('{"train_data_dir": "photos of \u00c4lmhult"}', encoding=encoding)
    assert parse_config(["--config", str(path)]).train_data_dir == "photos of \u00c4lmhult"


def test_values_of_numpy_are_saved_as_plain_json(tmp_path):
    config = TrainConfig(
        flip=np.bool_(False),
        resolution=np.str_("64"),
        backbone_mean=(np.float32(0.5), 0, np.float64(1)),
        contrastive_strides=np.array([4, 8]),
        generator_config={"latent_dim": np.int64(3), "image_widths": [np.int32(8)]},
    )
    config.save(tmp_path / "config.json")
    stored = json.loads((tmp_path / "config.json").read_text())
    assert stored["flip"] is False
    assert stored["backbone_mean"] == [0.5, 0, 1]
    assert stored["contrastive_strides"] == [4, 8]
    assert stored["generator_config"] == {"latent_dim": 3, "image_widths": [8]}
    assert parse_config(["--config", str(tmp_path / "config.json")]) == config


def test_numbers_of_numpy_are_numbers():
    config = TrainConfig(seed=np.int64(3), train_batch_size=np.uint8(2), learning_rate_g=np.float32(0.5))
    assert (config.seed, config.train_batch_size, config.learning_rate_g) == (3, 2, 0.5)
    assert json.loads(json.dumps(dataclasses.asdict(config)))["seed"] == 3
    with pytest.raises(ValueError, match="--seed: expected a whole number"):
        TrainConfig(seed=np.bool_(True))
