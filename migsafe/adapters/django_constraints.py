"""Django's `Index(...)` and `UniqueConstraint(...)`, `CheckConstraint(...)` and the like as DDL."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migsafe.adapters.alembic_columns import Arguments, Unreadable, arguments
from migsafe.adapters.alembic_text import Scope, dotted, literal
from migsafe.adapters.ddl import listed
from migsafe.adapters.django_editor import Editor
from migsafe.adapters.django_expressions import Expressions
from migsafe.adapters.django_state import Model
from migsafe.model.migration import Dialect

_METHODS = {"GinIndex": "gin", "GistIndex": "gist", "BrinIndex": "brin", "HashIndex": "hash",
            "SpGistIndex": "spgist", "BTreeIndex": "btree", "BloomIndex": "bloom"}  # fmt: skip
_OPERATORS = {"OVERLAPS": "&&", "EQUAL": "=", "CONTAINS": "@>", "CONTAINED_BY": "<@",
              "NOT_EQUAL": "<>", "LESS_THAN": "<", "GREATER_THAN": ">",
              "ADJACENT_TO": "-|-"}  # fmt: skip


def name_in(node: ast.Call, scope: Scope) -> str:
    """The name given to an index or constraint, "" for none."""
    return arguments(node, (), scope).maybe("name")


def kind_of(node: ast.Call | None) -> str:
    """`UniqueConstraint` for `models.UniqueConstraint(...)`."""
    return dotted(node.func).rpartition(".")[2] if node is not None else ""


def is_unique(node: ast.Call | None) -> str:
    """What the database has for a constraint: "unique", "index" (a unique index), "" for others."""
    if kind_of(node) != "UniqueConstraint" or node is None:
        return ""
    return "index" if node.args or _needs_index(node) else "unique"


def _needs_index(node: ast.Call) -> bool:
    given = {k.arg for k in node.keywords}
    return bool(given & {"condition", "include", "opclasses", "nulls_distinct"})


def inside(editor: Editor, model: Model, node: ast.Call, given: Arguments) -> str:
    """A constraint as a part of CREATE TABLE; "" for what takes an index. Raises Unreadable."""
    if is_unique(node) == "index":
        return ""
    said = arguments(node, (), given.scope)
    clause = _clause(editor, model, node, said, kind_of(node))
    return f"CONSTRAINT {editor.quoted(said.text('name'))} {clause}" if clause else ""


def late_indexes(editor: Editor, model: Model, given: Arguments) -> None:
    """The indexes of a new table's options, when the migration ends. Raises Unreadable."""
    later = Editor(editor.state, editor.dialect, editor.line)
    for node in model.indexes.values():
        add_index(later, model, node, given)
    editor.deferred += later.made


def late_unique(editor: Editor, model: Model, given: Arguments) -> None:
    """The unique indexes that stand for a new table's constraints. Raises Unreadable."""
    later = Editor(editor.state, editor.dialect, editor.line)
    for node in model.constraints.values():
        if is_unique(node) == "index":
            add_constraint(later, model, node, given)
    editor.deferred += later.made


def add_index(
    editor: Editor, model: Model, node: ast.Call, given: Arguments, how: str = "", name: str = ""
) -> None:
    """CREATE INDEX. Raises Unreadable."""
    said = arguments(node, (), given.scope)
    method = _METHODS.get(kind_of(node), "") if editor.postgres else ""
    if _is_beyond(editor, said):
        return
    own = editor.quoted(name or said.text("name"))
    words = ["CREATE INDEX", how if editor.postgres else "", own, "ON", editor.quoted(model.table)]
    words += [f"USING {method}"] if method else []
    editor.send(f"{' '.join(w for w in words if w)} {_terms(editor, model, node, said)}")


def _is_beyond(editor: Editor, said: Arguments) -> bool:
    """MySQL has no partial or covering indexes: Django makes none there."""
    wants = {"condition", "include"} & said.named.keys()
    return editor.dialect is Dialect.MYSQL and bool(wants)


