"""A run that starts from a published model on other classes."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dpsims_hub.bundled import bundled_model
from dpsims_hub.labels import ClassSpec
from dpsims_hub.models import DPSIMSDiscriminator, DPSIMSGenerator
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.training.build import build_networks
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.ema import ExponentialMovingAverage
from dpsims_hub.training.finetune import build_finetuned, match_classes
from tests.tiny import LATENT_DIM, TINY, tiny_generator
from train_accelerate import main

pytest_plugins = ["tests.loopback_hub"]

NAMES = ["road", "sky", "car", "tree"]
OASIS = {
    "label_encoder": "none",
    "noise_injection": "spatial",
    "modulation_widths": (10,),
    "modulation_kernel": 3,
    "modulated_shortcut": True,
}
KINDS = {
    "attention": {},
    "fields": {"noise_fields": 2, "smooth_output": True},
    "spatial": {"noise_injection": "spatial"},
    "oasis": OASIS,
}


def spec(*classes: object) -> ClassSpec:
    return ClassSpec.from_dict({"name": "mine", "classes": list(classes)})


def entry(number: int, name: str, *aliases: str) -> dict:
    return {"id": number, "name": name, "aliases": list(aliases)}


@torch.no_grad()
def publish(folder: Path, names: list[str] | None = None, **settings) -> DPSIMSGenerator:
    """Saves a tiny model as training does: averaged weights, so that no layer's norm is quite 1."""
    names = names or NAMES
    generator = tiny_generator(len(names), **settings).remove_spectral_norm()
    torch.manual_seed(7)
    for parameter in generator.parameters():
        parameter.mul_(0.9 + 0.2 * torch.rand(())).add_(0.01 * torch.randn(parameter.shape))
    DPSIMSPipeline(generator, spec(*names).to_dict()).save_pretrained(folder)
    return generator


def flags(model: object, *more: object) -> TrainConfig:
    """Settings of a run of the preset small (whose own architecture is another one) at 32x24."""
    given = ["--preset", "small", "--pretrained_model_name_or_path", model, "--resolution", "32x24"]
    given += ["--backbone", "test_resnet", "--backbone_weights", "random"]
    return parse_config([str(flag) for flag in (*given, *more)])


def some_maps(num_classes: int) -> torch.Tensor:
    """Every class, and unknown pixels."""
    ids = torch.randint(0, num_classes + 1, (2, 16, 24), generator=torch.Generator().manual_seed(1))
    return ids.where(ids < num_classes, 255)


def some_latents() -> torch.Tensor:
    return torch.randn(2, LATENT_DIM, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def photos(generator: DPSIMSGenerator, maps: torch.Tensor) -> torch.Tensor:
    return generator.eval()(maps, some_latents()).sample


@pytest.mark.parametrize("kind", KINDS)
def test_photos_at_the_start_are_the_published_ones_whatever_the_order_of_classes(kind, tmp_path):
    published = publish(tmp_path / "model", **KINDS[kind])
    maps = some_maps(4)
    order = [2, 0, 3, 1]  # new id -> old id
    renumbered = torch.full((256,), 255)
    renumbered[order] = torch.arange(4)
    for names, new_maps in ((NAMES, maps), ([NAMES[old] for old in order], renumbered[maps])):
        generator, _, _, _ = build_finetuned(flags(tmp_path / "model"), spec(*names))
        assert generator.config.spectral_norm
        torch.testing.assert_close(photos(generator, new_maps), photos(published, maps), rtol=0, atol=1e-5)
        average = ExponentialMovingAverage(generator, 0.9).model
        torch.testing.assert_close(photos(average, new_maps), photos(published, maps), rtol=0, atol=1e-5)


def test_effective_weights_stay_published_when_training_reads_them(tmp_path):
    published = publish(tmp_path / "model")
    generator, _, _, _ = build_finetuned(flags(tmp_path / "model"), spec(*NAMES))
    generator.train()
    layers = [name for name, module in generator.named_modules() if hasattr(module, "parametrizations")]
    assert len(layers) == 8
    norms = []
    for name in layers:
        weight = published.get_submodule(name).weight
        norms.append(float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2)))
        for _ in range(3):  # each reading takes one step of the power iteration
            torch.testing.assert_close(generator.get_submodule(name).weight, weight, rtol=0, atol=1e-5)
    assert max(abs(norm - 1) for norm in norms) > 0.02


