"""SQLAlchemy's columns, types and constraints as they stand in a script -> schema values.

Types are rendered as SQLAlchemy 2.1 does for SQLite (`dialects/sqlite/base.py`,
`SQLiteTypeCompiler`); one that is not SQLAlchemy's own is "".
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migsafe.adapters.alembic_text import Scope, dotted, literal, plain, value
from migsafe.model.schema import Check, Column, ForeignKey, Index, IndexColumn, Table, Unique

_TYPES = {
    "BigInteger": "BIGINT", "BIGINT": "BIGINT", "Integer": "INTEGER", "INTEGER": "INTEGER",
    "SmallInteger": "SMALLINT", "SMALLINT": "SMALLINT", "Boolean": "BOOLEAN",
    "BOOLEAN": "BOOLEAN", "Date": "DATE", "DATE": "DATE", "DateTime": "DATETIME",
    "DATETIME": "DATETIME", "TIMESTAMP": "TIMESTAMP", "Time": "TIME", "TIME": "TIME",
    "Interval": "DATETIME", "Float": "FLOAT", "FLOAT": "FLOAT", "REAL": "REAL",
    "Double": "DOUBLE", "DOUBLE": "DOUBLE", "LargeBinary": "BLOB", "PickleType": "BLOB",
    "BLOB": "BLOB", "JSON": "JSON", "Text": "TEXT", "TEXT": "TEXT", "UnicodeText": "TEXT",
    "Uuid": "CHAR(32)",
}  # fmt: skip
_SIZED = {
    "String": "VARCHAR", "Unicode": "VARCHAR", "VARCHAR": "VARCHAR", "NVARCHAR": "NVARCHAR",
    "CHAR": "CHAR", "NCHAR": "NCHAR",
}  # fmt: skip
_NUMERIC = {"Numeric": "NUMERIC", "NUMERIC": "NUMERIC", "DECIMAL": "DECIMAL"}
_CONSTANTS = {"true": "1", "false": "0", "null": "NULL", "now": "CURRENT_TIMESTAMP"}
_CONSTRAINTS = {"ForeignKey", "CheckConstraint", "Computed", "Identity", "Sequence"}


class Unreadable(Exception):
    """An argument whose value only running the script can tell; the text says which."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call by parameter name, and what positional ones are left over."""

    scope: Scope
    named: Mapping[str, ast.expr]
    rest: Sequence[ast.expr] = ()

    def node(self, name: str) -> ast.expr | None:
        """The expression given for a parameter, or None."""
        return self.named.get(name)

    def found(self, name: str, default: object = None) -> object:
        """The plain value given for a parameter; UNKNOWN where only running it can tell."""
        return literal(self.named[name], self.scope) if name in self.named else default

    def text(self, name: str) -> str:
        """The text given for a parameter. Raises Unreadable."""
        found = self.found(name)
        if not isinstance(found, str):
            raise Unreadable(f"{name.replace('_', ' ')} is not a literal")
        return found

    def maybe(self, name: str) -> str:
        """The text given for a parameter, "" where it is none or not certain."""
        found = self.found(name)
        return found if isinstance(found, str) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts in a list given for a parameter. Raises Unreadable."""
        found = self.found(name)
        if not isinstance(found, tuple) or not all(isinstance(f, str) for f in found):
            raise Unreadable(f"{name.replace('_', ' ')} is not a literal list")
        return found

    def flag(self, name: str) -> bool:
        """Is True given for that parameter?"""
        return self.found(name) is True


def arguments(node: ast.Call, parameters: Sequence[str], scope: Scope) -> Arguments:
    """The arguments of a call to something with these positional parameters."""
    starred = next(
        (i for i, a in enumerate(node.args) if isinstance(a, ast.Starred)), len(node.args)
    )
    count = min(starred, len(parameters))
    named = dict(zip(parameters, node.args[:count], strict=False))
    named.update({k.arg: k.value for k in node.keywords if k.arg})
    return Arguments(scope, named, node.args[count:])


def called(node: ast.expr | None) -> str:
    """`Column` for `sa.Column(...)`, "" for what is no call."""
    return dotted(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""


# -- types and defaults ---------------------------------------------------------------------------


def type_of(node: ast.expr | None, scope: Scope) -> tuple[str, str]:
    """A type as SQLite is told it, and its collation (upper-case); "" where it is not known."""
    name = called(node) or (dotted(node).rpartition(".")[2] if node is not None else "")
    if name in _TYPES and "postgresql" not in ast.dump(node or ast.Pass()):
        return _TYPES[name], _collation(node, scope)
    if name in _SIZED:
        return _SIZED[name] + _size(node, scope), _collation(node, scope)
    if name in _NUMERIC:
        return _NUMERIC[name] + _precision(node, scope), ""
    return (_enumeration(node, scope), "") if name == "Enum" else ("", "")


def _collation(node: ast.expr | None, scope: Scope) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return arguments(node, ("length", "collation"), scope).maybe("collation").upper()


def _size(node: ast.expr | None, scope: Scope) -> str:
    if not isinstance(node, ast.Call):
        return ""
    length = arguments(node, ("length",), scope).found("length")
    return f"({length})" if isinstance(length, int) else ""


def _precision(node: ast.expr | None, scope: Scope) -> str:
    if not isinstance(node, ast.Call):
        return ""
    given = arguments(node, ("precision", "scale"), scope)
    numbers = [given.found("precision"), given.found("scale")]
    said = [str(n) for n in numbers if isinstance(n, int)]
    return f"({', '.join(said)})" if said else ""


def _enumeration(node: ast.expr | None, scope: Scope) -> str:
    if not isinstance(node, ast.Call) or not node.args:
        return ""
    names = [literal(a, scope) for a in node.args]
    words = [n for n in names if isinstance(n, str)]
    return f"VARCHAR({max(map(len, words))})" if len(words) == len(names) else ""


def default_of(node: ast.expr | None, scope: Scope) -> str | None:
    """A server default as SQL, None for none; what cannot be read is given in its own words."""
    if node is None or literal(node, scope) is None:
        return None
    name = called(node)
    if name == "text":
        found = literal(node, scope)
        return found if isinstance(found, str) else scope.segment(node)
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    found = literal(node, scope)
    if isinstance(found, str):
        return "'" + found.replace("'", "''") + "'"
    return scope.segment(node)


# -- columns --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Declared:
    """A column, the constraints declared with it, and the index that `index=True` makes."""

    column: Column
    uniques: tuple[Unique, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    index: bool = False
    unique_index: bool = False


def column_of(node: ast.expr | None, scope: Scope) -> Declared:
    """`sa.Column(...)`. Raises Unreadable for anything else."""
    if not isinstance(node, ast.Call) or called(node) not in {"Column", "mapped_column"}:
        raise Unreadable("a column is not written out")
    given = arguments(node, ("name",), scope)
    name = given.text("name")
    parts = list(given.rest)
    kind = given.node("type_")
    if kind is None and parts and called(parts[0]) not in _CONSTRAINTS:
        kind = parts.pop(0)
    indexed, unique = given.flag("index"), given.flag("unique")
    return Declared(
        _column(name, kind, parts, given),
        (Unique((name,)),) if unique and not indexed else (),
        tuple(foreign_key(p, scope, (name,)) for p in _named(parts, "ForeignKey")),
        tuple(check(p, scope) for p in _named(parts, "CheckConstraint")),
        indexed,
        indexed and unique,
    )


def _named(parts: Sequence[ast.expr], name: str) -> list[ast.Call]:
    return [p for p in parts if isinstance(p, ast.Call) and called(p) == name]


def _column(
    name: str, kind: ast.expr | None, parts: Sequence[ast.expr], given: Arguments
) -> Column:
    written, collation = type_of(kind, given.scope)
    keyed = given.flag("primary_key")
    generated, stored = _computed(parts, given.scope)
    return Column(
        name,
        written,
        not_null=given.found("nullable", not keyed) is False,
        default=default_of(given.node("server_default"), given.scope),
        primary_key=int(keyed),
        collation=collation,
        generated=generated,
        stored=stored,
    )


def _computed(parts: Sequence[ast.expr], scope: Scope) -> tuple[str, bool]:
    for node in _named(parts, "Computed"):
        given = arguments(node, ("sqltext", "persisted"), scope)
        return given.maybe("sqltext") or "?", given.flag("persisted")
    return "", False


# -- constraints ----------------------------------------------------------------------------------


def foreign_key(node: ast.Call, scope: Scope, columns: tuple[str, ...]) -> ForeignKey:
    """`sa.ForeignKey(...)` on a column. Raises Unreadable."""
    given = arguments(node, ("target",), scope)
    return with_actions(columns, (given.text("target"),), given)


def with_actions(
    columns: tuple[str, ...], targets: tuple[str, ...], given: Arguments
) -> ForeignKey:
    """A foreign key to targets such as `users.id` or `schema.users.id`. Raises Unreadable."""
    paths = [t.split(".") for t in targets]
    if not paths or any(len(p) < 2 for p in paths):
        raise Unreadable("a foreign key names no table and column")
    return ForeignKey(
        columns,
        paths[0][-2],
        tuple(p[-1] for p in paths),
        on_delete=given.maybe("ondelete").upper() or "NO ACTION",
        on_update=given.maybe("onupdate").upper() or "NO ACTION",
        deferred=given.maybe("initially").upper() == "DEFERRED",
        name=given.maybe("name") or given.maybe("constraint_name"),
    )


def check(node: ast.Call, scope: Scope) -> Check:
    """`sa.CheckConstraint(...)`; an expression built at run time is "?"."""
    given = arguments(node, ("sqltext",), scope)
    return Check(given.maybe("sqltext") or "?", given.maybe("name"))


def index_column(node: ast.expr, scope: Scope) -> IndexColumn:
    """One term of `op.create_index`: a column's name, or an expression's text."""
    found = literal(node, scope)
    if not isinstance(found, str):
        return IndexColumn(scope.segment(node), expression=True)
    if called(node) != "text":
        return IndexColumn(found)
    words = found.split()
    descending = words[-1:] != [] and words[-1].upper() == "DESC"
    bare = " ".join(words[:-1]) if words and words[-1].upper() in {"ASC", "DESC"} else found
    return IndexColumn(bare, expression=not bare.isidentifier(), descending=descending)


# -- tables ---------------------------------------------------------------------------------------


def table_of(name: str, nodes: Sequence[ast.expr], scope: Scope) -> tuple[Table, list[Index]]:
    """The columns and constraints of `op.create_table`, and the indexes made along with it.

    What cannot be read is left out and makes the table incomplete.
    """
    made = _Making(name, scope)
    for node in nodes:
        try:
            made.add(node)
        except Unreadable:
            made.complete = False
    return made.table(), made.indexes


class _Making:
    """A table while its parts are read one by one."""

    def __init__(self, name: str, scope: Scope) -> None:
        self.name = name
        self.scope = scope
        self.columns: list[tuple[Column, bool]] = []
        self.uniques: list[Unique] = []
        self.foreign_keys: list[ForeignKey] = []
        self.checks: list[Check] = []
        self.indexes: list[Index] = []
        self.key: tuple[str, ...] = ()
        self.complete = True

    def add(self, node: ast.expr) -> None:
        name = called(node)
        add = getattr(self, f"_add_{name.lower()}", None)
        if add is None or not isinstance(node, ast.Call):
            raise Unreadable("a part of the table is not written out")
        add(node)

    def _add_column(self, node: ast.Call) -> None:
        declared = column_of(node, self.scope)
        silent = not any(k.arg == "nullable" for k in node.keywords)
        self.columns.append((declared.column, silent))
        self.uniques += declared.uniques
        self.foreign_keys += declared.foreign_keys
        self.checks += declared.checks
        if declared.index:
            self.indexes.append(default_index(self.name, declared))

    def _names(self, node: ast.Call) -> tuple[str, ...]:
        found = tuple(plain(value(a, self.scope)) for a in node.args)
        names = tuple(f for f in found if isinstance(f, str))
        if len(names) != len(found):
            raise Unreadable("a constraint's columns are not literal")
        return names

    def _add_primarykeyconstraint(self, node: ast.Call) -> None:
        self.key = self._names(node)

    def _add_uniqueconstraint(self, node: ast.Call) -> None:
        given = arguments(node, (), self.scope)
        self.uniques.append(Unique(self._names(node), given.maybe("name")))

    def _add_foreignkeyconstraint(self, node: ast.Call) -> None:
        given = arguments(node, ("columns", "refcolumns"), self.scope)
        made = with_actions(given.texts("columns"), given.texts("refcolumns"), given)
        self.foreign_keys.append(made)

    def _add_checkconstraint(self, node: ast.Call) -> None:
        self.checks.append(check(node, self.scope))

    def table(self) -> Table:
        key = self.key or tuple(c.name for c, _ in self.columns if c.primary_key)
        return Table(
            self.name,
            tuple(_keyed(c, silent, key) for c, silent in self.columns),
            tuple(self.uniques),
            tuple(self.foreign_keys),
            tuple(self.checks),
            complete=self.complete,
        )


def _keyed(column: Column, silent: bool, key: tuple[str, ...]) -> Column:
    """A column of the primary key is NOT NULL to SQLAlchemy unless the script says otherwise."""
    if column.name not in key:
        return column
    return Column(
        column.name,
        column.type,
        column.not_null or silent,
        column.default,
        key.index(column.name) + 1,
        column.collation,
        column.generated,
        column.stored,
    )


def default_index(table: str, declared: Declared) -> Index:
    """The index of `index=True`, under the name that SQLAlchemy gives it."""
    name = declared.column.name
    terms = (IndexColumn(name),)
    return Index(f"ix_{table}_{name}", table, terms, unique=declared.unique_index)
