"""Questions to Python's syntax trees that the readers of scripts share."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Set

_ENDS = {"commit", "begin", "autocommit_block"}
_MANAGERS = {"objects", "_default_manager", "_base_manager"}
_CREATES = {"create", "get_or_create", "update_or_create"}


def first(node: ast.Call, name: str) -> ast.expr | None:
    """The first argument, or the one given by this name."""
    return node.args[0] if node.args else keyword(node, name)


def keyword(node: ast.Call, name: str) -> ast.expr | None:
    """The argument given by this name."""
    return next((k.value for k in node.keywords if k.arg == name), None)


def method_name(node: ast.expr) -> str:
    """`c` of the call `a.b.c()`, "" for all else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr
    return ""


def is_comprehension(node: ast.expr) -> bool:
    """Does the expression go round by itself?"""
    return isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))


def assigned(body: Iterable[ast.stmt]) -> set[str]:
    """The names that these statements may set."""
    nodes = (n for s in body for n in ast.walk(s) if isinstance(n, ast.Name))
    return {n.id for n in nodes if isinstance(n.ctx, ast.Store)}


def ends_transaction(node: ast.stmt) -> bool:
    """Does something in this loop commit, or open a transaction of its own?"""
    return any(isinstance(n, ast.expr) and method_name(n) in _ENDS for n in ast.walk(node))


def changes_its_rows(node: ast.For | ast.AsyncFor) -> bool:
    """Does a loop set attributes of what it goes through, or save or delete it?"""
    if not isinstance(node.target, ast.Name):
        return False
    name = node.target.id
    return any(_changes(each, name) for part in node.body for each in ast.walk(part))


def _changes(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Call):
        return method_name(node) in {"save", "delete"} and _is(node.func, name)
    stored = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    return stored and _is(node, name)


def _is(node: ast.AST, name: str) -> bool:
    """Is it an attribute of this very name?"""
    owner = node.value if isinstance(node, ast.Attribute) else None
    return isinstance(owner, ast.Name) and owner.id == name


# -- Django's RunPython ---------------------------------------------------------------------------


def goes_row_by_row(function: ast.FunctionDef) -> bool:
    """Does a loop over a whole queryset write its rows, each with a statement of its own?"""
    return any(_writes_each(n) for n in ast.walk(function) if isinstance(n, ast.For))


def _writes_each(node: ast.For) -> bool:
    calls = [n for part in node.body for n in ast.walk(part) if isinstance(n, ast.Call)]
    written = any(method_name(c) in {"save", "delete", *_CREATES} for c in calls)
    query = any(isinstance(n, ast.Attribute) and n.attr in _MANAGERS for n in ast.walk(node.iter))
    batch = any(isinstance(n, ast.Subscript) for n in ast.walk(node.iter))
    return written and query and not batch and not ends_transaction(node)


def imports_of_models(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that these statements import from outside Django and the standard library."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            if not (node.module or "").startswith("django."):
                yield from (a.asname or a.name for a in node.names)
        elif isinstance(node, ast.Import):
            yield from (a.asname or a.name.partition(".")[0] for a in node.names)


def asks_managers_of(function: ast.FunctionDef, names: Set[str]) -> bool:
    """Does it ask `X.objects` (or `models.X.objects`) of one of these names?"""
    managers = (
        n.value for n in ast.walk(function) if isinstance(n, ast.Attribute) and n.attr in _MANAGERS
    )
    return any(_root(node) in names for node in managers)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
