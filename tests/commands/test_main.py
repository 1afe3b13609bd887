import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from dpsims_hub import __version__
from dpsims_hub.commands import SUBCOMMANDS, build_parser, main


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"dpsims {__version__}\n"


def test_help_lists_every_subcommand(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    described = " ".join(capsys.readouterr().out.split())  # however argparse breaks the lines
    for name, summary in SUBCOMMANDS.items():
        assert f"{name} {summary}" in described


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_is_a_module_with_help(name, capsys):
    module = importlib.import_module(f"dpsims_hub.commands.{name.replace('-', '_')}")
    assert callable(module.run)
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    described = " ".join(capsys.readouterr().out.split())
    assert SUBCOMMANDS[name][1:] in described


def test_parsing_needs_neither_torch_nor_diffusers():
    """The rest of the package may load them; what the commands add to that must not."""
    program = """
import sys, types
package = types.ModuleType("dpsims_hub")
package.__path__, package.__version__ = [sys.argv[1]], "0"
sys.modules["dpsims_hub"] = package
from dpsims_hub.commands import build_parser
build_parser(["generate"]).parse_args(["generate", "map.png"])
build_parser(["demo"]).parse_args(["demo"])
print(sorted({"torch", "diffusers", "gradio", "scipy"} & set(sys.modules)))
"""
    folder = Path(__file__).parents[2] / "dpsims_hub"
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((), "COMMAND"), (("paint",), "invalid choice: 'paint'"), (("generate",), "MAP.png")],
)
def test_wrong_command_line_is_one_sentence(refused, arguments, words):
    said = refused(*arguments)
    assert words in said
    assert "--help" in said


def test_defaults():
    arguments = build_parser(["generate"]).parse_args(["generate", "map.png"])
    assert (arguments.seed, arguments.num_images, arguments.batch_size, arguments.model) == (
        0,
        1,
        8,
        "camvid",
    )
    assert arguments.output == Path("outputs")
