"""Which room imports which, read from the syntax tree of every module, imports inside functions included."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "dpsims_hub"

LAYERS = {
    "commands": "ablation benchmark bundled cards evaluation generation hub labels models pictures pipelines "
    "processes space storage training",
    "ablation": "benchmark evaluation labels models pictures pipelines processes storage training",
    "benchmark": "evaluation models pictures pipelines processes storage training",
    "space": "bundled labels models pictures pipelines processes storage",
    "hub": "bundled cards labels models pictures pipelines processes storage",
    "generation": "labels pictures pipelines processes storage",
    "evaluation": "cards labels losses models pictures pipelines processes storage",
    "training": "bundled labels losses models pictures pipelines processes storage",
    "pipelines": "cards labels models storage",
    "cards": "labels storage",
    "pictures": "labels storage",
    "labels": "labels/survey labels/sources labels/transforms labels/reading labels/classes",
    "labels/survey": "labels/sources labels/reading labels/classes storage",
    "labels/sources": "labels/reading labels/classes storage",
    "labels/transforms": "labels/reading labels/classes",
    "labels/reading": "labels/classes storage",
    "labels/classes": "storage",
    "losses": "models",
    "models": "storage",
    "bundled": "",
    "processes": "",
    "storage": "",
}
"""Room -> rooms that it may import, the highest first; ARCHITECTURE.md, "Layers", holds the same table.

For other rooms `labels` means all of it.
"""


def module_of(path: Path) -> str:
    """Dotted name of a module's file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> dict[str, ast.Module]:
    """The syntax tree of every module of the package, by its dotted name."""
    return {module_of(path): ast.parse(path.read_text()) for path in (ROOT / PACKAGE).rglob("*.py")}


@cache
def names_of(module: str) -> frozenset[str]:
    """Names that a module binds at its top."""
    bound = set()
    for node in modules()[module].body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            bound |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
    return frozenset(bound)


def imports_of(tree: ast.Module) -> set[tuple[str, str]]:
    """(module, name) of all imports from the package; the name is "" for a module as a whole."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names if alias.name.split(".")[0] == PACKAGE}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: a relative import; write {PACKAGE}. in full"
            if str(node.module).split(".")[0] == PACKAGE:
                found |= {part_or_name(node.module, alias.name) for alias in node.names}
    return found


def part_or_name(module: str, name: str) -> tuple[str, str]:
    """`from module import name`: a module of a package, or something that a module holds."""
    part = f"{module}.{name}"
    return (part, "") if part in modules() and name not in names_of(module) else (module, name)


def room_of(module: str) -> str:
    """The room of a module, "" for the package itself."""
    parts = module.split(".")[1:]
    return "/".join(parts[: 2 if parts[:1] == ["labels"] else 1])


def is_allowed(importer: str, imported: str) -> bool:
    """Whether the table lets one room import another."""
    allowed = LAYERS[importer].split()
    inside_labels = importer.split("/")[0] == "labels"
    return importer == imported or (imported if inside_labels else imported.split("/")[0]) in allowed


def test_the_table_names_the_rooms_and_nothing_lies_beside_them() -> None:
    rooms = {room_of(module) for module in modules()} - {""}
    assert rooms == set(LAYERS)
    assert [path.name for path in (ROOT / PACKAGE).glob("*.py")] == ["__init__.py"]
    assert [path.name for path in (ROOT / PACKAGE / "labels").glob("*.py")] == ["__init__.py"]


def test_the_table_goes_down_only() -> None:
    order = list(LAYERS)
    for room, allowed in LAYERS.items():
        assert set(allowed.split()) <= set(order[order.index(room) + 1 :]), room


def test_rooms_import_what_the_table_lets_them() -> None:
    wrong = [
        f"{module} imports {other}"
        for module, tree in modules().items()
        for other, _ in imports_of(tree)
        if room_of(module) and room_of(other) and not is_allowed(room_of(module), room_of(other))
    ]
    assert sorted(wrong) == []


def test_the_package_itself_is_asked_for_its_version_only() -> None:
    asked = {
        (module, name)
        for module, tree in modules().items()
        for other, name in imports_of(tree)
        if other == PACKAGE and name
    }
    assert {name for _, name in asked} <= {"__version__"}, sorted(asked)


def test_no_circle_of_modules() -> None:
    graph = {
        module: {other for other, _ in imports_of(tree)} - {module, PACKAGE}
        for module, tree in modules().items()
        if module != PACKAGE
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))


def test_architecture_shows_the_same_table() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    section = re.search(r"^## Layers\n(.*?)^## ", text, re.M | re.S)
    assert section, "ARCHITECTURE.md has no section Layers"
    rows = re.findall(r"^\| `([\w/]+)/` \|[^|]*\|([^|]*)\|$", section[1], re.M)
    shown = {room: " ".join(re.findall(r"[\w/]+", allowed)) for room, allowed in rows}
    assert list(shown) == list(LAYERS)
    assert shown == LAYERS
