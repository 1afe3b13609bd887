"""`--push_to_hub`: opens the repository before the training, and uploads the model after it.

The run is exported as by `dpsims export`, and uploaded as by `dpsims publish`.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError

from dpsims_hub.cards.model_card import NOTHING_ELSE, CardFacts, check_template
from dpsims_hub.hub.export import ExportOptions, export
from dpsims_hub.hub.publish import OWNED, publishable_files
from dpsims_hub.hub.repository import Place, UploadError, Words, commit
from dpsims_hub.hub.repository import open_repository as open_place
from dpsims_hub.hub.source import open_run
from dpsims_hub.storage.error_text import first_line
from dpsims_hub.storage.links import real_path

__all__ = ["UploadError", "open_repository", "upload_run"]

STAGED = "hub"  # subfolder of the run in which the upload is prepared
WORDS = Words(name="--hub_model_id", private="--hub_private_repo", action="--push_to_hub")


def open_repository(hub_model_id: str, output_dir: str | Path, private: bool = False) -> str:
    """Create the model repository of a run, or check that the existing one can be written to.

    Called before the first step, so that a missing login is found early. An empty id takes the name of
    `output_dir`. Returns the full id "owner/name".

    Raises:
        ValueError: the Hub refuses the name, or the repository is public and should be private.
        FileNotFoundError: the template of model cards is missing.
        UploadError: nobody is logged in, the Hub refuses or cannot be reached.
    """
    check_template()
    name = hub_model_id or real_path(output_dir).name
    return open_place(Place(name, private=private), WORDS).repo_id


def upload_run(
    output_dir: str | Path,
    repo_id: str,
    step: int,
    facts: CardFacts = NOTHING_ELSE,
    say: Callable[[str], None] = lambda line: None,
) -> str:
    """Export and upload the model of a finished run in one commit, and return the repository's address.

    The commit also removes weights of an earlier upload that this one lacks; other files stay. `step` is the
    number of updates. `say` is called with one line for each part of the export.

    Raises:
        FileNotFoundError: the run has no complete pipeline.
        ValueError: a weight file is damaged, or the evaluation report lacks a part.
        UploadError: the files cannot be written, or the Hub refuses or cannot be reached; the message says
            where the model is and how to retry.
    """
    output_dir = Path(output_dir)
    source = open_run(output_dir)
    source = replace(source, run=replace(source.run, step=step))
    pipeline, staged = output_dir / "pipeline", output_dir / STAGED
    shutil.rmtree(staged, ignore_errors=True)
    try:
        export(source, staged, ExportOptions(repo_id=repo_id, facts=facts), say)
    except (OSError, SafetensorError) as error:
        raise UploadError(
            f"{repo_id}: the files to upload cannot be put together ({first_line(error)}); the model is in "
            f"{pipeline}, upload it with: hf upload {repo_id} {shlex.quote(str(pipeline))}"
        ) from error
    message = f"DP-SIMS generator after {step} steps"
    try:
        url = commit(publishable_files(staged), Place(repo_id), OWNED, message)
    except UploadError as error:
        raise UploadError(
            f"{error}; the model is in {staged}, retry with: dpsims publish {shlex.quote(str(staged))} "
            f"{repo_id} --yes"
        ) from error
    shutil.rmtree(staged)
    return url
