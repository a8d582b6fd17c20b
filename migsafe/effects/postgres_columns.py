"""Which changes of a column make PostgreSQL write or read the whole table."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from migsafe.model.evidence import Effect
from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import Column, Schema, Table, fold_name
from migsafe.schema.names import mentioned
from migsafe.schema.types_postgres import canonical
from migsafe.sql.tokens import WORD, tokenize

_FAST_DEFAULT = 110000  # the first version that keeps a constant default in the catalogue
_PROVEN = 120000  # the first version whose SET NOT NULL believes a valid CHECK
_LENGTH = re.compile(r"\(([\d,]+)\)")


@cache
def _data(name: str) -> Mapping[str, Any]:
    text = (files("migsafe.effects") / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def refined(
    effect: Effect,
    schema: Schema,
    operation: Operation,
    version: int,
    functions: Mapping[str, str],
) -> Effect:
    """The effect as far as it depends on the column, its type and its default."""
    table = schema.table(operation.table)
    if operation.kind is Kind.ADD_COLUMN:
        return _added(effect, schema, operation, version, functions)
    if operation.kind is Kind.ALTER_COLUMN and operation.value == "type":
        return _retyped(effect, table, operation)
    if operation.kind is Kind.ALTER_COLUMN and operation.value == "set not null":
        return _required(effect, table, operation.column, version)
    if operation.kind is Kind.ADD_CONSTRAINT and "primary key" in operation.options:
        return _keyed(effect, schema, table, operation, version)
    if operation.kind is Kind.ATTACH_PARTITION:
        return _attached(effect, schema, operation)
    return effect


# -- ADD COLUMN -----------------------------------------------------------------------------------


def _added(
    effect: Effect, schema: Schema, operation: Operation, version: int, functions: Mapping[str, str]
) -> Effect:
    made = operation.definition
    if not isinstance(made, Table) or not made.columns:
        return effect
    column = made.columns[0]
    why = _rewriting(column, schema, version, functions)
    if why:
        effect = replace(effect, rewrites=True, scans=True, why=why)
    if made.checks:
        effect = replace(effect, scans=True, why=effect.why or "its CHECK is tried on every row")
    filled = column.default is not None and column.default.upper() != "NULL"
    if made.foreign_keys and filled:
        why = effect.why or "every row's default is looked up in the parent"
        effect = replace(effect, scans=True, why=why)
    if made.uniques or made.primary_key:
        why = effect.why or "an index is built for it"
        effect = replace(effect, scans=True, rebuilds_index=True, why=why)
    return effect


def _rewriting(column: Column, schema: Schema, version: int, functions: Mapping[str, str]) -> str:
    """Why adding the column writes the table anew; "" where it does not."""
    if column.identity:
        return "each row gets a number"
    if column.generated:
        return "each row's value is computed and stored" if column.stored else ""
    domain = schema.types.get(fold_name(column.type))
    if domain is not None and domain.kind == "domain" and (domain.checks or domain.not_null):
        return "its domain's constraints are tried on every row"
    if column.default is None or column.default.upper() == "NULL":
        return ""
    if version < _FAST_DEFAULT:
        return "before version 11 every default is written to every row"
    return "its default is volatile" if volatile(column.default, functions) else ""


def volatile(expression: str, functions: Mapping[str, str]) -> bool:
    """Does the expression call a function that may give each row another value?

    `functions` are the history's own: folded name -> volatility.
    """
    known = _data("postgres_volatile")
    calm = {*known["stable"], *known["immutable"]}
    tokens = tokenize(expression, Dialect.POSTGRES)
    for at, token in enumerate(tokens[:-1]):
        name = token.text.lower()
        typed = at > 0 and tokens[at - 1].text == "::"
        if token.kind != WORD or tokens[at + 1].text != "(" or typed:
            continue
        if name in functions:
            if functions[name] == "volatile":
                return True
        elif name not in calm and canonical(name) == name:  # an alias such as varchar is a type
            return True
    return False


# -- ALTER COLUMN ---------------------------------------------------------------------------------


def _retyped(effect: Effect, table: Table | None, operation: Operation) -> Effect:
    made = operation.definition
    old = table.column(operation.column) if table is not None else None
    if not isinstance(made, Table) or not made.columns:
        return effect
    new = made.columns[0]
    if old is None or not old.type:
        unknown = "the column's old type is not known"
        return replace(effect, rewrites=None, scans=None, rebuilds_index=None, why=unknown)
    how = change(old.type, new.type)
    using = operation.option("using")
    if using and not _plain_cast(using, operation.column):
        how = "rewrite"
    why = f"{canonical(old.type)} becomes {canonical(new.type)}"
    if how == "rewrite":
        return replace(effect, rewrites=True, scans=True, rebuilds_index=True, why=why)
    assert table is not None
    checked = any(mentioned(c.expression, old.name) for c in table.checks)
    collated = new.collation != old.collation and bool(new.collation)
    return replace(
        effect,
        scans=checked or how == "index" or collated,
        rebuilds_index=how == "index" or collated,
        why="a CHECK on the column is tried on every row" if checked else why,
    )


def _plain_cast(using: str, column: str) -> bool:
    """USING column, USING column::type: what the server would do by itself."""
    tokens = [t for t in tokenize(using, Dialect.POSTGRES) if t.text not in {"(", ")"}]
    named = bool(tokens) and fold_name(tokens[0].name) == fold_name(column)
    return named and (len(tokens) == 1 or tokens[1].text == "::")


def change(old: str, new: str) -> str:
    """What a change of type costs: free, index or rewrite. Types as written."""
    before, after = canonical(old), canonical(new)
    if before == after:
        return "free"
    names = _bare(before), _bare(after)
    for row in _data("postgres_types")["change"]:
        if (row["from"], row["to"]) == names and _holds(row.get("when", ""), before, after):
            return str(row["effect"])
    return "rewrite"


def _bare(name: str) -> str:
    return _LENGTH.sub("", name)


def _holds(when: str, old: str, new: str) -> bool:
    """Is the row's condition met? That the session's time zone is UTC is never known."""
    before, after = _lengths(old), _lengths(new)
    if when == "unlimited":
        return not after
    if when == "wider":
        if not after:
            return True
        return bool(before) and before[1:] == after[1:] and before[0] <= after[0]
    return not when


def _lengths(name: str) -> tuple[int, ...]:
    found = _LENGTH.search(name)
    return tuple(int(n) for n in found[1].split(",") if n) if found else ()


def _required(effect: Effect, table: Table | None, column: str, version: int) -> Effect:
    known = table.column(column) if table is not None else None
    if known is not None and known.not_null:
        return replace(effect, scans=False, why="it was NOT NULL before")
    if table is not None and version >= _PROVEN and _proven(table, column):
        return replace(effect, scans=False, why="a valid CHECK proves it")
    return replace(effect, why="every row is looked at")


def _proven(table: Table, column: str) -> bool:
    """Does a valid CHECK say `column IS NOT NULL`, alone or joined to others by AND?

    (src/backend/commands/tablecmds.c, NotNullImpliedByRelConstraints)
    """
    wanted = f"{fold_name(column)} is not null"
    for check in table.checks:
        text = check.expression.lower().replace('"', "")
        terms = [term.strip(" ()") for term in text.split(" and ")]
        if check.valid and " or " not in text and wanted in terms:
            return True
    return False


# -- keys and partitions --------------------------------------------------------------------------


def _keyed(
    effect: Effect, schema: Schema, table: Table | None, operation: Operation, version: int
) -> Effect:
    """The columns of a new primary key become NOT NULL, which is looked up in every row."""
    name = operation.option("using index")
    index = schema.indexes.get(fold_name(name)) if name else None
    if name is None:
        return effect
    if index is None or table is None:
        return replace(effect, scans=None)
    nullable = [
        c.name
        for c in index.columns
        if not _never_null(table, c.name) and not (version >= _PROVEN and _proven(table, c.name))
    ]
    if not nullable:
        return effect
    if all(table.column(n) is None for n in nullable):
        return replace(effect, scans=None)
    return replace(effect, scans=True, why=f"{', '.join(nullable)} may be NULL")


def _never_null(table: Table, column: str) -> bool:
    known = table.column(column)
    return known is not None and known.not_null


def _attached(effect: Effect, schema: Schema, operation: Operation) -> Effect:
    """Rows of the new partition are read, unless a valid CHECK of its own proves its bounds."""
    child = schema.table(operation.name)
    if child is None:
        return replace(effect, scans=None)
    if any(c.valid for c in child.checks):
        return replace(effect, scans=None, why="a CHECK of the partition may prove its bounds")
    return replace(effect, why="every row of the partition is looked at")
