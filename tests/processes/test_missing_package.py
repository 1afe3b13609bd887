import sys
from pathlib import Path

import pytest

import space_app
from dpsims_hub import commands
from dpsims_hub.commands import train
from dpsims_hub.evaluation import inception, lpips, segmenter
from dpsims_hub.evaluation.pixel_probe import PixelProbe
from dpsims_hub.evaluation.segmenter_network import new_segmenter
from dpsims_hub.processes.missing_package import missing_package, require_packages


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        ("scipy.stats", "scipy is not installed; pip install 'dpsims_hub[eval]'."),
        ("gradio", "gradio is not installed; pip install 'dpsims_hub[space]'."),
        ("torch_fidelity", "torch_fidelity is not installed; pip install 'dpsims_hub[eval]'."),
        ("wandb", "wandb is not installed; pip install wandb."),
    ],
)
def test_the_sentence_names_the_command_that_installs_it(module, wanted):
    assert missing_package(ModuleNotFoundError(name=module)) == wanted


def test_a_module_of_this_project_that_is_missing_is_a_fault():
    with pytest.raises(ModuleNotFoundError, match="typo"):
        missing_package(ModuleNotFoundError("typo", name="dpsims_hub.typo"))


def test_packages_are_required_by_name():
    require_packages("torch", "json")
    with pytest.raises(ModuleNotFoundError) as caught:
        require_packages("torch", "no_such_package")
    assert caught.value.name == "no_such_package"


@pytest.mark.parametrize("entry_point", ["dpsims", "train_accelerate.py", "space_app.py"])
def test_the_programs_say_it_in_one_sentence(monkeypatch, capsys, entry_point):
    def fail(*arguments, **options):
        raise ModuleNotFoundError("No module named 'scipy'", name="scipy")

    monkeypatch.setattr(commands, "build_parser", fail)
    monkeypatch.setattr(train, "parse_config", fail)
    monkeypatch.setattr("dpsims_hub.space.start.start_space", fail)
    main = {"dpsims": commands, "train_accelerate.py": train, "space_app.py": space_app}[entry_point].main
    assert main([]) == 2
    assert (
        capsys.readouterr().err == f"{entry_point}: scipy is not installed; pip install 'dpsims_hub[eval]'.\n"
    )


def test_the_probe_needs_scipy_before_the_work_begins(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="scipy"):
        PixelProbe(3, 10)


@pytest.mark.parametrize(
    ("package", "part"),
    [
        ("torch_fidelity", lambda: inception._load(Path("no file"))),
        ("torchmetrics", lambda: lpips._load(Path("no file"))),
        ("transformers", lambda: segmenter._load("no folder")),
        ("transformers", segmenter.be_quiet),
        ("transformers", lambda: new_segmenter(None, None, (8, 8))),
    ],
)
def test_the_measures_name_the_package_that_they_lack_and_its_command(monkeypatch, package, part):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ModuleNotFoundError, match=rf"{package} is not installed; pip install 'dpsims_hub\[eval\]'"
    ):
        part()
