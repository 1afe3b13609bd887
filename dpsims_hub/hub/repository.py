"""A repository on the Hub: opened for writing, compared with a folder, filled in one commit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,  # of the HTTP library that huggingface_hub uses
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import validate_repo_id

from dpsims_hub.storage.error_text import first_line

MAIN = "main"


class UploadError(OSError):
    """The Hub refuses a request or cannot be reached; the message is one sentence."""


@dataclass(frozen=True)
class Place:
    """A branch of a repository on the Hub.

    `repo_id` is "owner/name", or "name" for the owner of the token. `kind` is "model" or "space". A new
    repository is private if `private` is true.
    """

    repo_id: str
    kind: str = "model"
    revision: str = MAIN
    private: bool = False


@dataclass(frozen=True)
class Words:
    """The names of the caller's options, and of what it does, in messages."""

    name: str = "REPO"
    private: str = "--private"
    action: str = "publishing"


@dataclass(frozen=True)
class Change:
    """Effect of an upload on one file: "new", "changed", "same" or "removed"; its size in bytes."""

    path: str
    size: int
    what: str


OF_PUBLISH = Words()


def open_repository(place: Place, words: Words = OF_PUBLISH) -> Place:
    """Create a repository and its branch, or check that the existing ones can be written to.

    Returns:
        The place with the full id "owner/name".

    Raises:
        ValueError: the Hub refuses the name, or the repository is public and should be private.
        UploadError: nobody is logged in, the Hub refuses or cannot be reached.
    """
    name = place.repo_id
    check_name(place, words)
    if get_token() is None:
        raise UploadError(f"{words.action}: nobody is logged in; run `hf auth login`, or set HF_TOKEN.")
    api, sdk = HfApi(), {"space_sdk": "gradio"} if place.kind == "space" else {}
    private = True if place.private else None
    try:
        made = api.create_repo(name, repo_type=place.kind, private=private, exist_ok=True, **sdk)
        repo_id = made.repo_id
        api.auth_check(repo_id, repo_type=place.kind, write=True)
        is_public = not api.repo_info(repo_id, repo_type=place.kind).private
        if place.revision != MAIN:
            api.create_branch(repo_id, repo_type=place.kind, branch=place.revision, exist_ok=True)
    except (HTTPError, OSError) as error:
        raise UploadError(f"{words.action}: {name} cannot be written to: {fault(error)}.") from error
    if place.private and is_public:
        raise ValueError(
            f"{words.private}: {repo_id} exists and is public; make it private on the Hub, or choose another "
            f"{words.name}."
        )
    return replace(place, repo_id=repo_id)


def check_name(place: Place, words: Words = OF_PUBLISH) -> None:
    """Raise ValueError for a name that the Hub refuses."""
    try:
        validate_repo_id(place.repo_id)
    except HFValidationError as error:
        what = f"{place.repo_id!r} is no name for a {place.kind}"
        raise ValueError(f"{words.name}: {what} ({first_line(error)}).") from error


def compare(files: Mapping[str, Path], place: Place, owned: Sequence[str]) -> list[Change]:
    """Changes that an upload of `files`, by their path in the repository, would make.

    A repository or branch that is missing or hidden counts as empty. An upload removes the repository's files
    whose path begins with one of `owned` and that are not among `files`.

    Raises:
        UploadError: the Hub refuses or cannot be reached.
    """
    there = _remote_files(place)
    stale = (item for name, item in there.items() if name.startswith(tuple(owned)) and name not in files)
    changes = [Change(item.path, item.size, "removed") for item in stale]
    for name, path in files.items():
        changes.append(Change(name, path.stat().st_size, _change(path, there.get(name))))
    return sorted(changes, key=lambda change: change.path)


def commit(files: Mapping[str, Path], place: Place, owned: Sequence[str], message: str) -> str:
    """Upload in one commit, with the Hub's progress bars, and return the repository's address.

    `place` comes from `open_repository`; `files` and `owned` are those of `compare`.

    Raises:
        UploadError: the Hub refuses or cannot be reached.
    """
    try:
        changes = compare(files, place, owned)
        operations = [CommitOperationDelete(change.path) for change in changes if change.what == "removed"]
        operations += [CommitOperationAdd(name, path) for name, path in sorted(files.items())]
        where = {"repo_type": place.kind, "revision": place.revision}
        done = HfApi().create_commit(place.repo_id, operations, commit_message=message, **where)
    except UploadError as error:
        raise UploadError(f"{place.repo_id}: the upload failed: {error}") from error
    except (HTTPError, OSError, ValueError, RuntimeError) as error:  # RuntimeError: from the Xet storage
        raise UploadError(f"{place.repo_id}: the upload failed: {fault(error)}") from error
    return str(done.repo_url)


def _remote_files(place: Place) -> dict[str, RepoFile]:
    where = {"repo_type": place.kind, "revision": place.revision}
    try:
        entries = list(HfApi().list_repo_tree(place.repo_id, recursive=True, **where))
    except (RepositoryNotFoundError, RevisionNotFoundError):
        return {}
    except (HTTPError, OSError) as error:
        raise UploadError(fault(error)) from error
    return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}


def _change(path: Path, there: RepoFile | None) -> str:
    if there is None:
        return "new"
    if there.size != path.stat().st_size:
        return "changed"
    if there.lfs is not None:
        return "same" if _digest(path, hashlib.sha256()) == there.lfs.sha256 else "changed"
    blob = hashlib.sha1(f"blob {there.size}\0".encode(), usedforsecurity=False)  # git's name of a file
    return "same" if _digest(path, blob) == there.blob_id else "changed"


def _digest(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: digest).hexdigest()


def fault(error: Exception) -> str:
    """The error in words: whether the Hub refuses or cannot be reached, and the first line of the message."""
    refused = isinstance(error, HfHubHTTPError | ValueError)
    return f"{'the Hub refuses' if refused else 'the Hub cannot be reached'} ({first_line(error)})"
