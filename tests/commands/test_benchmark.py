import json
import os
import signal
import tempfile

import pytest
import torch

from dpsims_hub.benchmark import variants
from dpsims_hub.commands import main
from dpsims_hub.commands.benchmark_training import AS_GIVEN, list_variants, training_flags
from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.training.data_loader import TrainingDataLoader
from dpsims_hub.training.presets import PRESETS
from tests.tiny import tiny_generator
from tests.training.tiny_run import forget_accelerators, tiny_flags, write_pairs


@pytest.fixture(autouse=True)
def _new_accelerator():
    forget_accelerators()
    yield
    forget_accelerators()


def test_prints_and_writes_the_report(tmp_path, capsys):
    pairs = write_pairs(tmp_path / "pairs")
    flags = [
        word.replace("_", "-") if word.startswith("--") else word for word in tiny_flags(pairs, "unused")
    ]
    target = tmp_path / "new" / "report.json"
    own = ["--steps", "2", "--warmup", "1", "--workers", "1", "--data", str(pairs), "--json", str(target)]
    assert main(["benchmark", "training", *flags, *own]) == 0
    printed = capsys.readouterr().out
    report = json.loads(target.read_text())
    assert f"report: {target}" in printed
    assert f"{report['images_per_second']:.2f} generated" in printed
    assert (report["steps"], report["warmup_steps"], report["workers"], report["pairs"]) == (2, 1, 1, 12)
    assert report["data"].endswith("/pairs")
    assert str(tmp_path) not in target.read_text()
    assert {"torch", "timm"} <= set(report["versions"])
    assert report["machine"]["torch_threads"] >= 1
    assert {path.name for path in tmp_path.iterdir()} == {"pairs", "new"}


def test_short_forms_become_flags_of_training():
    given = ["--data", "a-b", "--workers=3", "--no-flip", "--seed", "-1"]
    expected = ["--train_data_dir", "a-b", "--dataloader_num_workers=3", "--no-flip", "--seed", "-1"]
    assert training_flags(given) == expected


def test_a_variant_is_the_training_with_more_flags_which_win():
    flags = ["--preset", "small", "--mixed-precision", "bf16", "--data", "x"]
    compared = ["--workers 3 --mixed-precision no", '--preset=oasis --output-dir "a b"']
    given, plain, oasis = list_variants(flags, compared)
    assert [given.name, plain.name, oasis.name] == [AS_GIVEN, *compared]
    assert (given.config.mixed_precision, plain.config.mixed_precision) == ("bf16", "no")
    assert (given.config.dataloader_num_workers, plain.config.dataloader_num_workers) == (0, 3)
    assert (plain.config.preset, oasis.config.preset) == ("small", "oasis")
    assert (oasis.config.train_data_dir, oasis.config.output_dir) == ("x", "a b")
    assert oasis.config.weight_labelmix == PRESETS["oasis"]["weight_labelmix"] != 0


