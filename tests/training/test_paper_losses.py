"""The losses as the paper has them: features of another network behind a trained projection, plain L1."""

from __future__ import annotations

import inspect
import types
from dataclasses import fields

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file

from dpsims_hub import losses
from dpsims_hub.ablation.plan import as_flags
from dpsims_hub.training.build import build_patch_networks
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.loop import Trainer
from dpsims_hub.training.step import NonFiniteLossError
from tests.tiny import save_tiny_backbone
from tests.training.tiny_step import batch, clones, same

OWN = ("--contrastive_backbone", "test_resnet", "--contrastive_backbone_weights", "random")
PROJECTED = (*OWN, "--contrastive_head", 5)


def generated_photos(trainer: Trainer) -> list[torch.Tensor]:
    """Filled by the next step."""
    photos = []
    trainer.networks.generator.register_forward_hook(
        lambda _, __, output: photos.append(output.sample.detach())
    )
    return photos


def test_the_contrastive_loss_reads_the_network_it_is_told_to(make_trainer, monkeypatch):
    trainer = make_trainer(*OWN, "--contrastive_strides", "[4,8]")
    nets, photos, seen = trainer.networks, generated_photos(trainer), []
    original = losses.patch_contrastive_loss
    monkeypatch.setattr(losses, "patch_contrastive_loss", lambda *a: seen.append(a) or original(*a))
    inputs = batch(trainer)
    trainer.step_function(inputs)
    levels = [i for i, stride in enumerate(nets.patch_backbone.strides) if stride in (4, 8)]
    for given, images in ((seen[0][0], photos[0]), (seen[0][1], inputs["real_images"])):
        expected, others = nets.patch_backbone(images), nets.backbone(images)
        for features, level in zip(given, levels, strict=True):
            torch.testing.assert_close(features.detach(), expected[level])
            assert (features.detach() - others[level]).abs().max() > 0.01
    assert seen[0][4] is None  # no projection


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("paper", (0.3, 128, "sum", False)),
        ("dpsims", (0.1, 64, "mean", True)),
        ("small", (0.1, 64, "mean", True)),
    ],
)
def test_the_form_of_the_contrastive_loss_is_that_of_the_preset(make_trainer, monkeypatch, preset, expected):
    names = ("temperature", "places", "reduction", "normalize")
    chosen = {name: getattr(parse_config(["--preset", preset]), f"contrastive_{name}") for name in names}
    assert tuple(chosen.values()) == expected
    flags = [f"--contrastive_{name}={value}" for name, value in chosen.items() if name != "normalize"]
    trainer = make_trainer(*flags, "--contrastive_normalize" if expected[3] else "--no-contrastive_normalize")
    original, seen = losses.patch_contrastive_loss, []
    monkeypatch.setattr(losses, "patch_contrastive_loss", lambda *a: seen.append(a) or original(*a))
    trainer.step_function(batch(trainer))
    given = inspect.signature(original).bind(*seen[0]).arguments
    assert tuple(given[name.replace("places", "num_places")] for name in names) == expected


def test_the_projection_learns_with_the_generator_and_its_network_stays(make_trainer):
    trainer = make_trainer(*PROJECTED)
    nets = trainer.networks
    projection, network = clones(nets.patch_projection), clones(nets.patch_backbone)
    trainer.step_function(batch(trainer))
    moved = [
        not torch.equal(a, b) for a, b in zip(projection, nets.patch_projection.parameters(), strict=True)
    ]
    assert all(moved)
    assert same(network, nets.patch_backbone)
    mine = {id(p) for p in nets.patch_projection.parameters()}
    assert mine <= {id(p) for group in nets.optimizer_g.param_groups for p in group["params"]}
    assert not mine & {id(p) for group in nets.optimizer_d.param_groups for p in group["params"]}


def test_the_projections_gradient_is_clipped_and_checked(make_trainer):
    trainer = make_trainer(*PROJECTED, "--max_grad_norm", 1e-3, "--weight_contrastive", 100)
    nets, found = trainer.networks, []

    def keep(*_: object) -> None:
        found.extend(p.grad.clone() for group in nets.optimizer_g.param_groups for p in group["params"])

    nets.optimizer_g.optimizer.register_step_pre_hook(keep)
    logs = trainer.step_function(batch(trainer))
    squares = sum(float(gradient.square().sum()) for gradient in found)
    assert len(found) == sum(1 for _ in nets.generator.parameters()) + 18  # three layers at three strides
    assert squares**0.5 == pytest.approx(1e-3, rel=1e-2)
    assert float(logs["grad_norm_g"]) > 1e-2
    next(nets.patch_projection.parameters()).register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(NonFiniteLossError, match="grad_norm_g is nan"):
        trainer.step_function(batch(trainer))


