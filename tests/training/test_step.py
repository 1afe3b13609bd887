"""One training step: who learns from what."""

from __future__ import annotations

import runpy
import types
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils import parametrize
from torch.nn.utils.parametrize import ParametrizationList

from dpsims_hub import losses
from dpsims_hub.models import feature_conditioning
from dpsims_hub.models.gradient_checkpointing import state_kept
from dpsims_hub.training.build import build_backbone
from dpsims_hub.training.step import frozen
from tests.tiny import save_tiny_backbone
from tests.training.tiny_step import batch, clones, same


def test_each_update_changes_its_own_network_only(make_trainer):
    trainer = make_trainer()
    nets = trainer.networks
    generator, discriminator = clones(nets.generator), clones(nets.discriminator)
    seen = {}

    def after_discriminator_update(*_: object) -> None:
        seen["generator"] = same(generator, nets.generator)
        seen["gradients"] = [p.grad for p in nets.generator.parameters()]
        seen["discriminator"] = clones(nets.discriminator)

    nets.optimizer_d.optimizer.register_step_post_hook(after_discriminator_update)
    trainer.step_function(batch(trainer))
    assert seen["generator"]
    assert not any(gradient is not None for gradient in seen["gradients"])
    assert not same(discriminator, nets.discriminator)
    assert same(seen["discriminator"], nets.discriminator)
    assert not same(generator, nets.generator)
    for parameter in (*nets.generator.parameters(), *nets.discriminator.parameters()):
        assert parameter.grad is None
        assert parameter.requires_grad


def test_the_discriminator_is_frozen_in_the_generator_update_only(make_trainer):
    trainer = make_trainer()
    discriminator, trainable = trainer.networks.discriminator, []
    weight = next(discriminator.parameters())
    discriminator.register_forward_pre_hook(lambda *_: trainable.append(weight.requires_grad))
    trainer.step_function(batch(trainer))
    assert trainable == [True, True, False]  # real and generated photos; then for the generator


@pytest.mark.parametrize(("kind", "count"), [("update", 2), ("pass", 4)])
def test_spectral_norm_makes_one_power_iteration_for_each_update_or_pass(make_trainer, kind, count):
    trainer = make_trainer("--weight_labelmix", 1, "--learning_rate_d", 1e-30, "--power_iterations", kind)
    norms = [m for m in trainer.networks.discriminator.modules() if isinstance(m, ParametrizationList)]
    expected = []
    for norm in norms:
        matrix, u, v = norm.original.detach().flatten(1), norm[0]._u.clone(), norm[0]._v.clone()
        for _ in range(count):  # D's update, with photos of three kinds, and the generator's
            u = F.normalize(matrix @ v, dim=0)
            v = F.normalize(matrix.T @ u, dim=0)
        expected.append(u)
    trainer.step_function(batch(trainer))
    assert norms
    torch.testing.assert_close([norm[0]._u for norm in norms], expected, rtol=1e-4, atol=1e-5)


def test_gradients_through_a_shared_weight_are_those_of_weights_made_anew(make_trainer, monkeypatch):
    found = []
    for shared in (True, False):
        trainer = make_trainer("--weight_labelmix", 1)
        discriminator, calls, kept = trainer.networks.discriminator, [], []
        if not shared:  # real, generated and mixed photos; only the first pass makes a power iteration
            forward = discriminator.forward

            def repeated(*inputs, forward=forward, discriminator=discriminator, calls=calls):
                calls.append(inputs)
                with state_kept(discriminator) if len(calls) in (2, 3) else nullcontext():
                    return forward(*inputs)

            monkeypatch.setattr(discriminator, "forward", repeated)
            monkeypatch.setattr(parametrize, "cached", nullcontext)
        trainer.networks.optimizer_d.optimizer.register_step_pre_hook(
            lambda optimizer, *_, kept=kept: kept.extend(
                p.grad.clone() for group in optimizer.param_groups for p in group["params"]
            )
        )
        trainer.step_function(batch(trainer))
        found.append(kept)
        assert len(calls) == (0 if shared else 4)
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)