def _terms(editor: Editor, model: Model, node: ast.Call, said: Arguments) -> str:
    """The terms in brackets, and what follows them."""
    write = editor.expressions(model, said)
    classes = said.found("opclasses")
    names = said.found("fields")
    terms = [write.term(a) for a in node.args]
    if isinstance(names, tuple):
        terms += list(_columns(write, names, classes if editor.postgres else ()))
    elif not terms:
        raise Unreadable("the columns are not written out")
    text = f"({', '.join(terms)})"
    include = said.found("include")
    if isinstance(include, tuple) and include and editor.postgres:
        columns = [model.column(str(n)) for n in include]
        text += f" INCLUDE {listed(columns, editor.dialect)}"
    if said.found("nulls_distinct") is False and editor.postgres:
        text += " NULLS NOT DISTINCT"
    condition = said.node("condition")
    if condition is not None and literal(condition, said.scope) is not None:
        text += f" WHERE {write.condition(condition)}"
    return text


def _columns(write: Expressions, names: tuple[object, ...], classes: object) -> Iterator[str]:
    said = classes if isinstance(classes, tuple) else ()
    for i, name in enumerate(names):
        text = str(name)
        order = " DESC" if text.startswith("-") else ""
        operators = f" {said[i]}" if i < len(said) else ""
        yield write.column(text.removeprefix("-")) + operators + order


def add_constraint(
    editor: Editor, model: Model, node: ast.Call, given: Arguments, *, valid: bool = True
) -> None:
    """ADD CONSTRAINT, or a unique index where a constraint cannot say it. Raises Unreadable."""
    said = arguments(node, (), given.scope)
    name, kind = editor.quoted(said.text("name")), kind_of(node)
    table = editor.quoted(model.table)
    if is_unique(node) == "index":
        if _is_beyond(editor, said):
            return
        editor.send(f"CREATE UNIQUE INDEX {name} ON {table} {_terms(editor, model, node, said)}")
        return
    clause = _clause(editor, model, node, said, kind)
    late = "" if valid or not editor.postgres else " NOT VALID"
    if clause:
        editor.constrain(f"ALTER TABLE {table} ADD CONSTRAINT {name} {clause}{late}")


def _clause(editor: Editor, model: Model, node: ast.Call, said: Arguments, kind: str) -> str:
    write = editor.expressions(model, said)
    if kind == "UniqueConstraint":
        names = said.texts("fields")
        columns = listed([model.column(n) for n in names], editor.dialect)
        return f"UNIQUE {columns}{_when(editor, said)}"
    if kind == "CheckConstraint":
        condition = said.node("condition") or said.node("check")
        return f"CHECK ({write.condition(condition)})"
    if kind == "ExclusionConstraint":
        return _exclusion(write, said) if editor.postgres else ""
    raise Unreadable(f"the constraint {kind} is not known")


def _when(editor: Editor, said: Arguments) -> str:
    node = said.node("deferrable")
    if node is None or not editor.postgres or literal(node, said.scope) is None:
        return ""
    deferred = dotted(node).endswith("DEFERRED")
    return f" DEFERRABLE INITIALLY {'DEFERRED' if deferred else 'IMMEDIATE'}"


def _exclusion(write: Expressions, said: Arguments) -> str:
    terms = []
    pairs = said.node("expressions")
    for pair in pairs.elts if isinstance(pairs, (ast.List, ast.Tuple)) else ():
        if not isinstance(pair, (ast.Tuple, ast.List)) or len(pair.elts) != 2:
            raise Unreadable("a term of the exclusion is not a pair")
        found = literal(pair.elts[1], said.scope)
        name = dotted(pair.elts[1]).rpartition(".")[2]
        operator = found if isinstance(found, str) else _OPERATORS.get(name)
        if operator is None:
            raise Unreadable("an operator of the exclusion is not known")
        terms.append(f"{write.term(pair.elts[0])} WITH {operator}")
    method = said.maybe("index_type") or "gist"
    condition = said.node("condition")
    where = f" WHERE ({write.condition(condition)})" if condition is not None else ""
    return f"EXCLUDE USING {method} ({', '.join(terms)}){where}"
