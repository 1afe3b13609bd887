"""`dpsims publish`: uploads a model folder to the Hub; without --yes it only prints the changes."""

import argparse
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dpsims_hub.commands.options import add_option

if TYPE_CHECKING:
    from dpsims_hub.hub.repository import Change, Place

SIGNS = {"new": "+", "changed": "~", "same": "=", "removed": "-"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims publish`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="written by `dpsims export`")
    add_place_options(parser)


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Adds REPO, --yes, --private and --revision."""
    parser.add_argument("repo", metavar="REPO", help="OWNER/NAME on the Hub")
    add_option(parser, "--yes", "upload; without it nothing is changed", action="store_true")
    add_option(parser, "--private", "make a new repository private", action="store_true")
    add_option(parser, "--revision", "branch", "main", "BRANCH")


def run(arguments: argparse.Namespace) -> int:
    """Prints the changes, and uploads with --yes."""
    from dpsims_hub.hub.publish import OWNED, license_is_stated, publishable_files
    from dpsims_hub.hub.repository import Place

    files = publishable_files(arguments.folder)
    place = Place(arguments.repo, "model", arguments.revision, arguments.private)
    if not license_is_stated(arguments.folder / "README.md"):
        print("The card states no licence: nobody is allowed to use these weights.")
    words = [str(arguments.folder), arguments.repo]
    return upload_or_show(files, place, OWNED, f"dpsims publish {shlex.join(words)}", arguments.yes)


def upload_or_show(
    files: Mapping[str, Path], place: "Place", owned: Sequence[str], command: str, upload: bool
) -> int:
    """Prints the changes of a repository, and uploads them in one commit if `upload` is true.

    `files` and `owned` are those of `compare`. `command` is the command line without --yes, for the message
    of a dry run. Returns the exit code.
    """
    from dpsims_hub.hub.repository import check_name, commit, open_repository

    check_name(place)
    if not upload:
        print_changes(files, place, owned)
        print(f"Nothing was uploaded. To upload: {command} --yes")
        return 0
    place = open_repository(place)
    if not print_changes(files, place, owned):
        print("Nothing to upload: nothing has changed.")
        return 0
    url = commit(files, place, owned, f"Upload {place.kind} with dpsims publish")
    print(f"Uploaded: {url}")
    return 0


def print_changes(files: Mapping[str, Path], place: "Place", owned: Sequence[str]) -> bool:
    """Prints the change, size and path of each file; returns whether anything changes."""
    from dpsims_hub.hub.repository import Change, UploadError, compare

    try:
        changes = compare(files, place, owned)
        where = f"{place.kind} {place.repo_id}, branch {place.revision}"
    except UploadError as error:
        changes = [Change(name, path.stat().st_size, "new") for name, path in files.items()]
        where = f"{place.kind} {place.repo_id}; its present files are not known: {error}"
    print(where)
    for change in changes:
        print(f"  {SIGNS[change.what]} {_size(change.size):>9}  {change.path}")
    print(summary(changes))
    return any(change.what != "same" for change in changes)


def summary(changes: Sequence["Change"]) -> str:
    """The number of files with each kind of change, and the size of the upload."""
    counts = {what: sum(change.what == what for change in changes) for what in SIGNS}
    words = [f"{number} {what} ({SIGNS[what]})" for what, number in counts.items() if number]
    size = sum(change.size for change in changes if change.what in ("new", "changed"))
    return f"{', '.join(words)}; {_size(size)} to upload"


def _size(count: int) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