def test_a_projection_of_the_discriminators_features(make_trainer):
    trainer = make_trainer("--contrastive_head", 5)
    assert trainer.networks.patch_backbone is None
    before = clones(trainer.networks.patch_projection)
    trainer.step_function(batch(trainer))
    assert not same(before, trainer.networks.patch_projection)


def plain_l1(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().mean())


def centred_l1(a: torch.Tensor, b: torch.Tensor) -> float:
    return plain_l1(a - a.mean((1, 2), keepdim=True), b - b.mean((1, 2), keepdim=True))


@pytest.mark.parametrize(
    ("kind", "strides", "of_features", "distance"),
    [
        ("images_l1", "[4,8]", False, plain_l1),
        ("images", "[4,8]", False, centred_l1),
        ("features_l1", "[4,8]", True, plain_l1),
        ("features", "[]", False, centred_l1),
        ("features_l1", "[]", False, plain_l1),
    ],
)
def test_distances_of_the_diversity_term(make_trainer, kind, strides, of_features, distance):
    trainer = make_trainer("--diversity_distance", kind, "--diversity_strides", strides)
    photos = generated_photos(trainer)
    found = float(trainer.step_function(batch(trainer))["pair_distance"])
    levels = [photos[0]]
    if of_features:
        backbone = trainer.networks.backbone
        levels = [
            f for f, stride in zip(backbone(photos[0]), backbone.strides, strict=True) if stride in (4, 8)
        ]
    pairs = [distance(level[2 * i], level[2 * i + 1]) for level in levels for i in range(2)]
    assert found == pytest.approx(sum(pairs) / len(pairs), rel=1e-4)


@pytest.mark.parametrize("kind", ["features", "images", "features_l1", "images_l1"])
def test_only_one_photo_of_a_pair_gets_a_gradient(make_trainer, kind):
    trainer = make_trainer("--diversity_distance", kind)
    photos = torch.rand(4, 3, 24, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    seen = types.SimpleNamespace(fake_images=photos, fake=trainer.networks.backbone(photos))
    trainer.step_function._pair_distances(seen).sum().backward()
    assert [bool(gradient.any()) for gradient in photos.grad] == [False, True] * 2


def test_the_terms_of_the_preset_paper_are_these_and_no_others(make_trainer):
    paper = parse_config(["--preset", "paper"])
    chosen = {f.name: getattr(paper, f.name) for f in fields(paper) if f.metadata["group"] == "losses"}
    chosen |= {"contrastive_backbone": "test_resnet", "contrastive_backbone_weights": "random"}
    trainer = make_trainer(*as_flags(chosen))
    terms = {name for name in trainer.step_function(batch(trainer)) if name.startswith("loss_")}
    named = ("d_real", "d_fake", "g_adversarial", "g_contrastive", "g_diversity")
    assert terms == {f"loss_{name}" for name in named}


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "empty"))


def test_without_the_networks_weights_the_discriminators_features_serve_and_a_line_says_so(
    make_trainer, offline, capsys
):
    wanted = ("--contrastive_backbone", "test_resnet", "--contrastive_backbone_weights")
    trainer = make_trainer(*wanted, "if_found", "--max_train_steps", 1)
    assert trainer.networks.patch_backbone is None
    with pytest.raises(FileNotFoundError, match=r"--contrastive_backbone_weights: .* cannot be fetched"):
        make_trainer(*wanted, "pretrained")
    trainer.run()
    said = capsys.readouterr().out
    assert "features of the discriminator's backbone, because those of test_resnet are missing" in said


def test_a_file_of_weights(flags, tmp_path):
    file = save_tiny_backbone(tmp_path / "weights.safetensors")
    config = parse_config(
        flags("--contrastive_backbone", "test_resnet", "--contrastive_backbone_weights", file)
    )
    backbone, _ = build_patch_networks(config, None)
    stored = load_file(file)
    weights = {name: value for name, value in backbone.network.state_dict().items() if name in stored}
    assert len(weights) > 10
    assert all(torch.equal(value, stored[name]) for name, value in weights.items())
    assert backbone.source == str(file)


def test_strides_that_the_network_does_not_have(make_trainer):
    with pytest.raises(
        ValueError, match="--contrastive_strides: 3 are no strides of the backbone, which has 2, 4"
    ):
        make_trainer(*OWN, "--contrastive_strides", "[3]")


def test_nothing_is_built_for_a_loss_that_is_off(make_trainer):
    trainer = make_trainer(*PROJECTED, "--weight_contrastive", 0)
    assert trainer.networks.patch_backbone is None
    assert trainer.networks.patch_projection is None
    assert "loss_g_contrastive" not in trainer.step_function(batch(trainer))
