"""The schema of a live MariaDB or MySQL database, from information_schema.

What the two products tell differently is told here in one way: NO ACTION for RESTRICT (InnoDB
treats them alike), a default's source text, no character set or collation where it is the table's
own. An index's name counts within its table only: of several tables that have one of that name the
first keeps it as its key, the others have `table.name`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from migsafe.model.migration import Dialect
from migsafe.model.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexColumn,
    Schema,
    Table,
    Trigger,
    Unique,
    View,
    fold_name,
)
from migsafe.model.schema import Sequence as OwnSequence
from migsafe.sql import mysql_parts as parts
from migsafe.sql.tokens import tokenize

Execute = Callable[[str], Iterable[Sequence[Any]]]
"""Runs one statement and gives its rows."""

_HERE = "= '{database}'"  # a literal: only for one does the server look into one database alone
_NUMBERS = frozenset({
    "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "year",
})  # fmt: skip

_TABLES = f"""
SELECT t.table_name, t.table_type, t.engine, t.table_collation, t.table_comment,
       (SELECT concat(p.partition_method, '(', coalesce(p.partition_expression, ''), ')')
          FROM information_schema.partitions p
         WHERE p.table_schema = t.table_schema AND p.table_name = t.table_name
           AND p.partition_method IS NOT NULL LIMIT 1)
  FROM information_schema.tables t WHERE t.table_schema {_HERE} ORDER BY t.table_name
"""
_COLUMNS = f"""
SELECT table_name, column_name, column_type, is_nullable, column_default, extra,
       character_set_name, collation_name, column_comment, generation_expression, data_type
  FROM information_schema.columns WHERE table_schema {_HERE} ORDER BY table_name, ordinal_position
"""
_KEYS = f"""
SELECT table_name, index_name, non_unique, index_type, column_name, sub_part, collation, {{term}}
  FROM information_schema.statistics WHERE table_schema {_HERE}
 ORDER BY table_name, index_name, seq_in_index
"""
_FOREIGN_KEYS = f"""
SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_schema,
       k.referenced_table_name, k.referenced_column_name, r.delete_rule, r.update_rule,
       k.referenced_table_schema {_HERE}
  FROM information_schema.key_column_usage k
  JOIN information_schema.referential_constraints r
    ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
   AND r.table_name = k.table_name AND r.constraint_schema {_HERE}
 WHERE k.table_schema {_HERE} AND k.referenced_table_name IS NOT NULL
 ORDER BY k.table_name, k.constraint_name, k.ordinal_position
"""
_CHECKS_MARIADB = f"""
SELECT table_name, IF(level = 'Column', '', constraint_name), check_clause, 'YES'
  FROM information_schema.check_constraints WHERE constraint_schema {_HERE}
 ORDER BY table_name, level, constraint_name
"""
_CHECKS_MYSQL = f"""
SELECT t.table_name, c.constraint_name, c.check_clause, t.enforced
  FROM information_schema.check_constraints c
  JOIN information_schema.table_constraints t
    ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
   AND t.constraint_type = 'CHECK' AND t.table_schema {_HERE}
 WHERE c.constraint_schema {_HERE} ORDER BY t.table_name, c.constraint_name
"""
_TRIGGERS = f"""
SELECT trigger_name, event_object_table, action_timing, event_manipulation, action_statement
  FROM information_schema.triggers WHERE trigger_schema {_HERE} ORDER BY trigger_name
"""
_VIEWS = f"""
SELECT table_name, view_definition, table_schema
  FROM information_schema.views WHERE table_schema {_HERE} ORDER BY table_name
