"""docs/paper_to_code.md: every name in it exists, and its values are those of the presets, all of them."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
from pathlib import Path

import pytest

from dpsims_hub.ablation.studies import STUDIES
from dpsims_hub.models import (
    DISCRIMINATOR_PRESETS,
    GENERATOR_PRESETS,
    DPSIMSDiscriminator,
    DPSIMSGenerator,
)
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.presets import PRESETS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "paper_to_code.md").read_text()
TAGS = {"Q", "P", "R+", "R", "R-", "I", "O", "C"}
DATA_SETTINGS = {"resolution", "resize_mode", "max_zoom", "flip", "instance_offsets"}
RUN_SETTINGS = {
    "backbone",
    "backbone_gradient",
    "backbone_precision",
    "feature_conditioning",
    "train_batch_size",
    "samples_per_map",
}
OF_THE_DATA = {"num_classes", "sample_size", "ignore_index", "feature_channels", "feature_strides"}


def cells(first_word: str) -> list[list[str]]:
    """Rows of the table whose header begins so."""
    table = TEXT[TEXT.index(f"| {first_word} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table]


def defaults(network: type) -> dict:
    return {name: p.default for name, p in inspect.signature(network.__init__).parameters.items()}


def expected(preset: str) -> dict:
    """Every setting of the method by the name that the table gives it."""
    generator = defaults(DPSIMSGenerator) | GENERATOR_PRESETS[preset]
    generator.pop("label_convolution")  # two ways to compute one function
    discriminator = defaults(DPSIMSDiscriminator) | DISCRIMINATOR_PRESETS[preset]
    run = vars(parse_config(["--preset", preset]))
    fields = {field.name: field.metadata["group"] for field in dataclasses.fields(TrainConfig)}
    names = {name for name, group in fields.items() if group in ("losses", "optimisation")}
    values = {"initialization (discriminator)": discriminator.pop("initialization")}
    for name in ("image_encoder_widths", "feature_conditioning", "spectral_norm"):  # said once
        discriminator.pop(name)
    values |= discriminator | generator
    values |= {name: run[name] for name in names | DATA_SETTINGS | RUN_SETTINGS}
    return {name: value for name, value in values.items() if name not in OF_THE_DATA | {"self"}}


def stated() -> dict[str, list[str]]:
    return {row[0].replace("`", ""): row[1:] for row in cells("setting")}


@pytest.mark.parametrize(("preset", "column"), [("paper", 0), ("dpsims", 1)])
def test_values_are_those_of_the_presets_and_all_are_there(preset, column):
    table = stated()
    values = {name: ast.literal_eval((row[column] or row[0]).strip("`")) for name, row in table.items()}
    assert len(table) == len(cells("setting")) > 50
    assert values == expected(preset)


def test_a_second_value_is_given_only_where_it_differs():
    assert all(row[0] != row[1] for row in stated().values())


def test_nothing_of_the_preset_is_left_out():
    table = stated().keys()
    assert GENERATOR_PRESETS["paper"].keys() | DISCRIMINATOR_PRESETS["paper"].keys() <= table
    assert PRESETS["paper"].keys() <= table


def test_every_line_has_a_tag_and_a_reason():
    for first_word, columns, tag in (("setting", 6, 3), ("known fact", 4, 3), ("reported", 4, 2)):
        for row in cells(first_word):
            assert set(row[tag].split(", ")) <= TAGS, row
            assert len(row) == columns, row
            assert all(row[i] for i in range(columns) if (first_word, i) != ("setting", 2)), row


def test_every_tag_is_explained_above_the_tables():
    explained = set(re.findall(r"\*\*(\w[+-]?)\*\*", TEXT[: TEXT.index("## The method")]))
    assert explained == TAGS


def test_only_the_named_values_depart_from_a_known_one():
    """A row that quotes (Q) or recalls (R-) another value is our choice, and the text above names it."""
    departs = [row[0] for row in cells("setting") if row[3] == "C" and re.search(r"\((Q|R-)\)", row[4])]
    exceptions = re.search(r"Two values\nare exceptions: (.*?)\. ", TEXT, re.DOTALL).group(1)
    assert departs == ["`encoder_convolutions`", "`weight_contrastive`"] == re.findall("`.*?`", exceptions)


def test_measured_means_are_those_of_the_kept_studies():
    files = (ROOT / "docs" / "studies").glob("*.json")
    arms = [arm for file in files for arm in json.loads(file.read_text())["arms"].values()]
    kept = {(f"{m['mean']:.3f}", f"{m['half_width_95']:.3f}") for m in (a["measures"]["mIoU"] for a in arms)}
    found = re.findall(r"(\d\.\d+) ± (\d\.\d+)", TEXT)
    assert len(found) > 5
    assert set(found) <= kept


def test_every_command_names_a_study_or_a_preset_that_exists():
    named = re.findall(r"--study ([\w-]+)", TEXT) + re.findall(r"study `([\w-]+)`", TEXT)
    assert len(named) > 8
    assert set(named) <= STUDIES.keys() | {file.stem for file in (ROOT / "docs" / "studies").glob("*.json")}
    assert set(re.findall(r"--preset (\w+)", TEXT)) <= PRESETS.keys()


def definitions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    named = (ast.FunctionDef, ast.ClassDef)
    found = {node.name for node in ast.walk(tree) if isinstance(node, named)}
    assigned = [node.targets for node in tree.body if isinstance(node, ast.Assign)]
    assigned += [[node.target] for node in tree.body if isinstance(node, ast.AnnAssign)]
    return found | {t.id for targets in assigned for t in targets if isinstance(t, ast.Name)}


def test_every_file_function_and_test_exists():
    rows = cells("known fact")
    assert len(rows) > 30
    for known, code, test, _ in rows:
        places = re.findall(r"`([\w/]+\.py)::(\w+)`", code)
        tests = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", test)
        assert places, known
        assert tests, known
        for path, name in places + tests:
            assert name in definitions(path), f"{path}::{name}"