def test_the_backbone_never_changes(make_trainer):
    trainer = make_trainer()
    backbone = trainer.networks.backbone
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    backbone.train()
    for _ in range(2):
        trainer.step_function(batch(trainer))
    assert not backbone.training
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    assert all(p.grad is None and not p.requires_grad for p in backbone.parameters())


def test_the_batch_norms_of_the_backbone_are_merged(make_trainer, tmp_path):
    trainer = make_trainer("--backbone_weights", save_tiny_backbone(tmp_path / "weights.safetensors"))
    merged, plain = trainer.networks.backbone, build_backbone(trainer.config)
    statistics = {name for name in plain.state_dict() if "running" in name}
    assert statistics
    assert not statistics & merged.state_dict().keys()
    images = batch(trainer)["real_images"]
    for one, other in zip(merged(images), plain(images), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_frozen_gives_back_only_what_it_took():
    module = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
    module[0].requires_grad_(False)
    with frozen(module):
        assert not any(p.requires_grad for p in module.parameters())
    assert [p.requires_grad for p in module.parameters()] == [False, False, True, True]


def test_class_weights_leave_unknown_pixels_and_absent_classes_out(make_trainer):
    trainer = make_trainer()
    maps = torch.zeros(2, 24, 32, dtype=torch.long)
    maps[0, :6] = 2
    maps[1] = 255
    weights = trainer.step_function.class_weights(maps)
    # 1536 pixels; class 0 has 576 of them, class 2 has 192, class 1 none: two classes present.
    assert weights.tolist() == pytest.approx([1536 / (2 * 576), 0, 1536 / (2 * 192)])


def test_loss_weights_multiply_their_terms(make_trainer):
    logs = []
    for factor in (1, 3):
        trainer = make_trainer("--weight_contrastive", factor, "--weight_diversity", factor)
        logs.append(trainer.step_function(batch(trainer)))
    for name in ("loss_g_contrastive", "loss_g_diversity"):
        assert float(logs[1][name]) == pytest.approx(3 * float(logs[0][name]), rel=1e-4)
    first, second = (float(log["loss_g_adversarial"]) for log in logs)
    assert first == pytest.approx(second, rel=1e-4)


def test_one_photo_per_map_has_no_pair_to_compare(make_trainer):
    trainer = make_trainer("--samples_per_map", 1, "--weight_diversity", 0)
    logs = trainer.step_function(batch(trainer))
    assert not {"pair_distance", "loss_g_diversity"} & logs.keys()


def test_clipping_bounds_the_update_but_not_the_logged_norm(make_trainer):
    norms, lengths = [], []
    for limit in (0, 1e-6):
        trainer = make_trainer("--max_grad_norm", limit, "--adam_beta2", 0)
        seen = []
        trainer.networks.optimizer_g.optimizer.register_step_pre_hook(
            lambda optimizer, *_, seen=seen: seen.append(
                sum(float(p.grad.square().sum()) for g in optimizer.param_groups for p in g["params"]) ** 0.5
            )
        )
        norms.append(float(trainer.step_function(batch(trainer))["grad_norm_g"]))
        lengths += seen
    assert norms[0] == pytest.approx(norms[1], rel=0.01)  # the clipped update of D came before
    assert lengths == pytest.approx([norms[0], 1e-6], rel=1e-3)


def test_latents_of_the_batch_are_what_the_generator_gets(make_trainer):
    trainer = make_trainer()
    seen = []
    trainer.networks.generator.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[1]))
    inputs = batch(trainer)
    trainer.step_function(inputs)
    rows = [inputs["latents"][pair, sample] for pair in range(2) for sample in range(2)]  # map-major
    assert torch.equal(seen[0], torch.stack(rows))


