"""N + M steps without a stop end as N steps, a checkpoint and M steps: for every kind of data and process."""

from __future__ import annotations

import os
from pathlib import Path

import datasets
import pytest
import torch
from accelerate import debug_launcher

from dpsims_hub.commands import main as dpsims
from tests.training.test_resume import assert_same_state, losses
from tests.training.tiny_run import copy_checkpoint, forget_accelerators, log_lines, tiny_flags
from train_accelerate import main


@pytest.fixture(autouse=True)
def _no_pause_at_the_end_of_a_stream(monkeypatch):
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)


@pytest.fixture(scope="module")
def shards(pairs_dir, tmp_path_factory) -> Path:
    """The twelve pairs in four shards."""
    out = tmp_path_factory.mktemp("shards") / "pairs"
    assert dpsims(["prepare-data", str(pairs_dir), str(out), "--num-shards", "4"]) == 0
    return out


def train_rank(argv: list[str]) -> None:
    # A forked process must not use its parent's pool of threads; accelerate asks for more unless this is set.
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    if not torch.accelerator.is_available():  # the launcher's hint, which torchrun does not give
        del os.environ["ACCELERATE_USE_CPU"]
    assert int(os.environ["WORLD_SIZE"]) == 2
    assert main(argv) == 0


def launch(argv: list[str], processes: int) -> None:
    forget_accelerators()
    if processes == 1:
        assert main(argv) == 0
    else:
        debug_launcher(train_rank, (argv,), num_processes=processes)
    forget_accelerators()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("source_kind", ["folder", "stream"])
def test_bit_for_bit(pairs_dir, shards, tmp_path, source_kind, processes, workers):
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    more = ["--dataloader_num_workers", workers, "--checkpointing_steps", 3, "--shuffle_buffer_size", 4]
    more += ["--validation_steps", 100, "--checkpoints_total_limit", 5]
    if source_kind == "stream":
        more += ["--train_data_dir", "", "--dataset_name", shards, "--streaming"]
    # 6 steps of 2 maps pass the end of an epoch of 12 pairs with two processes, and of a share with both.
    flags = tiny_flags(pairs_dir, straight, *more, steps=7)
    launch(flags, processes)
    checkpoint = copy_checkpoint(straight / "checkpoint-3", resumed)
    assert len(list(checkpoint.glob("data_*.pt"))) == processes
    assert len(list(checkpoint.glob("random_states_*"))) == processes
    launch([*flags, "--output_dir", str(resumed), "--resume_from_checkpoint", "latest"], processes)
    assert_same_state(straight / "checkpoint-7", resumed / "checkpoint-7")
    first, second = ([losses(line) for line in log_lines(out)] for out in (straight, resumed))
    assert second == first[3:]
    assert len({line["loss_d_real"] for line in first}) == 7


@pytest.mark.slow
def test_a_trained_projection_goes_on_too(pairs_dir, tmp_path):
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    flags = tiny_flags(pairs_dir, straight, "--contrastive_head", 5, "--checkpointing_steps", 2, steps=4)
    flags += ["--contrastive_backbone", "test_resnet", "--contrastive_backbone_weights", "random"]
    launch(flags, processes=2)
    copy_checkpoint(straight / "checkpoint-2", resumed)
    launch([*flags, "--output_dir", str(resumed), "--resume_from_checkpoint", "latest"], processes=2)
    assert_same_state(straight / "checkpoint-4", resumed / "checkpoint-4")
    assert (straight / "checkpoint-4" / "model_2.safetensors").is_file()  # the projection
    first, second = ([losses(line) for line in log_lines(out)] for out in (straight, resumed))
    assert second == first[2:]


def test_a_checkpoint_of_the_default_adam_goes_on_with_it(pairs_dir, tmp_path, monkeypatch):
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    flags = tiny_flags(pairs_dir, straight, "--checkpointing_steps", 2, steps=4)
    adam, asked = torch.optim.Adam, []

    def default_adam(*arguments, fused: bool, **more) -> torch.optim.Optimizer:
        asked.append(fused)
        return adam(*arguments, **more)

    with monkeypatch.context() as patched:
        patched.setattr(torch.optim, "Adam", default_adam)
        launch(flags, processes=1)
    assert asked == [True, True]
    copy_checkpoint(straight / "checkpoint-2", resumed)
    launch([*flags, "--output_dir", str(resumed), "--resume_from_checkpoint", "latest"], processes=1)
    assert_same_state(straight / "checkpoint-4", resumed / "checkpoint-4")
