"""Two processes descend as one with the batches of both, where no layer mixes the maps of a batch.

The generator's batch norm does: on a CPU each process has its own statistics (on GPUs SyncBatchNorm has
common ones). Its layers use running statistics here, and the weights stay, so that G's update sees the same D
everywhere. The statistics of the paper's feature conditioning are common ones everywhere.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from accelerate import debug_launcher

from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.loop import Trainer
from dpsims_hub.training.transform import network_inputs
from tests.training.tiny_run import forget_accelerators, tiny_flags

TOLERANCE = 1e-4  # of a gradient's norm: sums in another order
BATCHES = 6  # two epochs of twelve pairs, four at a time


def numbers(batch: dict[str, torch.Tensor]) -> list[int]:
    """Which pairs these are: the blue channel of a photo is 20 times its number."""
    return [round(float(image[2].float().mean()) / 20) for image in batch["real_images"]]


def take_one_step(argv: list[str]) -> dict:
    """What a process ends with: both networks' gradients, the pairs it was given, the world size."""
    trainer = Trainer(parse_config(argv))
    trainer.data_loader.start(0)
    accelerator, nets = trainer.accelerator, trainer.networks
    found = {"rank": accelerator.process_index, "world_size": accelerator.num_processes}
    modules = {"generator": trainer.generator, "discriminator": nets.discriminator}
    for (name, module), optimizer in zip(modules.items(), (nets.optimizer_g, nets.optimizer_d), strict=True):
        module = accelerator.unwrap_model(module).train()

        def keep(*_: object, name: str = name, module: torch.nn.Module = module) -> None:
            found[name] = {key: p.grad.clone() for key, p in module.named_parameters() if p.grad is not None}

        optimizer.optimizer.register_step_pre_hook(keep)
        for group in optimizer.param_groups:
            group["lr"] = 0.0
    for module in trainer.generator.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    batches = [trainer.data_loader.next() for _ in range(BATCHES)]
    found["pairs"] = [numbers(batch) for batch in batches]
    trainer.step_function(network_inputs(batches[0], "cpu"), torch.Generator().manual_seed(1))
    return found


def one_of_two(argv: list[str], results: str) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    if not torch.accelerator.is_available():  # the launcher's hint, which torchrun does not give
        del os.environ["ACCELERATE_USE_CPU"]
    found = take_one_step(argv)
    torch.save(found, Path(results) / f"{found['rank']}.pt")


PAPER = ("--feature_conditioning", "sigmoid_batchnorm", "--weight_labelmix", 5)


@pytest.fixture(scope="module", params=[("--feature_conditioning", "none"), PAPER], ids=["raw", "paper"])
def found(request, pairs_dir, tmp_path_factory) -> tuple[dict, dict, dict, dict]:
    """Of two processes with batch 2 each, of one with batch 4, and of one with only half of these pairs."""
    folder = tmp_path_factory.mktemp("gradients")
    argv = tiny_flags(pairs_dir, folder / "out", "--report_to", "none", *request.param)
    forget_accelerators()
    debug_launcher(one_of_two, (argv, str(folder)), num_processes=2)
    found = [torch.load(folder / f"{rank}.pt") for rank in range(2)]
    for batch_size in (4, 2):
        found.append(take_one_step([*argv, "--train_batch_size", str(batch_size)]))
        forget_accelerators()
    return tuple(found)


def distance(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    """The largest relative difference of any parameter's gradient."""
    assert first.keys() == second.keys()
    assert len(first) > 10
    scale = max(float(value.norm()) for value in second.values())
    apart = {name: float((first[name] - value).norm()) for name, value in second.items()}
    return max(apart[name] / max(float(value.norm()), 1e-3 * scale) for name, value in second.items())


def test_the_worlds_have_the_sizes_they_should(found):
    assert [each["world_size"] for each in found] == [2, 2, 1, 1]


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_gradients_are_those_of_one_process_with_the_whole_batch(found, network):
    first, second, whole, half = (each[network] for each in found)
    assert distance(first, second) == 0
    assert distance(first, whole) < TOLERANCE
    assert distance(half, whole) > 100 * TOLERANCE  # one process alone would have been noticed


def test_every_pair_comes_once_an_epoch_over_both_processes(found):
    first, second, whole, _ = (each["pairs"] for each in found)
    together = [a + b for a, b in zip(first, second, strict=True)]
    assert together == whole
    for epoch in (together[:3], together[3:]):
        assert sorted(number for batch in epoch for number in batch) == list(range(12))
    assert together[:3] != together[3:]
