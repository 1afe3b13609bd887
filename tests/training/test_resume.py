"""A run that was interrupted ends as one that was not."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dpsims_hub.training.checkpoint import list_checkpoints
from tests.training.tiny_run import checkpoint_tensors, copy_checkpoint, log_lines
from train_accelerate import main

LATEST = ("--resume_from_checkpoint", "latest")


def assert_same_state(first: Path, second: Path) -> None:
    expected, found = checkpoint_tensors(first), checkpoint_tensors(second)
    assert expected.keys() == found.keys()
    # Both networks, both optimisers, the average and the random generator are all among them.
    files = {name.split("/")[0] for name in expected}
    assert {"model.safetensors", "model_1.safetensors", "optimizer.bin", "optimizer_1.bin"} <= files
    assert {"custom_checkpoint_0.pkl", "random_states_0.pkl"} <= files
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def losses(line: dict) -> dict:
    """What a run may not change; speed and memory are of the machine."""
    varying = {"images_per_second", "data_wait_share", "memory_gib"}
    return {name: value for name, value in line.items() if name not in varying}


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(finished, tmp_path, capsys):
    copy_checkpoint(finished.output_dir / "checkpoint-2", tmp_path)
    assert main([*finished.flags, "--output_dir", str(tmp_path), *LATEST]) == 0
    assert f"Resuming from {tmp_path / 'checkpoint-2'}" in capsys.readouterr().out
    assert_same_state(finished.output_dir / "checkpoint-4", tmp_path / "checkpoint-4")
    weights, again = (
        load_file(out / "pipeline" / "generator" / "diffusion_pytorch_model.safetensors")
        for out in (finished.output_dir, tmp_path)
    )
    assert [name for name in weights if not torch.equal(weights[name], again[name])] == []
    uninterrupted = [losses(line) for line in log_lines(finished.output_dir)]
    assert [losses(line) for line in log_lines(tmp_path)] == uninterrupted[2:]


def test_validation_changes_nothing_in_the_run(finished, tmp_path):
    seldom = ["--validation_steps", "100", "--output_dir", str(tmp_path)]
    assert main([*finished.flags, *seldom]) == 0
    assert_same_state(finished.output_dir / "checkpoint-4", tmp_path / "checkpoint-4")


def test_resuming_between_accumulated_updates_is_exact_too(flags, tmp_path):
    more = ("--gradient_accumulation_steps", 2, "--checkpointing_steps", 1, "--dataloader_num_workers", 1)
    assert main(flags(*more, steps=2)) == 0
    copy_checkpoint(tmp_path / "out" / "checkpoint-1", tmp_path / "again")
    assert main(flags(*more, *LATEST, "--output_dir", tmp_path / "again", steps=2)) == 0
    assert_same_state(tmp_path / "out" / "checkpoint-2", tmp_path / "again" / "checkpoint-2")


def test_a_run_may_go_on_with_other_micro_batches(flags, tmp_path):
    assert main(flags("--gradient_accumulation_steps", 3, steps=1)) == 0
    assert main(flags("--gradient_accumulation_steps", 2, *LATEST, steps=3)) == 0
    # The norm is that of a whole update: between micro-batches none is measured.
    assert all(line["grad_norm_g"] > 0 for line in log_lines(tmp_path / "out"))
    assert [line["step"] for line in log_lines(tmp_path / "out")] == [1, 2, 3]


def test_latest_without_a_checkpoint_starts_at_zero_and_says_so(flags, tmp_path, capsys):
    assert main(flags(*LATEST, steps=1)) == 0
    assert "No checkpoint in" in (printed := capsys.readouterr().out)
    assert "starting from step 0" in printed
    assert [line["step"] for line in log_lines(tmp_path / "out")] == [1]


def test_a_finished_run_resumed_with_more_steps_goes_on(finished, tmp_path):
    copy_checkpoint(finished.output_dir / "checkpoint-4", tmp_path)
    (tmp_path / "log.jsonl").write_text('{"step": 4}\n{"step": 5}\n{"ste')
    more = ["--output_dir", str(tmp_path), "--max_train_steps", "5", *LATEST]
    assert main([*finished.flags, *more]) == 0
    assert [step for step, _ in list_checkpoints(tmp_path)] == [4, 5]
    # The lines of a run that was killed after its last checkpoint are not there twice.
    assert [line["step"] for line in log_lines(tmp_path)] == [4, 5]
    assert "loss_d_real" in log_lines(tmp_path)[1]


def test_a_fresh_run_never_mixes_with_an_earlier_one(finished, capsys):
    before = sorted(finished.output_dir.rglob("*"))
    assert main(finished.flags) == 2
    message = capsys.readouterr().err
    assert "checkpoint-4 is already there" in message
    assert "--resume_from_checkpoint latest" in message
    assert main([*finished.flags, "--resume_from_checkpoint", str(finished.output_dir / "checkpoint-2")]) == 2
    assert "ahead of step 2" in capsys.readouterr().err
    assert sorted(finished.output_dir.rglob("*")) == before


def test_a_checkpoint_of_other_widths_is_refused_in_one_sentence(finished, tmp_path, capsys):
    copy_checkpoint(finished.output_dir / "checkpoint-2", tmp_path)
    wider = ["--discriminator_config", '{"decoder_widths": [12]}', "--output_dir", str(tmp_path)]
    assert main([*finished.flags, *wider, *LATEST]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "checkpoint-2 is damaged or was made with other settings" in message


def test_a_loss_that_is_no_number_names_step_term_and_last_checkpoint(finished, tmp_path, capsys):
    checkpoint = copy_checkpoint(finished.output_dir / "checkpoint-2", tmp_path)
    weights = load_file(checkpoint / "model.safetensors")
    weights["to_rgb.bias"][0] = float("nan")
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})  # of the same size
    assert main([*finished.flags, "--output_dir", str(tmp_path), *LATEST]) == 2
    message = capsys.readouterr().err
    assert f"Step 3: loss_d_fake is nan. Last good checkpoint: {checkpoint}." in message
    assert [step for step, _ in list_checkpoints(tmp_path)] == [2]
    assert not (tmp_path / "pipeline").exists()


def _run_in_child(argv: list[str]) -> None:
    torch.set_num_threads(1)
    raise SystemExit(main(argv))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_a_checkpoint_and_exits_0(flags, tmp_path, capfd, number):
    out = tmp_path / "out"
    argv = flags("--checkpointing_steps", 10_000, steps=100_000)
    child = multiprocessing.get_context("fork").Process(target=_run_in_child, args=(argv,))
    child.start()
    patience = time.monotonic() + 200
    while not (out / "log.jsonl").exists() and child.is_alive() and time.monotonic() < patience:
        time.sleep(0.05)
    os.kill(child.pid, number)
    child.join(200)
    assert child.exitcode == 0
    ((step, checkpoint),) = list_checkpoints(out)
    assert log_lines(out)[-1]["step"] == step
    assert f"Stopped at step {step}" in capfd.readouterr().out
    assert not list(out.glob("*.tmp"))
    assert checkpoint_tensors(checkpoint)
    assert main(flags(*LATEST, steps=step)) == 0
