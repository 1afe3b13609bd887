"""The benchmark runs the real training, tells where its time goes, and leaves nothing."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.benchmark import training
from dpsims_hub.benchmark.training import benchmark_training, write_synthetic_pairs
from dpsims_hub.benchmark.training_report import draw_training, format_training
from dpsims_hub.labels import FolderDataset
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.cost_estimate import estimate_costs
from dpsims_hub.training.data_loader import TrainingDataLoader
from dpsims_hub.training.phases import OTHER, PHASES
from tests.ablation.tiny_study import size_of
from tests.training.tiny_run import forget_accelerators, tiny_flags

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _new_accelerator():
    forget_accelerators()
    yield
    forget_accelerators()


def synthetic_config(output_dir: Path, *more: object) -> TrainConfig:
    flags = ("--train_data_dir", "", "--backbone_weights", "pretrained", "--output_dir", output_dir)
    return parse_config(tiny_flags("", output_dir, *flags, *more))


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> dict:
    """Of 6 steps after 2, on synthetic pairs; with the folder for temporary files as it was left."""
    folder = tmp_path_factory.mktemp("benchmark")
    forget_accelerators()
    ticks: list[int] = []
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    start = time.perf_counter()
    try:
        more = ("--gradient_accumulation_steps", 2, "--resume_from_checkpoint", "other/checkpoint-9")
        config = synthetic_config(folder / "out", *more)
        with contextlib.redirect_stdout(io.StringIO()):
            measured = benchmark_training(config, 6, 2, ticks.append)
    finally:
        tempfile.tempdir = before
    seconds = time.perf_counter() - start
    return measured | {"ticks": ticks, "seconds": seconds, "left": list(folder.iterdir())}


def test_rates_follow_from_steps_and_batch(report):
    assert report["images_per_second"] == pytest.approx(2 * report["label_maps_per_second"])
    low, high = report["seconds_per_step"]["quartiles"]
    assert 0 < low <= report["seconds_per_step"]["median"] <= high
    timed = 6 * 4 / report["label_maps_per_second"]  # steps of 2 maps in 2 micro-batches
    assert 2 * low < timed < report["seconds"]
    assert (
        4 * report["seconds_per_step"]["median"] <= 1.01 * timed + 2 * low
    )  # three steps last that or longer


def test_shares_name_every_phase_and_sum_to_one(report):
    assert list(report["shares"]) == [*PHASES, OTHER]
    assert sum(report["shares"].values()) == pytest.approx(1)
    assert all(share > 0 for share in report["shares"].values())
    assert report["data_wait_share"] == report["shares"]["data"]
    assert report["shares"]["d_step"] + report["shares"]["g_step"] > report["shares"]["ema"]


def test_it_ticks_for_every_step_and_leaves_nothing(report):
    assert report["ticks"] == [1] * 8
    assert (report["steps"], report["warmup_steps"]) == (6, 2)
    assert report["left"] == []


def test_memory_and_settings_are_reported(report):
    assert report["peak_memory_of"] == "process"
    assert report["peak_memory_bytes"] > 50e6
    assert report["size"] == {"width": 32, "height": 24}
    assert (report["pairs"], report["num_classes"]) == (64, 11)
    assert json.loads(json.dumps(report["shares"])) == report["shares"]


def test_work_is_that_of_both_micro_batches_and_its_share_follows_from_the_median(report, tmp_path):
    config = synthetic_config(tmp_path, "--gradient_accumulation_steps", 1)
    assert report["multiply_adds_per_step"] == 2 * estimate_costs(config, 11).multiply_adds
    ceiling = report["ceiling"]["multiply_adds_per_second"]
    assert 1e9 < ceiling < 1e14
    per_second = report["multiply_adds_per_step"] / report["seconds_per_step"]["median"]
    assert report["share_of_ceiling"] == pytest.approx(per_second / ceiling)
    assert 0 < report["share_of_ceiling"] < 1


def test_the_first_step_is_not_among_the_timed_ones(report):
    assert len(report["step_seconds"]) == 6
    assert report["first_step_seconds"] not in report["step_seconds"]
    assert 0 < report["first_step_seconds"] < report["seconds"]


def test_waiting_for_data_is_seen(tmp_path, monkeypatch, capsys):
    real_next = TrainingDataLoader.next

    def slow_next(data_loader: TrainingDataLoader) -> dict[str, torch.Tensor]:
        time.sleep(0.5)
        return real_next(data_loader)

    monkeypatch.setattr(TrainingDataLoader, "next", slow_next)
    measured = benchmark_training(synthetic_config(tmp_path / "out"), 2, 0)
    assert measured["data_wait_share"] > 0.2
    assert measured["seconds_per_step"]["median"] > 0.5
    assert "more: add workers" in format_training(complete(measured))


def complete(measured: dict) -> dict:
    machine = {"device": "cpu", "processor": "P", "cores": 2, "torch_threads": 1, "load_of_last_minute": 0.5}
    return measured | {"data": "camvid/train", "machine": machine, "versions": {"torch": "2.15.0"}}


def test_the_text_says_what_was_measured_where(report):
    shares = {**dict.fromkeys(PHASES, 0.19), "data": 0.049, OTHER: 0.001}
    facts = {"images_per_second": 12.3456, "data_wait_share": 0.0494, "shares": shares, "pairs": None}
    work = {"multiply_adds_per_step": 52.5e9, "share_of_ceiling": 0.314, "first_step_seconds": 2.5}
    work["ceiling"] = {"what": "a convolution", "multiply_adds_per_second": 167e9}
    text = format_training(complete(report | facts | work | {"peak_memory_bytes": 1_585_000_000}))
    assert "12.35 generated" in text
    assert "2 label maps x 2 photos x 2 micro-batches x 1 processes" in text
    assert "4.9% (below 5%: the loader keeps up)" in text
    assert "data 4.9%, generator_forward 19.0%" in text
    assert "camvid/train, streamed pairs, 0 workers" in text
    assert "1585 MB at most, of the process" in text
    assert "cpu, P, 2 cores, 1 threads, load 0.5" in text
    assert "52.5 G multiply-adds a step, both updates: 31% of the ceiling of 167 G multiply-adds/s" in text
    assert "(a convolution, float32)" in text
    assert "first step    2.50 s" in text
    assert "not counted" in format_training(complete(report | {"share_of_ceiling": None}))


def test_the_picture_of_one_training(report, tmp_path):
    pytest.importorskip("matplotlib")
    draw_training([report | {"name": "small"}], complete({})["machine"], tmp_path / "new" / "plot.png")
    assert min(size_of(tmp_path / "new" / "plot.png")) > 150


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (2, -1)])
def test_too_few_steps_are_refused(steps, warmup, tmp_path):
    with pytest.raises(ValueError, match="at least 2 steps"):
        benchmark_training(synthetic_config(tmp_path), steps, warmup)


def test_named_weights_must_be_there(tmp_path):
    config = synthetic_config(tmp_path / "out", "--backbone_weights", "missing.safetensors")
    with pytest.raises(FileNotFoundError, match=r"missing\.safetensors"):
        benchmark_training(config, 2, 0)


def test_synthetic_pairs_are_a_training_folder_and_always_the_same(tmp_path):
    first, second = (write_synthetic_pairs(tmp_path / name, (48, 64), count=3) for name in ("a", "b"))
    data = FolderDataset(first)
    assert (len(data), data.spec.num_classes) == (3, 11)
    ids = np.concatenate([data[i].label_map.ravel() for i in range(3)])
    assert set(ids) == set(range(11))
    with Image.open(first / "images" / "000.jpg") as photo:
        assert photo.size == (64, 48)
    for path in first.rglob("*.*"):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()


@pytest.mark.parametrize(("folder", "weights"), [(Path(), "pretrained"), (None, "random")])
def test_weights_of_an_installed_package_are_used(tmp_path, monkeypatch, folder, weights):
    monkeypatch.setattr(training, "find_package", lambda name: SimpleNamespace(folder=folder))
    config = parse_config(["--preset", "small", "--train_data_dir", "data"])
    assert training._benchmark_config(config, 2, tmp_path).backbone_weights == weights