def test_spectral_norm_holds_the_published_norm_in_training(tmp_path):
    publish(tmp_path / "model")
    generator, _, _, _ = build_finetuned(flags(tmp_path / "model"), spec(*NAMES))
    layer = generator.train().blocks[0].convolution_0
    before = float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2))
    with torch.no_grad():
        layer.parametrizations.weight.original.mul_(3)
    for _ in range(5):
        weight = layer.weight
    assert float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2)) == pytest.approx(before, rel=1e-4)
    assert before != pytest.approx(1, abs=1e-3)


def test_raw_weights_have_the_size_of_new_ones(tmp_path):
    """Adam's steps are as large for a raw weight of any size: its size sets the pace of the layer."""
    publish(tmp_path / "model")
    config = flags(tmp_path / "model")
    torch.manual_seed(3)
    generator, _, _, _ = build_finetuned(config, spec(*NAMES))
    for block in generator.blocks:
        raw = block.convolution_0.parametrizations.weight.original
        # Unit variance: each of the rows, one an output channel, has length 1.
        assert float(raw.detach().norm()) == pytest.approx(len(raw) ** 0.5, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_new_classes_keep_the_rows_of_a_new_network(kind, tmp_path):
    published = publish(tmp_path / "model", **KINDS[kind])
    config = flags(tmp_path / "model")
    new = spec("tram", "Sky", "ROAD")
    torch.manual_seed(5)
    generator, _, _, _ = build_finetuned(config, new)
    torch.manual_seed(5)
    again, _, _, _ = build_finetuned(config, spec("tram", "Sky", "boat", "ROAD"))
    tables = {
        name: table.weight
        for name, table in generator.named_modules()
        if type(table).__name__ == "LabelConvolution"
    }
    assert len(tables) == {"oasis": 9}.get(kind, 2)
    for name, weight in tables.items():
        old, other = published.get_submodule(name).weight, again.get_submodule(name).weight
        planes = old.shape[1] - 4
        assert torch.equal(weight[:, 1], old[:, 1])
        assert torch.equal(weight[:, 2], old[:, 0])
        assert torch.equal(other[:, 3], old[:, 0])
        assert torch.equal(weight[:, 3:], old[:, 4:])
        assert not any(torch.equal(weight[:, 0], old[:, row]) for row in range(4))
        expected = 1 / (3 * (1 + planes) ** 0.5)
        assert float(weight[:, 0].detach().std()) == pytest.approx(expected, rel=0.25)


def test_everything_but_the_class_rows_is_copied_exactly(tmp_path):
    published = publish(tmp_path / "model", noise_fields=2)
    generator, _, _, _ = build_finetuned(flags(tmp_path / "model"), spec("boat", "car"))
    theirs, ours = published.state_dict(), generator.state_dict()
    tables = {"start.weight", "encoder.stem.weight"}
    plain = (theirs.keys() & ours.keys()) - tables
    folded = theirs.keys() - ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in plain)
    assert folded == {n.replace(".parametrizations.weight.original", ".weight") for n in ours if "orig" in n}
    assert {"fields.basis", "blocks.1.modulation_0.norm.running_var", "encoder.stem.bias"} <= plain


def test_names_come_before_aliases_and_letter_case_does_not_count():
    old = spec(entry(0, "Vehicle", "car", "truck"), entry(1, "Truck"), entry(2, "person", "pedestrian"))
    new = spec(
        entry(0, "TRUCK"),  # the class of that name, not the alias of another
        entry(1, "Car"),
        entry(2, "rider", "Pedestrian", "vehicle"),  # the first alias that is known
        entry(3, "boat", "ship"),
        entry(4, "lorry", "truck"),
        entry(5, "person", "car"),  # its name, not its alias
    )
    assert match_classes(new, old) == [1, 0, 2, None, 1, 2]


