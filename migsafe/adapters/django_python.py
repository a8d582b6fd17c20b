"""What the function of a RunPython is known to do, by its syntax alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migsafe.adapters.alembic_text import dotted
from migsafe.adapters.django_state import Model, State
from migsafe.adapters.python_syntax import asks_managers_of, goes_row_by_row, imports_of_models

_CREATES = {"create", "bulk_create", "get_or_create", "update_or_create"}


def marks(function: ast.FunctionDef, imports: frozenset[str], state: State) -> Iterator[str]:
    """What it does, as options: todays models, row by row, inserts=<t>, sets=<t>.<column>."""
    own = imports | set(imports_of_models(ast.walk(function)))
    if asks_managers_of(function, own):
        yield "todays models"
    if goes_row_by_row(function):
        yield "row by row"
    models = dict(_models(function, state))
    calls = (n for n in ast.walk(function) if isinstance(n, ast.Call))
    yield from dict.fromkeys(mark for call in calls for mark in _written(call, models))


def _models(function: ast.FunctionDef, state: State) -> Iterator[tuple[str, Model]]:
    """The variables that hold a model: `Note = apps.get_model("shop", "Note")`."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                model = state.models.get(_asked_for(call))
                if model is not None:
                    yield name, model
            case _:
                pass


def _asked_for(call: ast.Call) -> str:
    """`app.model` of `apps.get_model("app", "Model")` or `apps.get_model("app.Model")`."""
    said = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return ".".join(said).lower() if dotted(call.func).endswith("get_model") else ""


def _written(call: ast.Call, models: dict[str, Model]) -> Iterator[str]:
    """What a call on the manager of one of these models, or on a query of it, writes."""
    if not isinstance(call.func, ast.Attribute):
        return
    model = models.get(_root(call.func.value))
    if model is None:
        return
    if call.func.attr in _CREATES:
        yield f"inserts={model.table}"
    elif call.func.attr == "update":
        yield from (f"sets={model.table}.{model.column(k.arg)}" for k in call.keywords if k.arg)


def _root(node: ast.expr) -> str:
    """The variable at the start of `Note.objects.filter(...).exclude(...)`."""
    while isinstance(node, (ast.Attribute, ast.Call)):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else ""
