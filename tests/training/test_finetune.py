"""A generator that starts from a published model on other classes."""

from __future__ import annotations

import pytest
import torch

from dpsims_hub.bundled import bundled_model
from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.training.ema import ExponentialMovingAverage
from dpsims_hub.training.finetune import build_finetuned, match_classes
from tests.tiny import LATENT_DIM
from tests.training.published import KINDS, NAMES, entry, flags, publish, spec


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
