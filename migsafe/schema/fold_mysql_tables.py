"""What an operation makes of one table of MySQL or MariaDB."""

from __future__ import annotations

import re
from dataclasses import replace

from migsafe.model.migration import Operation
from migsafe.model.schema import Check, Column, Table, fold_name
from migsafe.schema import types_mysql
from migsafe.schema.names import mentioned

PARTIAL = {"set default", "drop default", "set visible", "set invisible"}
"""What ALTER COLUMN says of a column without declaring it anew."""
_KEPT_OPTIONS = {"engine", "charset", "collate", "comment", "row_format"}


def never_null(column: Column) -> Column:
    """The column, NOT NULL where it is in the primary key."""
    return replace(column, not_null=True) if column.primary_key else column


def keyed(table: Table) -> Table:
    """The table whose primary key's columns are NOT NULL, its key named PRIMARY."""
    columns = tuple(map(never_null, table.columns))
    return replace(
        table,
        columns=columns,
        key_name="PRIMARY" if table.primary_key else "",
        autoincrement=any(c.identity for c in columns),
    )


def placed(table: Table, operation: Operation) -> Table:
    """The table with the operation's column where FIRST or AFTER puts it."""
    after = operation.option("after")
    column = table.column(operation.column)
    if column is None or (after is None and operation.option("first") is None):
        return table
    others = [c for c in table.columns if c is not column]
    at = 0
    if after is not None:
        names = [fold_name(c.name) for c in others]
        at = names.index(fold_name(after)) + 1 if fold_name(after) in names else len(others)
    others.insert(at, column)
    return replace(table, columns=tuple(others))


def with_default(table: Table, operation: Operation) -> Table:
    """The table after ALTER COLUMN SET DEFAULT or DROP DEFAULT."""
    new = operation.definition
    old = table.column(operation.column)
    if old is None or not isinstance(new, Table) or not operation.value.endswith("default"):
        return table
    changed = replace(old, default=new.columns[0].default)
    return replace(table, columns=tuple(changed if c is old else c for c in table.columns))


def without_column(table: Table, column: Column) -> Table:
    """The table without a column, its keys without it."""
    name = fold_name(column.name)
    uniques = (
        replace(u, columns=tuple(c for c in u.columns if fold_name(c) != name))
        for u in table.uniques
    )
    order = [fold_name(c) for c in table.primary_key if fold_name(c) != name]
    columns = tuple(
        replace(c, primary_key=order.index(fold_name(c.name)) + 1) if c.primary_key else c
        for c in table.columns
        if c is not column
    )
    return keyed(
        replace(
            table,
            columns=columns,
            uniques=tuple(u for u in uniques if u.columns),
            checks=tuple(c for c in table.checks if not mentioned(c.expression, name)),
        )
    )


def without_primary_key(table: Table) -> Table:
    """The table without its primary key; its columns stay NOT NULL."""
    columns = tuple(replace(c, primary_key=0) for c in table.columns)
    return replace(table, columns=columns, key_name="")


# -- constraints ----------------------------------------------------------------------------------

_NUMBERED = re.compile(r"(?:constraint|.*_chk)_(\d+)")


def without_constraint(table: Table, operation: Operation) -> Table | None:
    """The table without the constraint that DROP names; None where it surely has none of it.

    Foreign keys, checks and keys have names of their own: which are meant the options say.
    """
    name = fold_name(operation.name)
    if name == "primary":
        return without_primary_key(table)
    every = not {"foreign key", "check"} & set(operation.options)
    changed = table
    if every or "foreign key" in operation.options:
        kept = tuple(k for k in table.foreign_keys if fold_name(k.name) != name)
        changed = replace(changed, foreign_keys=kept)
    if every or "check" in operation.options:
        changed = replace(changed, checks=_without_check(table, name))
    if every:
        left = tuple(u for u in table.uniques if fold_name(u.name) != name)
        changed = replace(changed, uniques=left)
    if changed == table:
        return None if table.complete else table
    return changed


def _without_check(table: Table, name: str) -> tuple[Check, ...]:
    found = _check(table, name)
    return tuple(c for c in table.checks if c is not found)


def _check(table: Table, name: str) -> Check | None:
    """The check of that name, or the one without a name that the server numbers so."""
    named = next((c for c in table.checks if fold_name(c.name) == name), None)
    number = _NUMBERED.fullmatch(name)
    unnamed = [c for c in table.checks if not c.name]
    if named or not number or int(number[1]) > len(unnamed):
        return named
    return unnamed[int(number[1]) - 1]


def with_enforcement(table: Table, operation: Operation) -> Table:
    """The table after ALTER CHECK name [NOT] ENFORCED."""
    found = _check(table, fold_name(operation.name))
    enforced = operation.value == "enforced"
    checks = tuple(replace(c, enforced=enforced) if c is found else c for c in table.checks)
    return replace(table, checks=checks)


# -- options --------------------------------------------------------------------------------------


def with_option(table: Table, operation: Operation) -> Table:
    """The table after an option of it was set, or it was converted or partitioned."""
    name, value = operation.name, operation.value
    if name == "convert to character set":
        columns = tuple(
            replace(c, type=_converted(c, table, value), charset="", collation="")
            for c in table.columns
        )
        table = _set(replace(table, columns=columns), "charset", value)
        return _set(table, "collate", operation.option("collate") or "")
    if name == "partition by":
        return replace(table, partitioned=value)
    if name == "remove partitioning":
        return replace(table, partitioned="")
    if name == "charset":
        return _set(_set(table, "charset", value), "collate", "")
    return _set(table, name, value) if name in _KEPT_OPTIONS else table


def _converted(column: Column, table: Table, charset: str) -> str:
    """The type that holds as many characters in that set (MySQL 8.0, 13.1.9, CONVERT TO).

    CHAR and VARCHAR count characters, TEXT counts bytes.
    """
    name = types_mysql.canonical(column.type, mariadb=False)
    texts = ("tinytext", "text", "mediumtext", "longtext")
    wider = types_mysql.width(charset) > types_mysql.width(types_mysql.charset(column, table))
    if name not in texts[:-1] or not wider:
        return column.type
    return texts[texts.index(name) + 1]


def _set(table: Table, name: str, value: str) -> Table:
    options = {k: v for k, v in table.options if k != name}
    if value:
        options[name] = value
    return replace(table, options=tuple(sorted(options.items())))