"""


def inspect(execute: Execute, ignore: Collection[str] = ()) -> Schema:
    """The schema of the database that `execute` is in, without the tables named in `ignore`."""
    ((version, database),) = execute("SELECT version(), database()")
    mariadb = "mariadb" in str(version).lower()
    here = str(database).replace("\\", "\\\\").replace("'", "''")

    def ask(question: str) -> Iterable[Sequence[Any]]:
        return execute(question.format(database=here, term="NULL" if mariadb else "expression"))

    return _schema(ask, {fold_name(name) for name in ignore}, mariadb)


def _schema(execute: Execute, hidden: Collection[str], mariadb: bool) -> Schema:
    listed = list(execute(_TABLES))
    keys = [key for key in _keys(execute) if fold_name(key.table) not in hidden]
    tables = {
        fold_name(table.name): table
        for table in _tables(execute, listed, keys, mariadb)
        if fold_name(table.name) not in hidden
    }
    triggers = (t for t in _triggers(execute) if fold_name(t.table) not in hidden)
    sequences = (OwnSequence(row[0]) for row in listed if row[1] == "SEQUENCE")
    return Schema(
        tables=tables,
        indexes=_by_name(key for key in keys if not _is_clause(key)),
        triggers={fold_name(trigger.name): trigger for trigger in triggers},
        views={fold_name(view.name): view for view in _views(execute)},
        sequences={fold_name(sequence.name): sequence for sequence in sequences},
    )


def _by_name(indexes: Iterable[Index]) -> Mapping[str, Index]:
    found: dict[str, Index] = {}
    for index in indexes:
        key = fold_name(index.name)
        found[f"{fold_name(index.table)}.{key}" if key in found else key] = index
    return found


def _normal(text: str | None) -> str:
    return parts.normalised(tokenize(text or "", Dialect.MYSQL))


def _grouped(rows: Iterable[Sequence[Any]], width: int = 1) -> Mapping[Any, list[Sequence[Any]]]:
    """Rows by their first values (one alone stands for itself), without them."""
    found: dict[Any, list[Sequence[Any]]] = {}
    for row in rows:
        key = row[0] if width == 1 else tuple(row[:width])
        found.setdefault(key, []).append(row[width:])
    return found


# -- tables -----------------------------------------------------------------------------------


def _tables(
    execute: Execute, listed: Iterable[Sequence[Any]], keys: Sequence[Index], mariadb: bool
) -> Iterator[Table]:
    columns = _grouped(execute(_COLUMNS))
    foreign_keys = _grouped(_foreign_keys(execute))
    checks = _grouped(execute(_CHECKS_MARIADB if mariadb else _CHECKS_MYSQL))
    for name, kind, engine, collation, comment, partitioned in listed:
        if kind not in {"BASE TABLE", "SYSTEM VERSIONED"}:
            continue
        own = [key for key in keys if key.table == name and _is_clause(key)]
        options = _options(engine, collation, comment)
        made = tuple(_column(row, mariadb, collation or "") for row in columns.get(name, ()))
        yield _keyed(
            Table(
                name,
                made,
                tuple(_unique(key) for key in own if key.name != "PRIMARY"),
                tuple(key for (key,) in foreign_keys.get(name, ())),
                tuple(_check(row, mariadb) for row in checks.get(name, ())),
                autoincrement=any(column.identity for column in made),
                partitioned=_normal(partitioned),
                options=options,
            ),
            own,
        )


def _options(
    engine: str | None, collation: str | None, comment: str | None
) -> tuple[tuple[str, str], ...]:
    found = {
        "engine": (engine or "").lower(),
        "charset": (collation or "").partition("_")[0],
        "collate": collation or "",
        "comment": comment or "",
    }
    return tuple(sorted((name, value) for name, value in found.items() if value))


def _column(row: Sequence[Any], mariadb: bool, table_collation: str) -> Column:
    name, type_, nullable, default, extra, charset, collation, comment, computed, base = row
    words = str(extra or "").lower()
    same = collation == table_collation or not collation
    table_charset = table_collation.partition("_")[0]
    return Column(
        name,
        type_,
        nullable == "NO",
        None if computed else _default(default, str(base).lower(), words, mariadb),
        collation="" if same else str(collation).upper(),
        generated=_expression(computed, mariadb) if computed else "",
        stored="stored" in words or "persistent" in words,
        identity="auto_increment" if "auto_increment" in words else "",
        charset="" if charset == table_charset else charset or "",
        on_update=words.partition("on update ")[2].split(",")[0].strip(),
        comment=comment or "",
    )


def _default(default: str | None, base: str, extra: str, mariadb: bool) -> str | None:
    """A default's source text. MariaDB tells it so; MySQL tells a literal's value without quotes.

    (mariadb.com/kb: Information Schema COLUMNS Table; MySQL 8.0, 28.3.8.)
    """
    if default is None or mariadb:
        return None if default == "NULL" else default
    if "default_generated" in extra or base in _NUMBERS or default.startswith("b'"):
        return default
    return "'" + default.replace("'", "''") + "'"


def _expression(text: str, mariadb: bool) -> str:
    """MySQL escapes the quotes in what it tells (bug 100607 in its tracker)."""
    return _normal(text if mariadb else text.replace("\\'", "'"))


def _check(row: Sequence[Any], mariadb: bool) -> Check:
    name, clause, enforced = row
    return Check(_expression(clause, mariadb), name, enforced=enforced != "NO")


def _foreign_keys(execute: Execute) -> Iterator[tuple[str, ForeignKey]]:
    for (table, name), rows in _grouped(execute(_FOREIGN_KEYS), 2).items():
        _, schema, parent, _, on_delete, on_update, here = rows[0]
        yield (
            table,
            ForeignKey(
                tuple(row[0] for row in rows),
                parent if here else f"{schema}.{parent}",
                tuple(row[3] for row in rows),
                _action(on_delete),
                _action(on_update),
                name=name,
            ),
        )


def _action(rule: str) -> str:
    return "NO ACTION" if rule == "RESTRICT" else rule


# -- keys -------------------------------------------------------------------------------------


def _keys(execute: Execute) -> Iterator[Index]:
    """Every index, those of PRIMARY KEY and UNIQUE clauses too."""
    for (table, name), rows in _grouped(execute(_KEYS), 2).items():
        method = str(rows[0][1]).lower()
        yield Index(
            name,
            table,
            tuple(_term(column, length, order, term) for _, _, column, length, order, term in rows),
            unique=not int(rows[0][0]),
            method="" if method == "btree" else method,
        )


def _term(
    column: str | None, length: int | None, order: str | None, expression: str | None
) -> IndexColumn:
    down = order == "D"
    if column is None:
        return IndexColumn(_expression(expression or "", mariadb=False), True, descending=down)
    return IndexColumn(column, descending=down, length=int(length or 0))


def _is_clause(key: Index) -> bool:
    """Is this a PRIMARY KEY or what the model calls a UNIQUE clause, over whole columns?"""
    return key.name == "PRIMARY" or (key.unique and parts.plain(key.columns))


def _unique(key: Index) -> Unique:
    return Unique(tuple(column.name for column in key.columns), key.name)


def _keyed(table: Table, keys: Iterable[Index]) -> Table:
    primary = next((key for key in keys if key.name == "PRIMARY"), None)
    if primary is None:
        return table
    places = {column.name: at for at, column in enumerate(primary.columns, 1)}
    columns = tuple(replace(c, primary_key=places.get(c.name, 0)) for c in table.columns)
    return replace(table, columns=columns, key_name="PRIMARY")


# -- triggers and views -----------------------------------------------------------------------


def _triggers(execute: Execute) -> Iterator[Trigger]:
    for name, table, timing, event, text in execute(_TRIGGERS):
        tokens = tokenize(text, Dialect.MYSQL)
        yield Trigger(name, table, timing, event, parts.joined(tokens), parts.mentions(tokens))


def _views(execute: Execute) -> Iterator[View]:
    for name, text, database in execute(_VIEWS):
        tokens = tokenize(str(text).replace(f"`{database}`.", ""), Dialect.MYSQL)
        yield View(name, parts.joined(tokens), (), parts.mentions(tokens))
