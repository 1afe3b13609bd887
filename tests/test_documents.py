"""Documents and model cards: links, commands, defaults and headers are those of the code."""

from __future__ import annotations

import contextlib
import re
import shlex
from pathlib import Path, PurePosixPath

import jinja2
import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData

from dpsims_hub.commands import build_parser
from dpsims_hub.training.command_line import make_parser, parse_config

ROOT = Path(__file__).resolve().parents[1]
CARDS = sorted(path for path in (ROOT / "model_cards").glob("*.md") if path.name != "template.md")
GUIDES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
DOCUMENTS = [*GUIDES, *sorted((ROOT / "docs").glob("*.md")), *CARDS]


def documented_commands(program: str) -> list[list[str]]:
    """Arguments of every command of a program in the shell blocks of the documents, comments left out."""
    commands = []
    for document in DOCUMENTS:
        for block in re.findall(r"```bash\n(.*?)```", document.read_text(), re.S):
            for line in block.replace("\\\n", "").splitlines():
                words = shlex.split(line, comments=True)
                names = [PurePosixPath(word).name for word in words]
                if program in names and words[names.index(program) - 1] != "--preset":
                    commands.append(words[names.index(program) + 1 :])
    return commands


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.stem)
def test_card_header_is_valid_for_the_hub(card: Path) -> None:
    header = ModelCard(card.read_text()).data.to_dict()
    assert ModelCardData(**header).to_dict() == header
    assert header["library_name"] == "diffusers"
    assert header["pipeline_tag"] == "image-to-image"
    assert header["inference"] is False
    assert header["license"]
    if header["license"] == "other":
        assert header["license_name"]
        assert header["license_link"]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.stem)
def test_card_without_weights_claims_no_measurement(card: Path) -> None:
    text = card.read_text()
    if "Weights: not yet trained" in text:
        assert ModelCard(text).data.eval_results is None
        assert re.search(r"^\|.*the paper's", text, re.M), "mark the paper's numbers as the paper's"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_no_measured_value_is_left_to_fill(document: Path) -> None:
    assert re.findall(r"MEASURED:.*", document.read_text()) == []


def test_card_template_fills_into_a_valid_card() -> None:
    template = (ROOT / "model_cards" / "template.md").read_text()
    names = set(re.findall(r"\{\{ (\w+) \}\}", template)) - {"card_data"}
    data = ModelCardData(license="apache-2.0", library_name="diffusers", pipeline_tag="image-to-image")
    values = {name: f"<{name}>" for name in names}
    card = ModelCard.from_template(data, template_path=str(ROOT / "model_cards" / "template.md"), **values)
    assert card.data.library_name == "diffusers"
    assert "{{" not in card.content
    assert all(value in card.content for value in values.values())
    with pytest.raises(jinja2.UndefinedError):
        jinja2.Template(template, undefined=jinja2.StrictUndefined).render(card_data=str(data))


def test_citation_names_the_software_and_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    (paper,) = citation["references"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    authors = [author["family-names"] for author in paper["authors"]]
    assert authors == ["Berrada", "Verbeek", "Couprie", "Alahari"]
    assert paper["identifiers"][0]["value"] == "arXiv:2312.13314"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_local_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_files_named_in_backticks_exist(document: Path) -> None:
    rooms = "dpsims_hub|tests|tools|docs|model_cards"
    named = re.findall(rf"`((?:{rooms})/[\w./-]*)`", document.read_text())
    assert [name for name in named if "NAME" not in name and not (ROOT / name).exists()] == []


def test_documents_name_only_real_make_targets() -> None:
    real = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(), re.M))
        assert named <= real, document.name


def test_documented_training_commands_are_valid() -> None:
    commands = documented_commands("train_accelerate.py")
    assert len(commands) >= 4
    for arguments in commands:
        if "--config" in arguments:  # of a run that the reader has made
            assert make_parser().parse_args(arguments)
        else:
            config = parse_config(arguments)
            assert config.train_data_dir or config.dataset_name


def test_documented_dpsims_commands_are_valid() -> None:
    commands = documented_commands("dpsims")
    assert {arguments[0] for arguments in commands} >= {"generate"}
    for arguments in commands:
        assert build_parser(arguments).parse_args(arguments).subcommand == arguments[0]


def test_readme_python_example_runs(tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert example
    assert len([line for line in example[1].splitlines() if line.strip()]) <= 10
    with contextlib.chdir(tmp_path):
        exec(compile(example[1], "README.md", "exec"), {"__name__": "__main__"})
    assert (tmp_path / "photo.png").stat().st_size > 0
