"""One module and all modules of this package that it imports, as the source of a single file.

Diffusers downloads one Python file for a pipeline and one for each component. The text is made from the
sources when it is needed. It consists of plain statements (no archive, no import hook), because users have to
trust it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "dpsims_hub"
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class SingleFileError(ValueError):
    """The sources use a construct that cannot be merged; the message names the module and the construct."""


@dataclass
class _Module:
    """A module during the merge; `imported` maps a local name to (module, name there)."""

    name: str
    tree: ast.Module
    defined: set[str] = field(default_factory=set)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    external: list[str] = field(default_factory=list)


def single_file(module: str, wanted: str, header: str, replacements: Mapping[str, str] | None = None) -> str:
    """The source of a name with everything of this package that it needs.

    Docstrings stay, comments do not. A name that the file already has is renamed to NAME_in_MODULE.

    Args:
        module: dotted name, for example "dpsims_hub.models.generator".
        wanted: a name in that module.
        header: docstring of the file.
        replacements: statements by the name that they define. They replace the import of that name, whose
            module is not followed.

    Raises:
        SingleFileError: a module is imported as a whole, a name is ambiguous, or no module imports the name
            of a replacement.
    """
    replacements = replacements or {}
    modules = _in_order(module, replacements)
    if missing := set(replacements) - {name for part in modules for name in part.imported}:
        raise SingleFileError(f"{module}: nothing that it needs imports {sorted(missing)[0]}.")
    instead = _Module("instead of what the package has here", ast.parse("\n".join(replacements.values())))
    instead.tree = _WithoutImports(instead, {}).visit(instead.tree)
    imports = _bound_by([line for part in (instead, *modules) for line in part.external])
    names = _final_names(modules, {*imports, *replacements})
    for part in modules:
        part.tree = _Renamed(_renames(part, names, replacements), part.name).visit(part.tree)
    return _written(header, imports, [instead, *modules], names[module, wanted])


def _written(header: str, imports: Mapping[str, str], modules: list[_Module], wanted: str) -> str:
    """The text of the file: the statements that `wanted` needs, module by module."""
    kept = _needed([statement for part in modules for statement in part.tree.body], wanted)
    used = set().union(*map(_free_names, kept))
    lines = sorted({line for name, line in imports.items() if name in used})
    parts = [f'"""{header}"""', "from __future__ import annotations", "\n".join(lines)]
    for part in modules:
        shown = [ast.unparse(statement) for statement in part.tree.body if statement in kept]
        parts += [f"# {part.name}", *shown] if shown else []
    return "\n\n\n".join(parts) + "\n"


def _needed(statements: list[ast.stmt], wanted: str) -> list[ast.stmt]:
    """The statements that a name needs, directly or through others."""
    makers = {name: statement for statement in statements for name in _bound_by_statement(statement)}
    kept: list[ast.stmt] = []
    names = {wanted}
    while names:
        new = dict.fromkeys(makers[name] for name in sorted(names) if name in makers)
        new = [statement for statement in new if statement not in kept]
        kept += new
        names = set().union(*map(_free_names, new))
    return kept


def _free_names(node: ast.AST) -> set[str]:
    """Names that a statement reads from outside, without a function's own variables."""
    names = {node.id} if isinstance(node, ast.Name) else set()
    for child in ast.iter_child_nodes(node):
        names |= _free_names(child)
    return names - set(_bound_inside(node)) if isinstance(node, _SCOPES) else names


def _in_order(module: str, replacements: Mapping[str, str]) -> list[_Module]:
    """The module and its imports, each after its own imports."""
    found: dict[str, _Module] = {}

    def add(name: str) -> None:
        if name in found:
            return
        found[name] = part = _read(name, replacements)
        for source, _ in part.imported.values():
            if source:
                add(source)
        found[name] = found.pop(name)  # a dict keeps the order of insertion

    add(module)
    return list(found.values())


def _read(name: str, replacements: Mapping[str, str]) -> _Module:
    """Parse a module, without its imports and without the statements that `_is_dispensable` names."""
    part = _Module(name, ast.parse(_path(name).read_text()))
    part.tree.body = [statement for statement in part.tree.body if not _is_dispensable(statement)]
    part.tree = _WithoutImports(part, replacements).visit(part.tree)
    for statement in part.tree.body:
        part.defined |= _bound_by_statement(statement)
    return part


