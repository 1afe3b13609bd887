import json
import sys

import pytest

from dpsims_hub.ablation import runner
from dpsims_hub.ablation.plan import read_json
from dpsims_hub.ablation.studies import STUDIES
from dpsims_hub.commands import OneLineParser, ablate, main
from tests.ablation.tiny_study import WORDS, size_of, write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


def test_list_names_every_study_with_its_cost(capsys):
    assert main(["ablate", "--list"]) == 0
    printed = capsys.readouterr().out
    for study in STUDIES.values():
        assert f"{study.name}: {study.question}" in printed
    # 6 runs of 1000 steps of 58.7 G at 60 G/s
    assert f"6 runs (3 arms, 2 seeds) of 1000 steps, about {6 * 1000 * 58.7 / 60 / 3600:.1f} hours" in printed


def test_list_of_a_study_shows_its_arms_at_the_asked_size(capsys):
    words = ["--study", "oasis", "--list", "--resolution", "256x192", "--seeds", "3", "--steps", "10"]
    assert main(["ablate", *words, "--", "--train_batch_size", "8"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    dpsims, oasis = (next(row for row in rows if row[:1] == [name]) for name in ("dpsims", "oasis"))
    assert dpsims[1:3] == ["3", "10"]
    assert float(dpsims[3]) == pytest.approx(4 * 2 * 58.7, abs=0.2)  # four times the pixels, twice the maps
    assert float(oasis[3]) == pytest.approx(4 * 81.6, abs=0.3)  # sets its own batch of 8


def test_dry_run_starts_nothing(tmp_path, data, capsys):
    words = ["--study", "gamma", "--data", data, "--output", tmp_path / "out", "--steps", "5", "--dry-run"]
    assert main(["ablate", *map(str, words)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("0 of 5 steps, not evaluated") == 8
    assert '{"focal_gamma": 5.0}' in printed
    assert f"--train-data {data / 'train'}" in printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.minutes
def test_a_study_from_end_to_end_in_processes_of_its_own(tmp_path, data, capsys):
    """Two steps of one arm; again: nothing is run; without a plot where there is no matplotlib."""
    pytest.importorskip("matplotlib")
    weights = data / "tiny.safetensors"
    own = ["--study", "gamma", "--arm", "gamma 0", "--steps", "2", "--seeds", "1", "--data", data]
    own += ["--output", tmp_path, "--resolution", "32x24", "--backbone", "test_resnet"]
    own += ["--weights-of", f"test_resnet={weights}"]
    own += ["--evaluate", "--num-images 2 --backbone test_resnet", "--"]
    own += ["--log_steps", "1", *WORDS[2:4], *WORDS[6:]]
    own = [str(word) for word in own]
    assert main(["ablate", *own]) == 0
    printed = capsys.readouterr().out
    assert "1 of 1: training gamma 0, seed 0" in printed
    result = read_json(tmp_path / "gamma" / "results.json")
    (run,) = result["runs"]
    assert (run["steps"], run["failure"], run["missing"]) == (2, "", False)
    assert result["arms"]["gamma 0"]["measures"]["FD-test_resnet"]["values"][0] > 0
    text = (tmp_path / "gamma" / "results.md").read_text()
    assert text in printed
    assert "FD-test_resnet (lower is better)" in text
    assert min(size_of(tmp_path / "gamma" / "plot.png")) > 100
    assert min(size_of(tmp_path / "gamma" / "curves.png")) > 100
    assert "![photos of the arms](photos.png)" in text
    assert min(size_of(tmp_path / "gamma" / "photos.png")) > 100
    assert str(tmp_path) not in json.dumps(result)
    assert main(["ablate", *own]) == 0
    assert "1 of 1" not in capsys.readouterr().out


def test_what_is_finished_is_written_when_it_is_stopped(tmp_path, data, capsys, monkeypatch):
    def stopped(*arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner.run_all, "__defaults__", (print, stopped))
    words = ["--study", "gamma", "--arm", "gamma 0", "--data", data, "--output", tmp_path, *own_flags(data)]
    assert main(["ablate", *map(str, words)]) == 130
    text = (tmp_path / "gamma" / "results.md").read_text()
    assert "- gamma 0, seed 1: not yet run" in text
    assert read_json(tmp_path / "gamma" / "results.json")["runs"][0]["missing"]


def own_flags(data) -> list:
    """Of a backbone that the evaluation can load."""
    file = data / "tiny.safetensors"
    return ["--backbone", "test_resnet", "--weights-of", f"test_resnet={file}", *judged()]


def judged(more: str = "") -> list[str]:
    """The evaluation with the discriminator's backbone."""
    return ["--evaluate", f"--backbone test_resnet {more}"]


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        ("--segmentor judge", "--segmentor"),
        ("--segmenter ./no/judge", "no/judge"),
        ("--inception-weights none.pth", "none.pth"),
    ],
)
def test_a_recipe_that_cannot_work_is_found_before_the_work(data, refused, tmp_path, flags, part):
    words = ["--study", "gamma", "--data", data, "--output", tmp_path / "new", *own_flags(data)]
    assert part in refused("ablate", *words, *judged(flags))
    assert not (tmp_path / "new").exists()


def test_a_launcher_is_refused(refused, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "without a launcher" in refused("ablate", "--study", "gamma")


BAD = {
    "times nothing": (["--study", "gamma", "--measure"], "--measure: times the arms for --list"),
    "no study": ([], "give --study NAME, or --list"),
    "unknown study": (["--study", "colour"], "unknown study 'colour'"),
    "unknown arm": (["--study", "gamma", "--arm", "gamma 9"], "has no arm 'gamma 9'"),
    "no data": (["--study", "gamma"], "give --data DIR"),
    "no such data": (["--study", "gamma", "--data", "nowhere"], "nowhere"),
    "no steps": (["--study", "gamma", "--steps", "0"], "at least 1 step"),
    "steps are no number": (["--study", "gamma", "--steps", "few"], "--steps"),
    "weights of nothing": (["--weights-of", "file"], "'file' is not NAME=FILE"),
    "unknown setting of weights": (["--weights-of", 'a=b,{"size": 3}'], "'size' cannot be set here"),
    "bad mean of weights": (["--weights-of", 'a=b,{"mean": 3}'], "'3' is not a JSON list of three numbers"),
    "bad setting": (["--study", "gamma", "--resolution", "wide"], "--resolution: 'wide'"),
    "unknown flag of training": (["--study", "gamma", "--", "--bogus", "3"], "--bogus"),
    "what the study decides": (["--study", "gamma", "--", "--seed", "3"], "--seed: a study sets this itself"),
}


@pytest.mark.parametrize(("arguments", "part"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence(arguments, part, refused):
    assert part in refused("ablate", *arguments)


def test_missing_weights_are_found_before_the_work(data, refused, tmp_path):
    words = [
        "--study",
        "gamma",
        "--data",
        data,
        "--output",
        tmp_path,
        "--backbone-weights",
        "none.safetensors",
    ]
    assert "arm gamma 2: backbone weights: no such file: none.safetensors" in refused("ablate", *words)


def test_published_weights_that_are_not_here_are_found_before_the_work(data, refused, tmp_path):
    """The second arm of these has none: the hub is unreachable in tests."""
    words = ["--study", "backbone", "--arm", "random", "--arm", "mobilenetv2_100", "--data", data]
    said = refused("ablate", *words, "--output", tmp_path)
    assert "arm mobilenetv2_100: backbone weights: timm's own for 'mobilenetv2_100' cannot be fetched" in said


MOBILENET = 'mobilenetv2_100=m.safetensors,{"std": [0.5, 0.25, 1], "kwargs": {"pad_type": "same"}}'


def planned(*words: str) -> list:
    """The runs of one seed."""
    parser = OneLineParser()
    ablate.add_arguments(parser)
    arguments = parser.parse_args(["--seeds", "1", *words])
    return ablate._make_runs(STUDIES[arguments.study], arguments)


def test_weights_of_a_backbone_go_to_its_arms_and_its_evaluations():
    words = ["--study", "backbone", *(w for arm in ("pretrained", "mobilenetv2_100") for w in ("--arm", arm))]
    plain, given = planned(*words), planned(*words, "--weights-of", MOBILENET)
    lite, mobile = given
    assert lite.config == plain[0].config  # and so its folder
    config = mobile.config
    assert (config.backbone_weights, config.backbone_std) == ("m.safetensors", (0.5, 0.25, 1))
    assert (config.backbone_mean, config.backbone_kwargs) == ((), {"pad_type": "same"})
    flags = ["--backbone-weights", "m.safetensors", "--backbone-std", "[0.5, 0.25, 1]"]
    flags += ["--backbone-kwargs", '{"pad_type": "same"}']
    assert lite.judge == ("--backbone", "mobilenetv2_100", *flags)
    assert mobile.judge == ("--backbone", "tf_efficientnet_lite0")


def test_an_arm_of_random_weights_keeps_them():
    words = ["--study", "backbone", "--arm", "random", "--backbone", "mobilenetv2_100"]
    (run,) = planned(*words, "--weights-of", MOBILENET)
    assert run.config.backbone_weights == "random"
    assert run.config.backbone_kwargs == {"pad_type": "same"}


def test_the_user_may_choose_the_backbone_of_the_evaluation():
    words = ["--study", "precision", "--weights-of", MOBILENET, "--evaluate=--backbone=mobilenetv2_100"]
    for run in planned(*words):
        assert run.judge[:4] == ("--backbone", "mobilenetv2_100", "--backbone-weights", "m.safetensors")
    for run in planned("--study", "precision"):
        assert run.judge == ("--backbone", "tf_efficientnet_lite0")


@pytest.mark.parametrize("study", STUDIES)
def test_no_discriminator_has_the_backbone_of_its_evaluation(study):
    for run in planned("--study", study):
        assert run.judge[1] != run.config.backbone.partition(".")[0]


def test_dry_run_names_the_evaluation_of_each_arm(capsys):
    assert main(["ablate", "--study", "backbones", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert (
        "\nmobilenetv2_100: evaluated with dpsims evaluate --backbone tf_efficientnet_lite0 --data" in printed
    )
    assert "\ntf_efficientnet_lite2, resnet50, " in printed


def test_missing_matplotlib_is_one_sentence(data, refused, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    words = ["--study", "gamma", "--data", data, "--output", tmp_path, *own_flags(data)]
    assert "matplotlib is not installed; pip install" in refused("ablate", *words)
