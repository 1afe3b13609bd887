"""One training step: who learns from what."""

from __future__ import annotations

import pytest
import torch

from dpsims_hub.training.config import parse_config
from dpsims_hub.training.data import collate
from dpsims_hub.training.loop import Trainer
from dpsims_hub.training.step import NonFiniteLossError, frozen
from dpsims_hub.training.transform import network_inputs


@pytest.fixture
def make_trainer(flags):
    def make(*more: object) -> Trainer:
        return Trainer(parse_config(flags("--report_to", "none", *more)))

    return make


def batch(trainer: Trainer) -> dict[str, torch.Tensor]:
    items = collate([trainer.feed.pairs[position] for position in range(2)])
    del items["skipped"]
    return network_inputs(items, "cpu")


def clones(module: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def same(before: list[torch.Tensor], module: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


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


def test_a_gradient_that_overflows_stops_the_run_before_it_changes_a_weight(make_trainer):
    trainer = make_trainer("--weight_contrastive", 1e30)
    before = clones(trainer.networks.generator)
    with pytest.raises(NonFiniteLossError, match=r"grad_norm_g is (inf|nan)"):
        trainer.step_function(batch(trainer))
    assert same(before, trainer.networks.generator)


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