def test_the_log_says_where_every_class_comes_from(tmp_path):
    publish(tmp_path / "model")
    new = spec(entry(0, "tram"), entry(1, "street", "road"), entry(2, "Car"))
    *_, report = build_finetuned(flags(tmp_path / "model"), new)
    model = tmp_path / "model"
    assert report == [
        f"Generator: from {model}, 2 of 3 classes matched: street <- road, Car <- car.",
        "New classes: tram.",
        f"Classes of {model} that were dropped: sky, tree.",
        "Discriminator: new, none was published with the generator.",
    ]


def test_the_bundled_model_at_another_size(tmp_path):
    published = DPSIMSPipeline.from_pretrained(bundled_model("camvid"))
    names = list(published.spec.names)
    given = ("camvid", "--resolution", "64x64")
    generator, _, _, report = build_finetuned(flags(*given), spec(*reversed(names)))
    assert generator.config.sample_size == (64, 64) or generator.config.sample_size == [64, 64]
    assert "11 of 11 classes" in report[0]
    maps = torch.arange(11).repeat(1, 64, 6)[:, :, :64]
    latents = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = generator.eval()(10 - maps, latents).sample
        theirs = published.generator(maps, latents).sample
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def test_instance_offsets_are_taken_over(tmp_path):
    published = publish(tmp_path / "model", use_instance_offsets=True)
    with pytest.raises(ValueError, match="--instance_offsets: .*model was trained with them; add this flag"):
        build_finetuned(flags(tmp_path / "model"), spec(*NAMES))
    config = flags(tmp_path / "model", "--instance_offsets")
    generator, _, _, _ = build_finetuned(config, spec(*NAMES))
    weight = generator.encoder.instance_stem.weight
    assert torch.equal(weight, published.encoder.instance_stem.weight)
    publish(tmp_path / "without")
    with pytest.raises(ValueError, match="was trained without them; leave out this flag"):
        build_finetuned(flags(tmp_path / "without", "--instance_offsets"), spec(*NAMES))


# the discriminator


@torch.no_grad()
def publish_discriminator(folder: Path, config: TrainConfig) -> DPSIMSDiscriminator:
    """Saves one as training does, with widths of its own."""
    torch.manual_seed(11)
    widened = {**config.discriminator_config, "decoder_widths": [10, 6]}
    plain = dataclasses.replace(config, generator_config=TINY, discriminator_config=widened)
    _, discriminator, _ = build_networks(plain, len(NAMES), 255)
    discriminator.head.bias.normal_()
    discriminator.save_pretrained(folder)
    return discriminator.eval()


def logits(discriminator: DPSIMSDiscriminator) -> torch.Tensor:
    random = torch.Generator().manual_seed(3)
    shapes = zip(discriminator.config.feature_channels, discriminator.config.feature_strides, strict=True)
    features = [
        torch.randn(1, width, 32 // stride, 32 // stride, generator=random) for width, stride in shapes
    ]
    with torch.no_grad():
        return discriminator.eval()(features, (32, 32))


@pytest.mark.parametrize("place", ["discriminator", "model/discriminator"])
def test_the_published_discriminator_judges_as_before(place, tmp_path):
    publish(tmp_path / "model")
    config = flags(tmp_path / "model")
    published = publish_discriminator(tmp_path / place, config)
    _, discriminator, _, report = build_finetuned(config, spec("tree", "road", "sky", "car"))
    assert report[-1] == f"Discriminator: from {tmp_path / place}, its classes matched likewise."
    channels = [0, 4, 1, 2, 3]  # fake, tree, road, sky, car
    torch.testing.assert_close(logits(discriminator), logits(published)[:, channels], rtol=0, atol=1e-5)


def test_new_and_dropped_classes_scale_the_discriminators_head_as_a_whole(tmp_path):
    publish(tmp_path / "model")
    config = flags(tmp_path / "model")
    published = publish_discriminator(tmp_path / "model/discriminator", config)
    _, discriminator, _, _ = build_finetuned(config, spec("boat", "tree", "road"))
    head, old = discriminator.eval().head, published.head
    factors = head.weight[[0, 2, 3]] / old.weight[[0, 4, 1]]
    torch.testing.assert_close(factors, factors[:1, :1].expand_as(factors), rtol=1e-4, atol=1e-4)
    assert float(torch.linalg.matrix_norm(head.weight.detach().flatten(1), 2)) == pytest.approx(1, abs=1e-4)
    assert torch.equal(head.bias[[0, 2, 3]], old.bias[[0, 4, 1]])
    assert head.bias[1] not in old.bias
    assert logits(discriminator).shape == (1, 4, 32, 32)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--backbone", "test_convnext"), "feature_channels"),
        (("--feature_conditioning", "sigmoid"), "feature_conditioning none, not sigmoid"),
        (("--discriminator_config", '{"decoder_widths": [8]}'), r"decoder_widths \[10, 6\], not \[8\]"),
    ],
)
def test_another_discriminator_begins_anew(more, reason, tmp_path):
    publish(tmp_path / "model")
    published = publish_discriminator(tmp_path / "discriminator", flags(tmp_path / "model"))
    config = flags(tmp_path / "model", *more)
    _, discriminator, backbone, report = build_finetuned(config, spec(*NAMES))
    assert report[-1].startswith(f"Discriminator: new, the one in {tmp_path / 'discriminator'} has ")
    assert reason.replace("\\", "") in report[-1]
    assert discriminator.config.feature_channels == backbone.channels
    assert discriminator.head.weight.shape != published.head.weight.shape or not torch.equal(
        discriminator.head.weight, published.head.weight
    )


