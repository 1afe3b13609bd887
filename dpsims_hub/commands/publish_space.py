"""`dpsims publish-space`: uploads the browser demo to the Hub as a Space; without --yes a dry run."""

import argparse
from pathlib import Path

from dpsims_hub.commands.publish import add_place_options, upload_or_show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims publish-space`."""
    add_place_options(parser)
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="also write the files there, to try: python space_app.py"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the changes, and uploads with --yes."""
    from dpsims_hub.hub.repository import Place
    from dpsims_hub.hub.space_folder import OWNED, space_files, write_space

    files = space_files()
    if arguments.folder is not None:
        write_space(files, arguments.folder)
        print(f"Written: {arguments.folder}")
    place = Place(arguments.repo, "space", arguments.revision, arguments.private)
    return upload_or_show(files, place, OWNED, f"dpsims publish-space {arguments.repo}", arguments.yes)