def test_equal_draws_give_equal_losses_whatever_the_global_random_state(make_trainer):
    found = []
    for seed in (1, 2):
        trainer = make_trainer("--weight_labelmix", 1, "--contrastive_places", 3)
        torch.manual_seed(seed)
        logs = trainer.step_function(batch(trainer), torch.Generator().manual_seed(7))
        found.append((float(logs["loss_labelmix"]), float(logs["loss_g_contrastive"])))
    assert found[0] == found[1]


def mixed_step(make_trainer, *more: object) -> tuple[list, list]:
    """Types of what enters and leaves the backbone, and the first trained layers of D, under bf16."""
    trainer = make_trainer("--mixed_precision", "bf16", *more)
    of_backbone, of_decoder = [], []
    trainer.networks.backbone.network.register_forward_hook(
        lambda module, inputs, features: of_backbone.extend([inputs[0].dtype, *(f.dtype for f in features)])
    )
    first = trainer.accelerator.unwrap_model(trainer.networks.discriminator).decoder[0]
    first.register_forward_hook(lambda module, inputs, result: of_decoder.append(result.dtype))
    trainer.step_function(batch(trainer))
    return of_backbone, of_decoder


def test_the_backbone_stays_in_float32_under_mixed_precision(make_trainer):
    of_backbone, of_decoder = mixed_step(make_trainer)
    assert set(of_backbone) == {torch.float32}
    assert set(of_decoder) == {torch.bfloat16}


def test_a_setting_lets_the_backbone_run_in_mixed_precision(make_trainer):
    of_backbone, _ = mixed_step(make_trainer, "--backbone_precision", "mixed")
    assert torch.bfloat16 in of_backbone


def test_conditioning_and_losses_on_features_stay_in_float32(make_trainer, monkeypatch):
    seen = []

    def watch(module: object, name: str) -> None:
        original = getattr(module, name)

        def watched(*arguments: object, **keywords: object) -> torch.Tensor:
            seen.append((name, torch.is_autocast_enabled("cpu")))
            return original(*arguments, **keywords)

        monkeypatch.setattr(module, name, watched)

    for name in ("patch_contrastive_loss", "feature_distance"):
        watch(losses, name)
    watch(feature_conditioning, "batch_standardize")
    projected = []
    linear = torch.nn.functional.linear  # of the projection alone in a network of convolutions

    def watched_linear(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        result = linear(inputs, weight, bias)
        if len(weight) == 5:
            projected.append(result.dtype)
        return result

    monkeypatch.setattr(torch.nn.functional, "linear", watched_linear)
    mixed_step(make_trainer, "--feature_conditioning", "sigmoid_batchnorm", "--contrastive_head", 5)
    assert set(projected) == {torch.float32}
    assert {name for name, _ in seen} == {"patch_contrastive_loss", "feature_distance", "batch_standardize"}
    assert not any(enabled for _, enabled in seen)


def test_backward_and_update_run_outside_of_autocast(make_trainer):
    trainer = make_trainer("--mixed_precision", "bf16")
    seen = []
    for optimizer in (trainer.networks.optimizer_g, trainer.networks.optimizer_d):
        optimizer.optimizer.register_step_pre_hook(lambda *_: seen.append(torch.is_autocast_enabled("cpu")))
    trainer.generator.to_rgb.weight.register_hook(
        lambda gradient: seen.append(torch.is_autocast_enabled("cpu"))
    )
    trainer.step_function(batch(trainer))
    assert seen == [False] * 3


MOBILENET = Path(__file__).parents[3] / "shared" / "data" / "backbones" / "mobilenetv2_100_tfsame.safetensors"
CAMVID = MOBILENET.parents[1] / "camvid"


@pytest.mark.skipif(not MOBILENET.is_file(), reason="needs the shared MobileNetV2 weights and CamVid")
def test_the_gradient_of_a_photo_is_nearly_that_of_float32(flags):
    """Of the adversarial and the contrastive loss, at the generated image, with a real backbone."""
    tool = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "gradient_error.py"))
    words = flags(
        *("--train_data_dir", CAMVID / "train", "--resolution", "128x96", "--train_batch_size", 4),
        *("--backbone", "mobilenetv2_100", "--backbone_weights", MOBILENET),
        *("--backbone_mean", "[0.5,0.5,0.5]", "--backbone_std", "[0.5,0.5,0.5]"),
        *("--backbone_kwargs", '{"pad_type":"same"}'),
    )
    errors = tool["gradient_errors"](words)
    assert errors["backbone in float32"][0] < 0.05
    assert errors["backbone in float32"][1] > 0.999
    assert errors["backbone in bf16"][0] > 0.15  # what the test would not notice otherwise
    assert errors["backbone in bf16"][1] < 0.99


