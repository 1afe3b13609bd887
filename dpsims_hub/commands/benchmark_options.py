"""Parser, report options and report files that both kinds of `dpsims benchmark` use."""

import argparse
from collections.abc import Callable
from pathlib import Path

from dpsims_hub.commands.options import add_option
from dpsims_hub.processes.missing_package import require_packages
from dpsims_hub.storage.writable import check_file


def new_parser(kind: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """The parser of `dpsims benchmark KIND`, which accepts no abbreviated options."""
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
    add_option(parser, "--json", "also write the report as JSON", metavar="FILE", parse=Path)
    add_option(parser, "--plot", "also draw it as PNG (needs matplotlib)", metavar="FILE", parse=Path)


def check_report_options(arguments: argparse.Namespace) -> None:
    """Checks before the measurement that report and plot can be written."""
    for path in filter(None, (arguments.json, arguments.plot)):
        check_file(path)
    if arguments.plot:
        require_packages("matplotlib")


def write_report(arguments: argparse.Namespace, report: dict, draw: Callable[[Path], object]) -> None:
    """Writes the report and the plot where --json and --plot name files, and prints their paths."""
    from dpsims_hub.evaluation import save_report

    if arguments.json:
        save_report(report, arguments.json)
        print(f"report: {arguments.json}")
    if arguments.plot:
        draw(arguments.plot)
        print(f"plot: {arguments.plot}")
