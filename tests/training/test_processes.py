"""Two processes train one model."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from accelerate import debug_launcher

from dpsims_hub import DPSIMSPipeline
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.data import PositionSampler
from dpsims_hub.training.loop import Trainer
from dpsims_hub.training.stopping import StopRequest
from tests.training.tiny_run import forget_accelerators, log_lines, tiny_flags
from train_accelerate import main


def train_one_rank(argv: list[str], results: str) -> None:
    """Trains as one of the processes and writes what it ends with."""
    # A forked process must not use its parent's pool of threads; accelerate asks for more unless this is set.
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    if not torch.accelerator.is_available():  # the launcher's hint, which torchrun does not give
        del os.environ["ACCELERATE_USE_CPU"]
    trainer = Trainer(parse_config(argv))
    rank, world_size = trainer.accelerator.process_index, trainer.accelerator.num_processes
    found = {"world_size": world_size, "seed": torch.initial_seed(), "start": clones(trainer.generator)}
    positions = [p for p, _ in zip(PositionSampler(2, rank, world_size), range(2), strict=False)]
    found["maps"] = torch.stack([trainer.data_loader.pairs[p]["label_map"] for p in positions])
    found["class_weights"] = trainer.step_function.class_weights(found["maps"])
    with StopRequest(trainer.accelerator) as stop:
        stop.number = signal.SIGTERM if rank == 1 else None
        found["stops"] = stop.wanted()
    trainer.run()
    found["generator"] = clones(trainer.generator)
    found["discriminator"] = clones(trainer.accelerator.unwrap_model(trainer.networks.discriminator))
    found["average"] = clones(trainer.ema.model)
    torch.save(found, Path(results) / f"{rank}.pt")


def clones(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}


@pytest.fixture(scope="module")
def two_ranks(pairs_dir, tmp_path_factory):
    """(what each of two processes ended with, their output folder, their flags)."""
    folder = tmp_path_factory.mktemp("two_ranks")
    argv = tiny_flags(pairs_dir, folder / "out", steps=2)
    forget_accelerators()
    debug_launcher(train_one_rank, (argv, str(folder)), num_processes=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)], folder / "out", argv


def test_there_really_are_two_processes(two_ranks):
    ranks, out, _ = two_ranks
    assert [found["world_size"] for found in ranks] == [2, 2]
    assert json.loads((out / "run.json").read_text())["processes"] == 2


@pytest.mark.parametrize("network", ["generator", "discriminator", "average"])
def test_both_end_with_the_same_weights(two_ranks, network):
    first, second = (found[network] for found in two_ranks[0])
    assert first
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_they_start_equal_and_train_on_different_pairs_and_latents(two_ranks):
    first, second = two_ranks[0]
    assert all(torch.equal(value, second["start"][name]) for name, value in first["start"].items())
    assert not all(torch.equal(value, first["generator"][name]) for name, value in first["start"].items())
    assert first["seed"] != second["seed"]
    assert not torch.equal(first["maps"], second["maps"])


def test_class_weights_are_those_of_the_global_batch(two_ranks):
    pixels = [int(i) for found in two_ranks[0] for i in found["maps"].flatten()]
    # alpha_c = pixels / (classes present * pixels of c), counted one by one over both processes
    expected = [len(pixels) / (3 * pixels.count(c)) for c in range(3)]
    for found in two_ranks[0]:
        assert found["class_weights"].tolist() == pytest.approx(expected)


def test_a_signal_to_one_process_stops_both(two_ranks):
    assert [found["stops"] for found in two_ranks[0]] == [True, True]


def test_they_write_one_log_and_one_pipeline_with_the_average(two_ranks):
    ranks, out, _ = two_ranks
    assert [line["step"] for line in log_lines(out)] == [1, 2]
    exported = dict(DPSIMSPipeline.from_pretrained(out / "pipeline").generator.named_parameters())
    assert all(torch.equal(value, exported[name]) for name, value in ranks[0]["average"].items())


def test_one_process_can_continue_what_two_began(two_ranks, capsys):
    _, out, argv = two_ranks
    assert main([*argv, "--resume_from_checkpoint", "latest", "--max_train_steps", "3"]) == 0
    assert "Resuming" in capsys.readouterr().out
    assert [line["step"] for line in log_lines(out)] == [1, 2, 3]
