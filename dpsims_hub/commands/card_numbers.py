"""The numbers of an evaluation in an existing model card: its `model-index` and its section "Evaluation"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsims_hub.storage.atomic_write import write_text_atomically
from dpsims_hub.storage.links import real_path

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

HEADING = "## Evaluation"


def card_of(path: Path, model: str) -> Path:
    """The card that is to be updated.

    Args:
        path: of the card; Path() for the README.md of the model's folder.
        model: folder, Hub id or bundled name.

    Raises:
        FileNotFoundError: there is no such card.
    """
    card = Path(model) / "README.md" if path == Path() else path
    if not card.is_file():
        hint = "name the card's file" if path == Path() else "`dpsims export` writes one"
        raise FileNotFoundError(f"--update-card: {card}: no such file; {hint}.")
    return card


def update_card(path: Path, report: Mapping[str, Any]) -> None:
    """Writes the numbers into a card, atomically; all else stays, numbers of other data sets too.

    Args:
        path: of the card.
        report: as `dpsims evaluate --output` writes it.

    Raises:
        OSError: the card cannot be written.
        ValueError: the card's header cannot be read.
    """
    from huggingface_hub import ModelCard

    from dpsims_hub.cards.measurements import eval_results, evaluation_section

    try:
        card = ModelCard(path.read_text(encoding="utf-8"), ignore_metadata_errors=True)
    except Exception as error:  # whatever the YAML reader of the library raises
        raise ValueError(f"{path}: its header cannot be read ({' '.join(str(error).split())}).") from error
    card.data.model_name = card.data.model_name or real_path(path).parent.name
    card.data.eval_results = merged_results(card.data.eval_results or [], eval_results(report))
    card.text = with_section(card.text, evaluation_section(report))
    write_text_atomically(path, str(card))


def merged_results(old: list[EvalResult], new: list[EvalResult]) -> list[EvalResult]:
    """New values, after the old ones of other data sets."""
    measured = {one.dataset_type for one in new}
    return [one for one in old if one.dataset_type not in measured] + new


def with_section(text: str, section: str) -> str:
    """The text with the section "Evaluation" replaced, or added at the end."""
    pattern = re.compile(rf"^{HEADING}[ \t]*\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    part = f"{HEADING}\n\n{section}\n\n"
    if pattern.search(text):
        return pattern.sub(lambda found: part, text, count=1).rstrip() + "\n"
    return f"{text.rstrip()}\n\n{part}".rstrip() + "\n"
