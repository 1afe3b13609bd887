"""A gradient of length 1 for each photo: its direction stays, whatever the backbone made of it."""

from __future__ import annotations

import math

import pytest
import torch

from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.loop import Trainer
from dpsims_hub.training.unit_gradient import unit_gradient
from tests.training.tiny_step import batch


def test_each_image_keeps_its_direction_and_loses_its_length():
    images = torch.zeros(3, 3, 2, 2, requires_grad=True)
    weights = torch.arange(12.0).view(1, 3, 2, 2) * torch.tensor([1.0, 1e6, 0.0]).view(3, 1, 1, 1)
    seen = unit_gradient(images, steps=2)
    assert torch.equal(seen, images)
    (seen * weights).sum().backward()
    length = math.sqrt(sum(n * n for n in range(12)))
    expected = torch.arange(12.0).view(3, 2, 2) / length / 6  # 3 images, 2 steps of accumulation
    torch.testing.assert_close(images.grad[0], expected)
    torch.testing.assert_close(images.grad[1], expected)  # however long
    assert not images.grad[2].any()


def test_what_is_not_finite_is_not_hidden():
    images = torch.zeros(1, 3, 2, 2, requires_grad=True)
    (unit_gradient(images) * torch.tensor(torch.inf)).sum().backward()
    assert not torch.isfinite(images.grad).all()


@pytest.mark.parametrize(("kind", "lengths"), [("unit", [0.25] * 4), ("plain", None)])
def test_the_generator_learns_from_photos_of_equal_weight(flags, kind, lengths):
    """Two maps with two photos each: what reaches a photo from the losses behind the backbone."""
    more = ("--report_to", "none", "--backbone_gradient", kind, "--diversity_strides", "[4,8]")
    trainer = Trainer(parse_config(flags(*more)))
    backbone, seen = trainer.networks.backbone, []
    generator = trainer.networks.generator

    def keep(_: object, __: object, output: object) -> None:
        output.sample.register_hook(lambda gradient: seen.append(gradient))

    generator.register_forward_hook(keep)
    assert backbone is not None
    trainer.step_function(batch(trainer), torch.Generator().manual_seed(0))
    found = [float(gradient.norm()) for gradient in seen[-1]]
    if lengths:
        assert found == pytest.approx(lengths, rel=1e-4)
    else:
        assert max(found) > 1.05 * min(found)


@pytest.mark.parametrize(
    ("more", "words"),
    [(("--mixed_precision", "fp16"), "fp16"), (("--backbone", "none"), "there is none")],
)
def test_where_it_cannot_be_it_is_refused(flags, more, words):
    with pytest.raises(ValueError, match=f"backbone_gradient.*{words}"):
        parse_config(flags("--backbone_gradient", "unit", *more))
