"""What `dpsims benchmark inference` and `training` share: the form of their parsers, and the report."""

import argparse
from pathlib import Path

from dpsims_hub.pictures.plots import require_matplotlib
from dpsims_hub.storage.writable import check_file


def new_parser(kind: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """A parser whose faults are one sentence."""
    from dpsims_hub.commands import OneLineParser

    return OneLineParser(
        prog=f"dpsims benchmark {kind}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Adds --json and --plot."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw it as PNG (needs matplotlib)")


def check_report_options(arguments: argparse.Namespace) -> None:
    """Finds out before the work whether report and plot can be made after it.

    Raises:
        OSError: a file cannot be written there.
        ValueError: there is no matplotlib for the plot.
    """
    for path in filter(None, (arguments.json, arguments.plot)):
        check_file(path)
    if arguments.plot:
        require_matplotlib()