def test_the_diversity_term_compares_every_pair_of_photos(make_trainer, monkeypatch):
    trainer = make_trainer("--samples_per_map", 3)
    features = [torch.randn(6, 4, 5, 5, requires_grad=True) for _ in trainer.networks.backbone.strides]
    seen = types.SimpleNamespace(fake=features)
    distances = trainer.step_function._pair_distances(seen)
    assert distances.shape == (3, 2)
    for row, (i, j) in enumerate([(0, 1), (0, 2), (1, 2)]):
        for number in range(2):
            levels = trainer.step_function.diversity_levels
            pair = [(features[k][3 * number + i], features[k][3 * number + j]) for k in levels]
            expected = sum(float(cosine_distance(a, b)) for a, b in pair) / len(pair)
            assert float(distances[row, number].detach()) == pytest.approx(expected, rel=1e-4)
    distances.sum().backward()
    assert all((features[k].grad[[0, 3]] == 0).all() for k in levels)  # first photos of a map
    assert all((features[k].grad[[1, 2, 4, 5]] != 0).any() for k in levels)


def cosine_distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    a, b = (x.detach() - x.detach().mean((1, 2), keepdim=True) for x in (a, b))
    return 1 - ((a * b).sum(0) / (a.norm(dim=0) * b.norm(dim=0))).mean()


def test_augmentation_reaches_photos_maps_and_generated_images_alike(make_trainer):
    trainer = make_trainer("--augmentation", "translation,cutout", "--augmentation_probability", 1)
    seen = []
    original = trainer.step_function._discriminator_update
    trainer.step_function._discriminator_update = lambda s, draws: seen.append(s) or original(s, draws)
    inputs = batch(trainer)
    trainer.step_function(inputs)
    (found,) = seen
    for number in range(2):
        hidden = ~found.visible[2 * number]
        assert hidden.any()
        assert torch.equal(found.visible[2 * number], found.visible[2 * number + 1])
        assert (found.label_map[number][hidden] == 255).all()
        assert (found.real_images[number][:, hidden] == 0).all()
        assert (found.fake_images[2 * number][:, hidden] == 0).all()


def test_no_copy_to_the_device_makes_the_host_wait(make_trainer, monkeypatch):
    trainer = make_trainer("--weight_labelmix", 1, "--augmentation", "color,translation,cutout")
    copy, copied = torch.Tensor.to, []

    def copied_beside(tensor: torch.Tensor, *arguments: object, **more: object) -> torch.Tensor:
        if tensor.ndim and isinstance(arguments[0], torch.device | str):  # norms are on the device
            assert more.get("non_blocking"), tuple(tensor.shape)
            copied.append(tuple(tensor.shape))
        return copy(tensor, *arguments, **more)

    inputs = batch(trainer)
    monkeypatch.setattr(torch.Tensor, "to", copied_beside)
    trainer.step_function(inputs)
    # The cutout of the map, colours and cutout of both kinds of images, what is visible (twice), LabelMix's
    # coins, and the places of the contrastive loss.
    assert len(copied) == 9
