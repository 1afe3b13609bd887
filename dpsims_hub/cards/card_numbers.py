"""Writes the numbers of an evaluation into a card: into its `model-index` and its section "Evaluation"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard

from dpsims_hub.cards.measurements import eval_results, evaluation_section
from dpsims_hub.storage.atomic_write import write_text_atomically
from dpsims_hub.storage.error_text import one_line
from dpsims_hub.storage.links import real_path

HEADING = "## Evaluation"


def card_of(path: Path, model: str) -> Path:
    """The card to update, which must exist; `Path()` stands for the README.md of the model's folder."""
    card = Path(model) / "README.md" if path == Path() else path
    if not card.is_file():
        hint = "name the card's file" if path == Path() else "`dpsims export` writes one"
        raise FileNotFoundError(f"--update-card: {card}: no such file; {hint}.")
    return card


def update_card(path: Path, report: Mapping[str, Any]) -> None:
    """Writes the numbers of a report of `dpsims evaluate` into a card, atomically.

    The rest of the card stays, also the numbers of other data sets.

    Raises:
        ValueError: the card's header cannot be read, or the report lacks a part.
    """
    try:
        card = ModelCard(path.read_text(encoding="utf-8"), ignore_metadata_errors=True)
    except Exception as error:  # huggingface_hub passes on any exception of its YAML reader
        raise ValueError(f"{path}: its header cannot be read ({one_line(error)}).") from error
    card.data.model_name = card.data.model_name or real_path(path).parent.name
    new = eval_results(report)
    measured = {one.dataset_type for one in new}
    kept = [one for one in card.data.eval_results or [] if one.dataset_type not in measured]
    card.data.eval_results = kept + new
    card.text = with_section(card.text, evaluation_section(report))
    write_text_atomically(path, str(card))


def with_section(text: str, section: str) -> str:
    """The text with the section "Evaluation" replaced, or added at the end."""
    pattern = re.compile(rf"^{HEADING}[ \t]*\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    part = f"{HEADING}\n\n{section}\n\n"
    if pattern.search(text):
        return pattern.sub(lambda found: part, text, count=1).rstrip() + "\n"
    return f"{text.rstrip()}\n\n{part}".rstrip() + "\n"
