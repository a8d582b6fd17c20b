"""Rows that an old schema allows, as INSERT statements of the server's dialect.

What the server refuses after all (a CHECK, a trigger) is left to the server to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migsafe.model.migration import Dialect
from migsafe.model.schema import Check, Column, ForeignKey, Schema, Table, fold_name
from migsafe.replay.servers.rows import parents_first
from migsafe.replay.servers.running import named, quoted

_FIRST, _SECOND, _THIRD = 71, 72, 73
"""What plain values are made of: numbers that fit every type, and that few samples have."""
_NOBODY = 98_765
_LONG = 3000  # characters of a text whose type has no limit
_STRING = re.compile(r"'((?:[^']|'')*)'")
_LENGTH = re.compile(r"\((\d+)\)")
_LARGEST = {
    "smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1, "int": 2**31 - 1,
    "tinyint": 127, "mediumint": 2**23 - 1,
}  # fmt: skip
_FAMILIES = (
    ("boolean", ("boolean", "tinyint(1)")),
    ("json", ("json",)),
    ("integer", ("smallint", "integer", "bigint", "int", "tinyint", "mediumint", "year")),
    ("number", ("numeric", "decimal", "real", "double", "float", "money")),
    ("moment", ("timestamp", "datetime")),
    ("date", ("date",)),
    ("time", ("time",)),
    ("interval", ("interval",)),
    ("uuid", ("uuid",)),
    ("address", ("inet", "cidr")),
    ("blob", ("bytea", "blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary")),
    ("text", ("character", "text", "char", "varchar", "citext", "tinytext", "mediumtext",
              "longtext", "name", "\"char\"")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MadeRow:
    """One or more rows that go together; `told` says in words what is special about them.

    `of` groups what shows the same thing; `plain`: nothing is special, other rows may build on it.
    """

    statements: tuple[str, ...]
    table: str
    told: str
    of: tuple[str, ...]
    plain: bool = False


def made_rows(before: Schema, after: Schema, dialect: Dialect) -> tuple[MadeRow, ...]:
    """Plain rows for every table, parents first, then the rows that differ from them in one thing.

    `after` is the new schema: a text that becomes another type holds what that type can be read of.
    """
    makers = [_Maker(table, before, after, dialect) for table in parents_first(before)]
    plain = [row for maker in makers for row in maker.plain()]
    return (*plain, *(row for maker in makers for row in maker.varied()))


def family(declared: str) -> str:
    """What kind of values a canonical type has: integer, text, json, ...; "" for any other."""
    text = declared.lower()
    if text.endswith("[]"):
        return "array"
    for name, starts in _FAMILIES:
        if any(re.match(rf"{re.escape(s)}b?(?!\w)", text) for s in starts):
            return name
    return ""


class _Maker:
    """Makes the rows of one table."""

    def __init__(self, table: Table, before: Schema, after: Schema, dialect: Dialect) -> None:
        self._table = table
        self._schema = before
        self._dialect = dialect
        self._after = after.tables.get(fold_name(table.name))
        self._parents: Mapping[str, tuple[str, ...]] = dict(self._references())
        self._columns = [c for c in table.columns if not _by_itself(c)]
        self._keys = {
            fold_name(n)
            for names in (
                table.primary_key,
                *(u.columns for u in table.uniques),
                *self._unique_indexes(),
            )
            for n in names
        }

    def _unique_indexes(self) -> Iterator[tuple[str, ...]]:
        for index in self._schema.indexes.values():
            if index.unique and fold_name(index.table) == fold_name(self._table.name):
                yield tuple(c.name for c in index.columns if not c.expression)

    def plain(self) -> Iterator[MadeRow]:
        """Two rows in which every column has a value."""
        for n in (_FIRST, _SECOND):
            yield self._row({}, n, "a row", plain=True)

    def varied(self) -> Iterator[MadeRow]:
        """Rows that differ from a plain one in one column, and rows that repeat another."""
        for column in self._columns:
            for value, what in self._odd(column):
                told = f"{what} in {self._table.name}.{column.name}"
                yield self._row({column.name: value}, _THIRD, told, of=(column.name, what))
        yield self._row({}, _THIRD, "a row that nothing else matches")
        yield from self._repeated()

    def _repeated(self) -> Iterator[MadeRow]:
        same = {c.name: self._value(c, _FIRST) for c in self._columns}
        free = {n: v for n, v in same.items() if fold_name(n) not in self._keys}
        if free:
            yield self._row(free, _THIRD + 1, "two rows with the same values", of=("same",))
        for column in self._columns:
            if self._family(column) == "text" and fold_name(column.name) in free | self._lower():
                yield from self._other_case(column, free)
        for names in self._unique_groups():
            yield from self._twice_with_null(names)

    def _lower(self) -> dict[str, str]:
        return dict.fromkeys(self._keys, "")

    def _other_case(self, column: Column, free: Mapping[str, str]) -> Iterator[MadeRow]:
        given = {**free, column.name: f"upper({self._value(column, _FIRST)})"}
        told = f"two values of {self._table.name}.{column.name} that differ in case only"
        yield self._row(given, _THIRD + 2, told, of=(column.name, "case"))

    def _unique_groups(self) -> Iterator[tuple[str, ...]]:
        yield from (u.columns for u in self._table.uniques)
        yield from self._unique_indexes()

    def _twice_with_null(self, names: tuple[str, ...]) -> Iterator[MadeRow]:
        """NULLs are never the same, so that a key with one does not keep rows apart."""
        key = [c for c in self._columns if c.name in names]
        for hole in (c for c in key if not c.not_null):
            same = {c.name: self._value(c, _THIRD) for c in self._columns if c in key}
            given = {**same, hole.name: "NULL"}
            twice = [self._row(given, n, "").statements[0] for n in (_THIRD + 3, _THIRD + 4)]
            told = f"two rows of {self._table.name} that are the same but for NULL in {hole.name}"
            yield MadeRow(tuple(twice), self._table.name, told, (self._table.name, hole.name, "2"))

    def _row(
        self,
        given: Mapping[str, str],
        n: int,
        told: str,
        of: tuple[str, ...] = (),
        *,
        plain: bool = False,
    ) -> MadeRow:
        values = {c.name: given.get(c.name) or self._value(c, n) for c in self._columns}
        values = {name: value for name, value in values.items() if value}
        table = named(self._dialect, self._table.name)
        if values:
            listed = ", ".join(quoted(self._dialect, name) for name in values)
            sql = f"INSERT INTO {table} ({listed}) VALUES ({', '.join(values.values())})"
        else:
            rest = "() VALUES ()" if self._dialect is Dialect.MYSQL else "DEFAULT VALUES"
            sql = f"INSERT INTO {table} {rest}"
        said = told if " in " in told or " of " in told else f"{told} in {self._table.name}"
        return MadeRow((sql,), self._table.name, said, (self._table.name, *of), plain)

    # -- values ----------------------------------------------------------------------------------

    def _references(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Of each column that points to another table: the parent and its key."""
        for key in self._table.foreign_keys:
            parent = self._schema.tables.get(fold_name(key.ref_table))
            if parent is not None:
                yield from self._referenced(key, parent)

    @staticmethod
    def _referenced(key: ForeignKey, parent: Table) -> Iterator[tuple[str, tuple[str, ...]]]:
        targets = key.ref_columns or parent.primary_key
        for name, target in zip(key.columns, targets, strict=False):
            yield fold_name(name), (parent.name, target)

    def _guessed(self, column: Column) -> tuple[str, ...]:
        """The table that a column such as person_id seems to point to."""
        match = re.fullmatch(r"(.+?)_?id", column.name, re.IGNORECASE)
        for name in (match[1], f"{match[1]}s", f"{match[1]}es") if match else ():
            parent = self._schema.tables.get(fold_name(name))
            if parent is not None and len(parent.primary_key) == 1 and parent != self._table:
                return parent.name, parent.primary_key[0]
        return ()

    def _value(self, column: Column, n: int) -> str:
        """A plain value as SQL; "" to leave the column to its default."""
        parent = self._parents.get(fold_name(column.name)) or self._guessed(column)
        if parent:
            return self._parent_key(parent, column, n)
        chosen = self._chosen(column, n)
        return chosen or self._of(self._meant(column), column, n)

    def _parent_key(self, parent: tuple[str, ...], column: Column, n: int) -> str:
        if fold_name(parent[0]) == fold_name(self._table.name):
            return "" if column.not_null else "NULL"
        key = quoted(self._dialect, parent[1])
        skipped = 0 if n == _FIRST else 1
        table = named(self._dialect, parent[0])
        return f"(SELECT {key} FROM {table} ORDER BY 1 LIMIT 1 OFFSET {skipped})"

    def _chosen(self, column: Column, n: int) -> str:
        """A value out of those that an enum, or a CHECK, lists."""
        made = self._schema.types.get(fold_name(column.type))
        labels = list(made.labels) if made else []
        if column.type.lower().startswith("enum"):
            labels = [m.replace("''", "'") for m in _STRING.findall(column.type)]
        if not labels and family(column.type) == "text":
            labels = [x for c in self._table.checks for x in _listed(c, column)]
        return _text(labels[n % len(labels)]) if labels else ""

    def _family(self, column: Column) -> str:
        return family(column.type)

    def _meant(self, column: Column) -> str:
        """The family of the column, or of what a text of it becomes."""
        old = family(column.type)
        new = self._after.column(column.name) if self._after else None
        then = family(new.type) if new else ""
        return then if old == "text" and then else old

    def _of(self, kind: str, column: Column, n: int) -> str:
        short = n % 10
        literals = {
            "boolean": "TRUE" if n % 2 else "FALSE",
            "json": "'{}'",
            "integer": str(n),
            "number": str(n % 8),
            "moment": f"'2021-03-0{short + 1} 10:00:00'",
            "date": f"'2021-03-0{short + 1}'",
            "time": f"'10:00:0{short}'",
            "interval": "'1 day'",
            "uuid": f"'00000000-0000-4000-8000-0000000000{n}'",
            "address": f"'192.0.2.{n}'",
            "blob": f"'b{n}'",
            "array": "'{}'",
        }
        if kind in literals:
            bare = literals[kind]
            return _text(bare.strip("'")) if family(column.type) == "text" else bare
        if kind == "text":
            return _text(f"{column.name} {n}"[-(_limit(column) or 60) :])
        return "" if column.not_null else "NULL"

    def _odd(self, column: Column) -> Iterator[tuple[str, str]]:
        """Values that a type allows and few people think of."""
        if not column.not_null:
            yield "NULL", "NULL"
        kind = family(column.type)
        declared = self._parents.get(fold_name(column.name))
        if not declared and (parent := self._guessed(column)) and kind == "integer":
            yield str(_NOBODY), f"a number that no row of {parent[0]} has"
        elif kind == "integer" and not declared:
            base = column.type.lower().partition("(")[0].split()[0]
            yield "0", "0"
            yield str(_LARGEST.get(base, 127)), "the largest number"
        elif kind == "text":
            yield from self._odd_texts(column)
        elif kind == "blob":
            yield "repeat('b', 255)", "255 bytes"
        elif kind == "json":
            yield "'null'", "the JSON value null"

    def _odd_texts(self, column: Column) -> Iterator[tuple[str, str]]:
        yield "''", "an empty text"
        size = _limit(column) or _LONG
        meant = self._meant(column)
        if meant == "json":
            yield """'{"a": "\\u0000"}'""", "JSON with an escaped NUL"
        elif meant == "text":
            yield f"repeat('x', {size})", f"a text of {size} characters"
        else:
            yield "'x'", f"a text that is no {meant}"


def _by_itself(column: Column) -> bool:
    """Does the server give the value: an identity, a serial, a generated column?"""
    numbered = "nextval(" in (column.default or "").lower()
    return bool(column.generated or column.identity or numbered)


def _listed(check: Check, column: Column) -> list[str]:
    if not re.search(rf"(?<!\w){re.escape(column.name)}(?!\w)", check.expression, re.IGNORECASE):
        return []
    return [m.replace("''", "'") for m in _STRING.findall(check.expression)]


def _limit(column: Column) -> int:
    found = _LENGTH.search(column.type)
    return int(found[1]) if found else 0


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