@pytest.mark.parametrize("name", ["config.json", "training_config.json"])
def test_two_backbones_with_maps_of_one_shape_are_told_apart(name, tmp_path):
    publish(tmp_path / "model")
    config = flags(tmp_path / "model")
    publish_discriminator(tmp_path / "discriminator", config)
    (tmp_path / name).write_text(json.dumps({"backbone": "test_resnet.of_another"}))
    *_, report = build_finetuned(config, spec(*NAMES))
    assert "has the backbone test_resnet.of_another, not test_resnet." in report[-1]


def test_a_damaged_discriminator_is_named(tmp_path):
    publish(tmp_path / "model")
    config = flags(tmp_path / "model")
    publish_discriminator(tmp_path / "discriminator", config)
    path = tmp_path / "discriminator" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    del tensors["head.bias"]
    save_file(tensors, path)
    with pytest.raises(ValueError, match="discriminator: config.json or the weights are damaged"):
        build_finetuned(config, spec(*NAMES))


# refusals


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


# whole ways


def test_a_run_starts_from_the_result_of_another_and_resumes(finished, flags, capsys):
    argv = flags("--pretrained_model_name_or_path", finished.output_dir / "pipeline", steps=2)
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert "3 of 3 classes matched: road <- road, sky <- sky, car <- car." in printed
    assert f"Discriminator: from {finished.output_dir / 'discriminator'}" in printed
    assert main([*argv, "--max_train_steps", "3", "--resume_from_checkpoint", "latest"]) == 0
    assert "Resuming from" in capsys.readouterr().out
    pipe = DPSIMSPipeline.from_pretrained(Path(argv[argv.index("--output_dir") + 1]) / "pipeline")
    assert not pipe.generator.config.spectral_norm
    assert not any("parametrizations" in name for name in pipe.generator.state_dict())


FROM_A_HUB = """
import json, sys
from dpsims_hub.labels import ClassSpec
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.finetune import build_finetuned
config = TrainConfig(**json.loads(sys.argv[1]))
*networks, report = build_finetuned(config, ClassSpec.from_dict({"classes": ["car", "tram"]}))
print(*report, sep="\\n")
"""


@pytest.mark.slow
def test_model_and_discriminator_come_from_a_hub(hub, tmp_path):
    publish(tmp_path / "model")
    config = flags(tmp_path / "model")
    publish_discriminator(tmp_path / "model" / "discriminator", config)
    hub.add("someone/streets", tmp_path / "model", branch="older")
    chosen = {"pretrained_model_name_or_path": "someone/streets", "revision": "older"}
    settings = dataclasses.asdict(config) | chosen
    done = hub.run(FROM_A_HUB, json.dumps(settings), home=tmp_path / "home")
    assert done.stdout.splitlines()[:-1] == [
        "Generator: from someone/streets, 1 of 2 classes matched: car <- car.",
        "New classes: tram.",
        "Classes of someone/streets that were dropped: road, sky, tree.",
    ]
    assert done.stdout.splitlines()[-1].startswith(f"Discriminator: from {tmp_path / 'home'}")
