"""From a training run to a model repository on the Hub: opened before training, filled after it.

The folder that goes up holds what a stranger needs and nothing else: the pipeline in Hub layout, the
discriminator's decoder, the newest validation sheet, the settings and a model card. Checkpoints, logs and
optimiser states stay at home.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError  # of either HTTP library
from huggingface_hub.utils import validate_repo_id

from dpsims_hub.hub.card import NOTHING_ELSE, CardFacts, RunFacts, check_template, make_card, publishable_path
from dpsims_hub.model_folder import check_model_folder

STAGED = "hub"  # the folder, inside the run's, in which the upload is put together
PIPELINE_FILES = ("model_index.json", "generator/config.json", "generator/*.safetensors*")
WEIGHT_FOLDERS = ("generator/", "discriminator/")
OWNERS_SETTINGS = ("output_dir", "cache_dir", "resume_from_checkpoint")  # of no use to others
HUB_SETTINGS = ("push_to_hub", "hub_model_id", "hub_private_repo")  # nobody else may push there


class UploadError(OSError):
    """The Hub cannot be used; the message is one sentence with what, where and what to do."""


def open_repository(hub_model_id: str, output_dir: str | Path, private: bool = False) -> str:
    """Create the model repository of a run, or make sure that the existing one can be written to.

    Called before the first step, so that a missing login does not show after the last one.

    Args:
        hub_model_id: "owner/name", or "name" below the owner of the token; "" takes the name of `output_dir`.
        output_dir: Of the run.
        private: Whether nobody else may see it.

    Returns:
        The full id "owner/name".

    Raises:
        ValueError: The name is none that the Hub takes, or the repository is public and should be private.
        FileNotFoundError: The template of model cards is missing.
        UploadError: Nobody is logged in, the Hub refuses or cannot be reached.
    """
    check_template()
    name = hub_model_id or Path(output_dir).resolve().name
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise ValueError(f"--hub_model_id: {name!r} is no name for a model ({_reason(error)}).") from error
    if get_token() is None:
        raise UploadError("--push_to_hub: nobody is logged in; run `hf auth login`, or set HF_TOKEN.")
    api = HfApi()
    try:
        repo_id = api.create_repo(name, private=True if private else None, exist_ok=True).repo_id
        api.auth_check(repo_id, write=True)
        is_public = not api.repo_info(repo_id).private
    except (HTTPError, OSError) as error:
        raise UploadError(f"--push_to_hub: {name} cannot be written to: {_fault(error)}.") from error
    if private and is_public:
        raise ValueError(
            f"--hub_private_repo: {repo_id} exists and is public; make it private on the Hub, or choose "
            "another --hub_model_id."
        )
    return repo_id


def upload_run(output_dir: str | Path, repo_id: str, step: int, facts: CardFacts = NOTHING_ELSE) -> str:
    """Upload the model of a finished run in one commit, with the Hub's own progress bars.

    Weights of an earlier upload that this one does not have are removed in the same commit; other files of
    the repository stay.

    Args:
        output_dir: Of the run: `pipeline/`, perhaps `discriminator/`, `sheets/`, `config.json`, `run.json`.
        repo_id: From `open_repository`.
        step: Generator updates done.
        facts: What else the model card says.

    Returns:
        The address of the model.

    Raises:
        FileNotFoundError: The run has no complete pipeline.
        ValueError: A weight file is damaged, or the evaluation report lacks a part.
        UploadError: The disk or the Hub refused; the message says where the model is and how to retry.
    """
    output_dir = Path(output_dir)
    pipeline, staged = output_dir / "pipeline", output_dir / STAGED
    check_model_folder(pipeline)
    try:
        assemble_run(output_dir, staged, repo_id, step, facts)
    except OSError as error:
        raise UploadError(
            f"{repo_id}: the files to upload cannot be put together ({_reason(error)}); the model "
            f"is in {pipeline}, upload it with: {_retry(repo_id, pipeline)}"
        ) from error
    try:
        url = _commit(repo_id, staged, f"DP-SIMS generator after {step} steps")
    except (
        HTTPError,
        OSError,
        ValueError,
        RuntimeError,
    ) as error:  # RuntimeError: from the Hub's Xet storage
        raise UploadError(
            f"{repo_id}: the upload failed: {_fault(error)}; the model is in {staged}, retry with: "
            f"{_retry(repo_id, staged)}"
        ) from error
    shutil.rmtree(staged)
    return url


def assemble_run(
    output_dir: Path, folder: Path, repo_id: str, step: int, facts: CardFacts = NOTHING_ELSE
) -> None:
    """Put the publishable files of a run into a folder, readable by everyone; whole or not at all.

    Args:
        output_dir: Of the run.
        folder: Where to put them; an older one is replaced.
        repo_id: For the model card.
        step: Generator updates done.
        facts: What else the model card says.

    Raises:
        OSError: The folder cannot be written.
        ValueError: The evaluation report lacks a part.
    """
    unfinished = folder.with_name(f"{folder.name}.tmp")
    for old in (unfinished, folder):
        shutil.rmtree(old, ignore_errors=True)
    try:
        for source, name in _sources(output_dir):
            _place(source, unfinished / name)
        config, run = (_read(output_dir / name) for name in ("config.json", "run.json"))
        if config:
            _write_json(_publishable(config), unfinished / "training_config.json")
        make_card(unfinished, repo_id, RunFacts(step, config, run), facts).save(unfinished / "README.md")
        for path in unfinished.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)  # safetensors writes files for the owner alone
        os.replace(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _sources(output_dir: Path) -> Iterator[tuple[Path, str]]:
    """(file of the run, its name in the repository)."""
    pipeline, discriminator = output_dir / "pipeline", output_dir / "discriminator"
    for pattern in PIPELINE_FILES:
        yield from ((path, path.relative_to(pipeline).as_posix()) for path in pipeline.glob(pattern))
    for pattern in ("config.json", "*.safetensors*"):
        yield from ((path, f"discriminator/{path.name}") for path in discriminator.glob(pattern))
    sheets = sorted((output_dir / "sheets").glob("step-*.png"), key=lambda path: (len(path.name), path.name))
    yield from ((path, "validation_sheet.png") for path in sheets[-1:])


def _place(source: Path, target: Path) -> None:
    """Link where the file system can, so that large weights need no second place on the disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _publishable(config: dict[str, Any]) -> dict[str, Any]:
    """Settings that another person can train with: no folders of the owner, no pushing to the owner's Hub."""
    kept = {key: value for key, value in config.items() if key not in (*OWNERS_SETTINGS, *HUB_SETTINGS)}
    return {key: publishable_path(value) if isinstance(value, str) else value for key, value in kept.items()}


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _write_json(value: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def _commit(repo_id: str, folder: Path, message: str) -> str:
    """Everything in one commit: nobody ever sees half a model. Returns the model's address."""
    api = HfApi()
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    stale = [
        name for name in api.list_repo_files(repo_id) if name.startswith(WEIGHT_FOLDERS) and name not in files
    ]
    operations = [
        *(CommitOperationDelete(name) for name in stale),
        *(CommitOperationAdd(name, path) for name, path in sorted(files.items())),
    ]
    return str(api.create_commit(repo_id, operations, commit_message=message).repo_url)


def _retry(repo_id: str, folder: Path) -> str:
    return f"hf upload {repo_id} {shlex.quote(str(folder))}"


def _fault(error: Exception) -> str:
    """What went wrong, and whether it was an answer of the Hub or none."""
    refused = isinstance(error, HfHubHTTPError | ValueError)
    return f"{'the Hub refuses' if refused else 'the Hub cannot be reached'} ({_reason(error)})"


def _reason(error: Exception) -> str:
    """The first line of a message, without its full stop."""
    text = getattr(error, "server_message", None) or str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0].rstrip(".:")
