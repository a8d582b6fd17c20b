"""What `fold` computes from statements is what `inspect` reads after running them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migsafe.model.migration import Dialect
from migsafe.model.schema import Schema, Table, fold_name
from migsafe.schema.diff import diff
from migsafe.schema.fold import fold
from migsafe.schema.inspect import inspect
from migsafe.schema.names import used
from migsafe.sql.parse import operations

T = TypeVar("T")

TABLES = ("t", "Users", "order", "two words", 'quo"te', "ünder", "key_value")
COLUMNS = ("id", "a", "B", "name", "group", "e f", "naïve", 'q"q', "value_2")
NAMES = ("i1", "I2", "index", "odd name", "tr", "v")
_BARE = {"t", "Users", "ünder", "key_value", "id", "a", "B", "name", "naïve", "value_2",
         "i1", "I2", "tr", "v"}  # fmt: skip
TYPES = ("", "INTEGER", "text", "VARCHAR(20)", "DECIMAL(10, 2)", "unsigned  big int", "BLOB")
STRICT_TYPES = ("INTEGER", "TEXT", "REAL", "ANY")
DEFAULTS = ("1", "-2.5", "'it''s'", "NULL", "CURRENT_TIMESTAMP", "(1 + 2)", "x'00'")
ACTIONS = ("CASCADE", "SET NULL", "RESTRICT", "SET DEFAULT", "NO ACTION")


class Writer:
    """Writes one statement, mostly valid, for the schema as it is: odd names, every clause."""

    def __init__(self, data: st.DataObject, schema: Schema) -> None:
        self._data = data
        self._schema = schema

    def statement(self) -> str:
        kinds = [self.create_table]
        if self._schema.tables:
            kinds += [self.create_table, self.add_column, self.add_column, self.rename_column,
                      self.rename_column, self.rename_column, self.rename_table,
                      self.rename_table, self.drop_column, self.drop_column, self.create_index,
                      self.create_index, self.create_trigger, self.create_view,
                      self.drop]  # fmt: skip
        return self.pick(kinds)()

    def pick(self, values: Iterable[T]) -> T:
        return self._data.draw(st.sampled_from(list(values)))

    def some(self, values: Iterable[T], most: int) -> list[T]:
        return self._data.draw(
            st.lists(st.sampled_from(list(values)), min_size=1, max_size=most, unique=True)
        )

    def maybe(self, text: str, odds: int = 3) -> str:
        return text if self._data.draw(st.integers(0, odds)) == 0 else ""

    def name(self, name: str) -> str:
        styles = ['"' + name.replace('"', '""') + '"']
        if '"' not in name:
            styles += [f"[{name}]", f"`{name}`"]
        if name in _BARE:
            styles += [name, name, name.upper() if name.isascii() else name]
        return self.pick(styles)

    def table(self) -> Table:
        return self.pick(self._schema.tables.values())

    def column(self, table: Table) -> str:
        return self.name(self.pick(table.columns).name)

    # -- tables

    def create_table(self) -> str:
        strict = self.maybe("x", 4) != ""
        names = self.some(COLUMNS, 5)
        key = self.pick(("", "column", "table"))
        parts = [self._definition(n, names, strict, "first" if key == "column" else "", i)
                 for i, n in enumerate(names)]  # fmt: skip
        parts += self._constraints(names, key)
        options = [o for o in (strict and "STRICT", key and self.maybe("WITHOUT ROWID")) if o]
        lenient = self.maybe("IF NOT EXISTS ")
        name = self.name(self.pick(self._free() or ["spare"]))
        return f"CREATE TABLE {lenient}{name} ({', '.join(parts)}) {', '.join(options)}"

    def _free(self) -> list[str]:
        # Made anew under a view that outlived it, a table may lack the view's columns: SQLite
        # then takes their names in double quotes for text, which no reader can foresee.
        texts = [v.select for v in self._schema.views.values()]
        texts += [t.body for t in self._schema.triggers.values()]
        awaited = {name for text in texts for name in used(text)}
        return [n for n in TABLES if fold_name(n) not in awaited]

    def _definition(self, name: str, names: list[str], strict: bool, key: str, at: int) -> str:
        parts = [self.name(name), self.pick(STRICT_TYPES if strict else TYPES)]
        if key and at == 0:
            parts.append(
                self.pick(("PRIMARY KEY", "PRIMARY KEY AUTOINCREMENT", "primary key desc"))
            )
            if "AUTO" in parts[-1]:
                parts[1] = "INTEGER"
        if at > 0 and self.maybe("x", 6):
            other = self.name(names[0])
            parts.append(
                self.pick((f"GENERATED ALWAYS AS ({other} || 'x')", f"AS ({other}) STORED"))
            )
            return " ".join(parts)
        return " ".join([*parts, *self._column_clauses(name)])

    def _column_clauses(self, name: str) -> list[str]:
        clauses = [
            self.maybe("NOT NULL"),
            self.maybe("UNIQUE", 5),
            self.maybe(f"DEFAULT {self.pick(DEFAULTS)}"),
            self.maybe(f"COLLATE {self.pick(('NOCASE', 'rtrim', 'BINARY'))}"),
            self.maybe(f"CONSTRAINT c1 CHECK ({self.name(name)} <> 'a''b' /* why */)", 4),
            self.maybe(f"CHECK (length( {self.name(name)} )>0 AND 1 IN (1,2))", 4),
            self.maybe(self.references(), 4),
        ]
        return [c for c in clauses if c]

    def references(self) -> str:
        parent = self.name(self.pick(TABLES))
        columns = self.pick(("", f"({self.name(self.pick(COLUMNS))})"))
        actions = self.maybe(f" ON DELETE {self.pick(ACTIONS)}")
        actions += self.maybe(f" ON UPDATE {self.pick(ACTIONS)}")
        actions += self.maybe(" DEFERRABLE INITIALLY DEFERRED", 5)
        return f"REFERENCES {parent} {columns}{actions}"

    def _constraints(self, names: list[str], key: str) -> list[str]:
        listed = ", ".join(self.name(n) for n in self.some(names, 2))
        parts = [f"PRIMARY KEY ({listed})"] if key == "table" else []
        one = self.name(self.pick(names))
        parts += [
            self.maybe(f'CONSTRAINT "u 1" UNIQUE ({listed})'),
            self.maybe(f"FOREIGN KEY ({one}) {self.references()}", 4),
            self.maybe(
                f"CONSTRAINT chk CHECK ({one} IS NOT NULL OR {listed.split(', ')[0]} > 0)", 3
            ),
        ]
        return [p for p in parts if p]

    def add_column(self) -> str:
        table = self.table()
        name = self.pick(COLUMNS)
        clauses = " ".join(self._column_clauses(name))
        column = self.maybe("COLUMN ", 1)
        type_ = self.pick(STRICT_TYPES if table.strict else TYPES)
        return (
            f"ALTER TABLE {self.name(table.name)} ADD {column}{self.name(name)} {type_} {clauses}"
        )

    def drop_column(self) -> str:
        table = self.table()
        return f"ALTER TABLE {self.name(table.name)} DROP COLUMN {self.column(table)}"

    def rename_column(self) -> str:
        table = self.table()
        old, new = self.column(table), self.name(self.pick(COLUMNS))
        return f"ALTER TABLE {self.name(table.name)} RENAME COLUMN {old} TO {new}"

    def rename_table(self) -> str:
        old, new = self.name(self.table().name), self.name(self.pick(TABLES))
        return f"ALTER TABLE {old} RENAME TO {new}"

    def drop(self) -> str:
        schema = self._schema
        known = {
            "TABLE": [t.name for t in schema.tables.values()],
            "INDEX": [i.name for i in schema.indexes.values()],
            "TRIGGER": [t.name for t in schema.triggers.values()],
            "VIEW": [v.name for v in schema.views.values()],
        }
        kind = self.pick(known)
        name = self.pick(known[kind] or ["absent"])
        return f"DROP {kind} {self.maybe('IF EXISTS ')}{self.name(name)}"

    # -- indexes, triggers, views

    def create_index(self) -> str:
        table = self.table()
        column = self.column(table)
        terms = [
            column + self.maybe(" COLLATE nocase") + self.maybe(" DESC"),
            self.pick((f"lower({column})", f"{self.column(table)} || 'x'", self.column(table))),
        ]
        if self.maybe("x", 1):
            terms = terms[:1]
        where = self.maybe(f" WHERE {self.column(table)} IS NOT NULL AND 'a' <> 'b'")
        unique = self.maybe("UNIQUE ")
        name, on = self.name(self.pick(NAMES)), self.name(table.name)
        return f"CREATE {unique}INDEX {name} ON {on} ({', '.join(terms)}){where}"

    def create_trigger(self) -> str:
        table, other = self.table(), self.table()
        one, two = self.column(table), self.column(other)
        event = self.pick(("INSERT", "DELETE", f"UPDATE OF {one}", "UPDATE"))
        row = "OLD" if event == "DELETE" else "new"
        to = self.name(other.name)
        body = self.pick((
            f"UPDATE {to} SET {two} = {row}.{one} WHERE {to}.{two} > 1",
            f"DELETE FROM {to} WHERE {two} IN (SELECT {one} FROM {self.name(table.name)})",
            f"INSERT INTO {to} ({two}) VALUES ({row}.{one}) ",
            f"SELECT x.{two} FROM {to} AS x, {self.name(table.name)} ORDER BY {two}",
        ))  # fmt: skip
        when = self.maybe(f"WHEN {row}.{one} IS NOT NULL ")
        timing = self.pick(("", "BEFORE ", "AFTER "))
        name, on = self.name(self.pick(NAMES)), self.name(table.name)
        return f"CREATE TRIGGER {name} {timing}{event} ON {on} {when}BEGIN {body}; END"

    def create_view(self) -> str:
        table, other = self.table(), self.table()
        t, o = self.name(table.name), self.name(other.name)
        one, two = self.column(table), self.column(other)
        select = self.pick((
            f"SELECT {one} FROM {t} WHERE {one} > 'x'",
            f"SELECT {t}.{one}, {two} AS out FROM {t} JOIN {o} y ON y.{two} = {t}.{one}",
            f"SELECT count(*) FROM {t} , {o} GROUP BY {one}",
            f"WITH c AS (SELECT {one} FROM {t}) SELECT * FROM c",
            f"SELECT * FROM (SELECT {one} AS k FROM {t}) WHERE k NOT IN (SELECT {two} FROM {o})",
        ))  # fmt: skip
        columns = self.maybe(" (k1)", 5)
        return f"CREATE VIEW {self.name(self.pick(NAMES))}{columns} AS {select}"


_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large]


def _run(data: st.DataObject, steps: int) -> None:
    schema = Schema()
    history = []
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        for _ in range(steps):
            sql = Writer(data, schema).statement()
            try:
                database.execute(sql)
            except sqlite3.Error:
                folded(schema, sql)  # whatever it gives, it does not raise
                continue
            history.append(sql)
            schema = folded(schema, sql)
            live = inspect(database)
            assert_agree(schema, live, history)


def folded(schema: Schema, sql: str) -> Schema:
    for operation in operations(sql, Dialect.SQLITE):
        schema = fold(schema, operation, Dialect.SQLITE)
    return schema


def assert_agree(schema: Schema, live: Schema, history: list[str]) -> None:
    told = "\n".join(history)
    assert schema.complete, told
    assert diff(schema, live) == (), told
    assert diff(live, schema) == (), told
    assert list(map(ordered, schema.tables.values())) == [
        ordered(live.tables[key]) for key in schema.tables
    ], told


def ordered(table: Table) -> Table:
    """The table with its constraints sorted: its value does not say which came with a column.

    Renaming `id` to `ID`, SQLite leaves the `id` of a UNIQUE clause that repeats the key.
    """
    uniques = (replace(u, columns=tuple(map(fold_name, u.columns))) for u in table.uniques)
    return replace(
        table,
        uniques=tuple(sorted(uniques, key=repr)),
        foreign_keys=tuple(sorted(table.foreign_keys, key=repr)),
        checks=tuple(sorted(table.checks, key=repr)),
    )


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=_CHECKS)
@given(st.data())
def test_fold_agrees_with_a_live_database(data: st.DataObject) -> None:
    _run(data, 8)


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=_CHECKS)
@given(st.data())
def test_fold_agrees_with_a_live_database_after_long_histories(data: st.DataObject) -> None:
    _run(data, 25)
