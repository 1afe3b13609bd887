"""The command line `dpsims`.

A subcommand is a module of this package with `add_arguments(parser)` and `run(arguments) -> int`, which
returns the exit code. The module is imported only when the command line names it, and imports torch only in
`run`, so that help is quick.

Errors: the functions of this package raise OSError where a file is missing, a file cannot be written or the
Hub refuses a request. They raise ModuleNotFoundError where an optional package is missing, and ValueError for
any other fault of the input. `main` prints the message.
"""

import argparse
import errno
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from dpsims_hub import __version__
from dpsims_hub.processes.missing_package import missing_package
from dpsims_hub.processes.quick_start import start_process
from dpsims_hub.storage.error_text import one_line

SUBCOMMANDS = {
    "generate": "make photos from label maps",
    "demo": "paint scenes in the browser with the bundled model, or draw them into one picture",
    "evaluate": "measure a model: distances to real photos, mIoU, diversity, speed",
    "train-segmenter": "train a segmenter on real photos, to measure mIoU with",
    "check-data": "read a data set as training does, and report its contents and its errors",
    "prepare-data": "turn a folder of pairs into parquet shards for streaming",
    "benchmark": "measure speed on this machine",
    "export": "make a folder to publish from a training run, a checkpoint or a model",
    "publish": "upload a model folder to the Hub; without --yes a dry run",
    "publish-space": "upload the browser demo to the Hub as a Space; without --yes a dry run",
    "ablate": "compare settings of the training: equal steps and seeds, one table",
}
"""Subcommands and their lines in the help. The module of a subcommand has its name, with _ instead of -."""

BAD_INPUT = 2
INTERRUPTED = 130


class OneLineParser(argparse.ArgumentParser):
    """An argument parser that reports a wrong option in one sentence, without the usage text."""

    def error(self, message: str) -> NoReturn:
        """Raises ValueError, which `main` prints."""
        raise ValueError(f"{message}; see {self.prog} --help.")


def run_process() -> int:
    """Entry point of the process `dpsims`."""
    start_process()
    return main()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `dpsims` with arguments, by default those of the process.

    Returns:
        The exit code: 0, 2 after bad input (one sentence on stderr), 130 after Ctrl-C.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        arguments = build_parser(argv).parse_args(argv)
        return _module(arguments.subcommand).run(arguments)
    except ModuleNotFoundError as error:
        print(f"dpsims: {missing_package(error)}", file=sys.stderr)
        return BAD_INPUT
    except (ValueError, OSError) as error:
        print(f"dpsims: {_sentence(error)}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("dpsims: stopped; every file written so far is complete.", file=sys.stderr)
        return INTERRUPTED


def build_parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of `dpsims`, with the options of the subcommand that `argv` names.

    The other subcommands are listed without their options, and their modules are not imported.
    """
    parser = OneLineParser(
        prog="dpsims", description="DP-SIMS: a label map in, a photo out, in one forward pass."
    )
    parser.add_argument("--version", action="version", version=f"dpsims {__version__}")
    commands = parser.add_subparsers(dest="subcommand", metavar="COMMAND", required=True, title="commands")
    asked = next((word for word in argv if not word.startswith("-")), None)
    for name, summary in SUBCOMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=argparse.RawTextHelpFormatter,
        )
        if name == asked:
            _module(name).add_arguments(command)
    return parser


def _module(subcommand: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{subcommand.replace('-', '_')}")


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:  # raised by the operating system
        reason = "its links lead in a circle; remove them" if error.errno == errno.ELOOP else error.strerror
        return f"{error.filename}: {reason[0].lower()}{reason[1:]}."
    return one_line(error)