def _path(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.origin:
        raise SingleFileError(f"{name}: no such module.")
    return Path(spec.origin)


def _is_dispensable(statement: ast.stmt) -> bool:
    """Docstrings of modules, `if TYPE_CHECKING`, `__all__`, and assignments to `__module__`."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return True
    if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
        return True
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    texts = [ast.unparse(target) for target in targets]
    return any(text == "__all__" or text.endswith(".__module__") for text in texts)


class _WithoutImports(ast.NodeTransformer):
    """Removes imports, also those inside functions, from the tree and stores them in a `_Module`."""

    def __init__(self, part: _Module, replacements: Mapping[str, str]) -> None:
        self.part, self.replacements = part, replacements

    def visit_Import(self, node: ast.Import) -> None:  # noqa: N802
        if any(alias.name.split(".")[0] == PACKAGE for alias in node.names):
            raise SingleFileError(
                f"{self.part.name}: imports a module of {PACKAGE} as a whole; name its parts."
            )
        self.part.external += [ast.unparse(ast.Import([alias])) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:  # noqa: N802
        if node.level:
            raise SingleFileError(f"{self.part.name}: has a relative import; write {PACKAGE}. in full.")
        if node.module == "__future__":
            return
        if node.module.split(".")[0] != PACKAGE:
            lines = (ast.ImportFrom(node.module, [alias], 0) for alias in node.names)
            self.part.external += [ast.unparse(line) for line in lines]
            return
        for alias in node.names:
            local = alias.asname or alias.name
            is_replaced = local in self.replacements
            home = ("", alias.name) if is_replaced else _home(node.module, alias.name)
            self.part.imported[local] = home


def _home(module: str, name: str) -> tuple[str, str]:
    """The (module, name) that defines a name; the `__init__.py` of a package may re-export it."""
    path = _path(module)
    if path.name != "__init__.py":
        return module, name
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.ImportFrom) and statement.module:
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    return _home(statement.module, alias.name)
    raise SingleFileError(f"{module}: does not import {name}, so that its source is not known.")


def _bound_by_statement(statement: ast.stmt) -> set[str]:
    """Names that a statement of a module binds."""
    if isinstance(statement, (*_SCOPES[:2], ast.ClassDef)):
        return {statement.name}
    stored = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    return {node.id for node in stored if isinstance(node.ctx, ast.Store)}


def _bound_by(imports: list[str]) -> dict[str, str]:
    """Import statement by the name that it binds; SingleFileError where two differ."""
    bound: dict[str, str] = {}
    for line in imports:
        alias = ast.parse(line).body[0].names[0]
        name = (alias.asname or alias.name).split(".")[0]
        is_parent = line.startswith("import ") and not alias.asname
        if bound.setdefault(name, line) != line and not is_parent:
            raise SingleFileError(f"{name}: is imported as `{bound[name]}` and as `{line}`.")
    return bound


def _final_names(modules: list[_Module], taken: set[str]) -> dict[tuple[str, str], str]:
    """Name in the file of each name of each module."""
    names: dict[tuple[str, str], str] = {}
    used = set(taken)
    for part in modules:
        for name in sorted(part.defined):
            final = name if name not in used else f"{name}_in_{part.name.rpartition('.')[2]}"
            if final in used:
                raise SingleFileError(f"{part.name}: {name} has the name of two other things.")
            used.add(final)
            names[part.name, name] = final
    return names


def _renames(
    part: _Module, names: Mapping[tuple[str, str], str], replacements: Mapping[str, str]
) -> dict[str, str]:
    """Local name to name in the file, where they differ."""
    local = {name: names[part.name, name] for name in part.defined}
    for name, home in part.imported.items():
        if name in replacements:
            continue
        if home not in names:
            raise SingleFileError(f"{part.name}: {home[0]} does not define {home[1]}.")
        local[name] = names[home]
    return {name: final for name, final in local.items() if name != final}


class _Renamed(ast.NodeTransformer):
    """Renames the names of a module to their names in the file."""

    def __init__(self, renames: Mapping[str, str], module: str) -> None:
        self.renames, self.module = renames, module

    def visit_Module(self, node: ast.Module) -> ast.Module:  # noqa: N802
        if shadowed := set(_bound_inside(node)) & self.renames.keys():
            name = sorted(shadowed)[0]
            raise SingleFileError(f"{self.module}: a function has a variable {name}, also a name outside.")
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.Name:  # noqa: N802
        node.id = self.renames.get(node.id, node.id)
        return node

    def visit_FunctionDef(self, node: ast.stmt) -> ast.stmt:  # noqa: N802
        node.name = self.renames.get(node.name, node.name) if node.col_offset == 0 else node.name
        return self.generic_visit(node)

    visit_ClassDef = visit_FunctionDef  # noqa: N815


def _bound_inside(tree: ast.AST) -> Iterator[str]:
    """Names of arguments and variables of the functions in a tree."""
    for scope in ast.walk(tree):
        if isinstance(scope, _SCOPES):
            for node in ast.walk(scope):
                if isinstance(node, ast.arg):
                    yield node.arg
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id
