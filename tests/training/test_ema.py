"""The average against a slow recomputation, in float64, from the raw numbers of the training model."""

from __future__ import annotations

import copy

import pytest
import torch

from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.training.ema import ExponentialMovingAverage
from tests.training.tiny_run import GENERATOR

MAPS = torch.randint(3, (2, 8, 12), generator=torch.Generator().manual_seed(0))


def latents(seed: int, count: int = 2) -> torch.Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def generator() -> DPSIMSGenerator:
    torch.manual_seed(0)
    return DPSIMSGenerator(num_classes=3, sample_size=[8, 12], **GENERATOR).train()


def train_a_little(generator: DPSIMSGenerator, seed: int) -> None:
    """Moves every parameter, and by a forward pass the batch-norm and spectral-norm buffers."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=rng)
        generator(MAPS, latents(seed))


def effective_state(generator: DPSIMSGenerator) -> dict[str, torch.Tensor]:
    """Parameters and buffers under the plain model's names; spectral norm as W / (u^T W v)."""
    state = {name: value.double() for name, value in generator.state_dict().items()}
    plain = {name: value for name, value in state.items() if ".parametrizations." not in name}
    ending = ".parametrizations.weight.original"
    for name in [name for name in state if name.endswith(ending)]:
        module = name.removesuffix(ending)
        u, v = (state[f"{module}.parametrizations.weight.0.{vector}"] for vector in ("_u", "_v"))
        weight = state[name]
        plain[f"{module}.weight"] = weight / (u @ (weight.flatten(1) @ v))
    return plain


def test_the_average_is_that_of_effective_weights_and_of_buffers(generator):
    average = ExponentialMovingAverage(generator, decay=0.25)
    expected = effective_state(generator)
    for update in range(1, 5):
        train_a_little(generator, update)
        average.update(generator)
        decay = min(0.25, (1 + update) / (10 + update))  # 2/11 at first, then the limit
        for name, value in effective_state(generator).items():
            expected[name] = decay * expected[name] + (1 - decay) * value
    found = average.model.state_dict()
    assert found.keys() == expected.keys()
    assert any("running_var" in name for name in found)
    for name, value in found.items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6, msg=name)
    counts = [value for name, value in found.items() if name.endswith("num_batches_tracked")]
    assert [int(count) for count in counts] == [4] * len(counts)


def test_the_averaged_model_computes_what_the_training_model_computes(generator):
    train_a_little(generator, 1)
    average = ExponentialMovingAverage(generator, decay=0.9)
    assert not [name for name, _ in average.model.named_parameters() if "parametrizations" in name]
    generator.eval()
    with torch.no_grad():
        expected = generator(MAPS, latents(5)).sample
        torch.testing.assert_close(average.model(MAPS, latents(5)).sample, expected, rtol=1e-4, atol=1e-5)


def test_averaging_leaves_no_gradient_and_the_training_model_trainable(generator):
    average = ExponentialMovingAverage(generator, decay=0.9)
    average.update(generator)
    assert not any(parameter.requires_grad for parameter in average.model.parameters())
    assert all(parameter.requires_grad for parameter in generator.parameters())
    assert generator.training
    assert not average.model.training


def test_being_averaged_changes_nothing_in_the_training(generator):
    average = ExponentialMovingAverage(generator, decay=0.9)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    average.update(generator)
    for name, value in generator.state_dict().items():
        assert torch.equal(value, before[name]), name  # the vectors of the power iteration are among them
    assert all(module.training for module in generator.modules())


@pytest.mark.parametrize(
    ("warmup", "step", "decay"),
    [
        (True, 1, 2 / 11),
        (True, 991, 992 / 1001),
        (True, 8990, 0.999),
        (True, 20000, 0.999),
        (False, 1, 0.999),
    ],
)
def test_the_reach_of_the_average_grows_with_the_steps_or_is_fixed(generator, warmup, step, decay):
    average = ExponentialMovingAverage(generator, 0.999, warmup)
    average.num_updates = step
    assert average.present_decay == pytest.approx(decay)
    assert average.horizon == pytest.approx(1 / (1 - decay))


def test_without_warmup_the_first_update_weighs_as_every_other(generator):
    average = ExponentialMovingAverage(generator, 0.75, warmup=False)
    start = effective_state(generator)
    train_a_little(generator, 1)
    average.update(generator)
    now = effective_state(generator)
    found = average.model.state_dict()["to_rgb.weight"].double()
    torch.testing.assert_close(
        found, 0.75 * start["to_rgb.weight"] + 0.25 * now["to_rgb.weight"], rtol=1e-5, atol=1e-7
    )


def batch_statistics(model: DPSIMSGenerator, inputs: list) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Per batch norm: mean over the batches of the batch's mean and of its unbiased variance."""
    model = copy.deepcopy(model).train()
    seen: dict[str, list[torch.Tensor]] = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_pre_hook(
                lambda _, given, name=name: seen.setdefault(name, []).append(given[0].double())
            )
    with torch.no_grad():
        for label_map, z in inputs:
            model(label_map, z)
    statistics = {}
    for name, batches in seen.items():
        rows = [batch.transpose(0, 1).flatten(1) for batch in batches]
        means = torch.stack([row.sum(1) / row.shape[1] for row in rows])
        variances = torch.stack(
            [((row - row.mean(1, keepdim=True)) ** 2).sum(1) / (row.shape[1] - 1) for row in rows]
        )
        statistics[name] = means.mean(0), variances.mean(0)
    return statistics


def test_refreshed_batch_norm_has_the_mean_statistics_of_the_batches_and_goes_back(generator):
    train_a_little(generator, 1)
    average = ExponentialMovingAverage(generator, decay=0.9)
    before = {name: value.clone() for name, value in average.model.state_dict().items()}
    inputs = [(MAPS.roll(seed, 2), latents(seed)) for seed in range(3)]
    expected = batch_statistics(average.model, inputs)
    arguments = [{"label_map": label_map, "latents": z} for label_map, z in inputs]
    with average.refreshed(arguments) as model:
        assert model is average.model
        assert not model.training
        norms = {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
        assert norms.keys() == expected.keys()
        for name, norm in norms.items():
            mean, variance = expected[name]
            torch.testing.assert_close(norm.running_mean.double(), mean, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(norm.running_var.double(), variance, rtol=1e-4, atol=1e-5)
            assert norm.momentum == 0.1
            assert not torch.equal(norm.running_mean, before[f"{name}.running_mean"])
    assert all(torch.equal(value, before[name]) for name, value in average.model.state_dict().items())


def test_state_round_trip(generator):
    average = ExponentialMovingAverage(generator, decay=0.9)
    train_a_little(generator, 1)
    average.update(generator)
    state = copy.deepcopy(average.state_dict())
    other = ExponentialMovingAverage(generator, decay=0.9)
    other.load_state_dict(state)
    for _ in range(2):
        found = other.state_dict()
        assert found["num_updates"] == average.num_updates
        expected = average.model.state_dict()
        assert all(torch.equal(value, found["model"][name]) for name, value in expected.items())
        generator.eval()  # no power iteration between the two updates
        average.update(generator)
        other.update(generator)
