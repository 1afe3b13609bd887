import json

import pytest

from dpsims_hub.commands import main
from dpsims_hub.commands.benchmark import training_flags
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


BAD = {
    "no kind": ([], "KIND"),
    "unknown kind": (["inference"], "invalid choice: 'inference'"),
    "unknown flag": (["training", "--bogus", "3"], "--bogus"),
    "steps are no number": (["training", "--steps", "few"], "--steps"),
    "too few steps": (["training", "--steps", "1"], "at least 2 steps"),
    "bad setting": (["training", "--resolution", "wide"], "--resolution: 'wide'"),
    "no such data": (["training", "--data", "nowhere"], "nowhere"),
    "report is a folder": (["training", "--steps", "1", "--json", "."], "give --json a file name"),
}


@pytest.mark.parametrize(("arguments", "part"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence(arguments, part, refused):
    assert part in refused("benchmark", *arguments)


@pytest.mark.parametrize(("arguments", "part"), [([], "KIND"), (["training"], "--steps")])
def test_help_says_what_there_is(arguments, part, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["benchmark", *arguments, "--help"])
    assert stop.value.code == 0
    assert part in capsys.readouterr().out
