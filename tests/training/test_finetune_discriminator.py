"""A discriminator that starts from a published one on other classes."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from dpsims_hub.models import DPSIMSDiscriminator
from dpsims_hub.training.finetune import build_finetuned
from tests.training.published import NAMES, flags, publish, publish_discriminator, spec


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