@pytest.mark.minutes
def test_trainings_are_compared_in_processes_of_their_own(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    flags = tiny_flags(write_pairs(tmp_path / "pairs"), tmp_path / "unused")
    json_file, plot = tmp_path / "new" / "report.json", tmp_path / "new" / "plot.png"
    own = ["--steps", "2", "--warmup", "0", "--rounds", "1", "--json", str(json_file), "--plot", str(plot)]
    compared = ["--compare=--backbone no_such_net"]
    assert main(["benchmark", "training", *flags, *own, *compared]) == 1
    report = json.loads(json_file.read_text())
    given, wrong = report["trainings"]
    assert (given["steps"], given["rounds"], given["pairs"]) == (2, 1, 12)
    assert "no_such_net" in wrong["failure"]
    printed = capsys.readouterr().out
    assert f"- --backbone no_such_net does not work here: {wrong['failure']}" in printed
    assert f"{given['seconds_per_step']['median']:.3f} (" in printed
    assert str(tmp_path) not in json_file.read_text()
    assert plot.read_bytes()[:4] == b"\x89PNG"
    assert {path.name for path in tmp_path.iterdir()} == {"pairs", "new"}


def test_a_launcher_may_not_start_a_comparison(monkeypatch, refused):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "without a launcher" in refused("benchmark", "training", "--compare=--preset small")


def test_a_training_that_diverges_is_one_sentence(tmp_path, capsys):
    flags = tiny_flags(write_pairs(tmp_path / "pairs"), tmp_path / "unused")
    wild = ["--learning_rate_g", "1e30", "--learning_rate_d", "1e30", "--steps", "5"]
    assert main(["benchmark", "training", *flags, *wild]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("dpsims: the training diverged: Step")


def test_a_signal_leaves_nothing(tmp_path, monkeypatch, capsys):
    flags = tiny_flags(write_pairs(tmp_path / "pairs"), tmp_path / "unused")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    real_next, calls = TrainingDataLoader.next, []

    def next_and_stop(data_loader: TrainingDataLoader) -> dict:
        calls.append(data_loader)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return real_next(data_loader)

    monkeypatch.setattr(TrainingDataLoader, "next", next_and_stop)
    assert main(["benchmark", "training", *flags, "--train_data_dir", "", "--steps", "20"]) == 130
    assert len(calls) < 5
    assert list((tmp_path / "temporary").iterdir()) == []


BAD = {
    "compared too few steps": (["training", "--steps", "1", "--compare=--preset small"], "at least 2 steps"),
    "no kind": ([], "KIND"),
    "unknown kind": (["drawing"], "invalid choice: 'drawing'"),
    "unknown flag": (["training", "--bogus", "3"], "--bogus"),
    "steps are no number": (["training", "--steps", "few"], "--steps"),
    "too few steps": (["training", "--steps", "1"], "at least 2 steps"),
    "bad setting": (["training", "--resolution", "wide"], "--resolution: 'wide'"),
    "no such data": (["training", "--data", "nowhere"], "nowhere"),
    "compared flag": (["training", "--compare=--bogus 3"], "--bogus"),
    "compared quotes": (["training", "--compare=--preset 'x"], "not a list of flags"),
    "compared twice": (["training", "--compare=--preset base"], "is the same training as 'as given'"),
    "no round": (["training", "--rounds", "0", "--compare=--preset small"], "--rounds"),
    "plot is a folder": (["training", "--plot", "."], "give a file name"),
    "report is a folder": (["training", "--steps", "1", "--json", "."], "give a file name"),
}


@pytest.mark.parametrize(("arguments", "part"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence(arguments, part, refused):
    assert part in refused("benchmark", *arguments)


@pytest.mark.parametrize(
    ("arguments", "part"), [([], "KIND"), (["training"], "--steps"), (["inference"], "--rounds")]
)
def test_help_says_what_there_is(arguments, part, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["benchmark", *arguments, "--help"])
    assert stop.value.code == 0
    assert part in capsys.readouterr().out


def test_inference_prints_and_writes_table_json_and_plot(tmp_path, model, capsys):
    pytest.importorskip("matplotlib")
    json_file, plot = tmp_path / "new" / "report.json", tmp_path / "new" / "plot.png"
    words = ["--preset", "--model", model, "--resolution", "24x16", "--forms", "plain", "channels_last"]
    words += ["--batches", "1", "2", "--photos", "2", "--rounds", "2", "--warmup", "0", "--device", "cpu"]
    assert (
        main(["benchmark", "inference", *map(str, words), "--json", str(json_file), "--plot", str(plot)]) == 0
    )
    printed = capsys.readouterr().out
    report = json.loads(json_file.read_text())
    assert len(report["variants"]) == 2 * 2 + 2
    assert f"{report['variants'][0]['milliseconds_per_photo']['median']:.1f} (" in printed
    assert f"report: {json_file}" in printed
    assert plot.read_bytes()[:4] == b"\x89PNG"
    assert report["size"] == {"height": 16, "width": 24}
    assert str(tmp_path) not in json_file.read_text()


def test_inference_of_several_numbers_of_classes_in_cpu_time(capsys, monkeypatch):
    threads = torch.get_num_threads()
    made = []

    def small_network(preset: str, num_classes: int, size: tuple[int, int]) -> DPSIMSGenerator:
        made.append((preset, num_classes))
        return tiny_generator(num_classes, spectral_norm=False)

    monkeypatch.setattr(variants, "random_network", small_network)
    words = ["--preset", "oasis", "small", "--num-classes", "5", "3", "4", "--clock", "cpu"]
    words += ["--forms", "plain", "--photos", "1", "--resolution", "24x16", "--rounds", "2"]
    words += ["--device", "cpu"]
    try:
        assert main(["benchmark", "inference", *words]) == 0
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
    assert made == [("oasis", 5), ("small", 5), ("small", 3), ("small", 4)]
    printed = capsys.readouterr().out
    assert "clock: cpu" in printed
    assert "1 threads" in printed
    assert "| small, 3 classes | plain" in " ".join(printed.split())


def test_inference_with_a_launcher_is_refused(refused, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "without a launcher" in refused("benchmark", "inference")


def test_two_models_of_one_name_are_refused(model, refused):
    words = ["--preset", "--model", model, model, "--resolution", "24x16"]
    assert "two would be called" in refused("benchmark", "inference", *words)


BAD_INFERENCE = {
    "no such device": (["--device", "foo"], "--device foo cannot be used here"),
    "unknown preset": (["--preset", "huge"], "--preset: unknown preset 'huge'"),
    "no network": (["--preset"], "give --preset or --model"),
    "no such model": (["--preset", "--model", "./nowhere"], "nowhere"),
    "unknown form": (["--forms", "fast"], "--forms: unknown form 'fast'"),
    "no batch": (["--batches", "0"], "--batches and --photos"),
    "one round": (["--rounds", "1"], "at least 2 rounds"),
    "size": (
        ["--preset", "small", "--resolution", "100x96"],
        "100x96 (width x height) must be multiples of 32",
    ),
    "no size": (["--resolution", "wide"], "--resolution: 'wide'"),
    "classes": (["--num-classes", "0"], "--num-classes"),
    "report is a folder": (["--json", "."], "give a file name"),
    "unknown flag": (["--bogus"], "--bogus"),
}


@pytest.mark.parametrize(("arguments", "part"), BAD_INFERENCE.values(), ids=BAD_INFERENCE)
def test_bad_inference_input_is_one_sentence(arguments, part, capsys):
    assert main(["benchmark", "inference", *arguments]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("dpsims: ")
    assert part in said
