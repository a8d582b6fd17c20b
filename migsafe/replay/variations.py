"""Made-up old data: small changes to a sampled database that its old schema allows.

No sampled row may show what breaks a migration. Each variation changes one thing: a row like one
that is there but for one value, one value in place, a row or a table's rows gone. Values are those
that the new demands of migrations fail on (NULL, a duplicate, an orphan, an empty or unlisted text,
a text in other letter case or without its delimiter) and the literals of the migration's own
statements.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from migsafe.model.migration import Dialect
from migsafe.model.schema import Column, ForeignKey, Schema, Table, fold_name
from migsafe.sql.tokens import NUMBER, STRING, quoted, tokenize

Asks = Callable[[str], object]
"""Runs a SELECT on the old database and gives the first value of its first row, or None."""

_LITERALS = 24
_DELIMITERS = re.compile(r"[^\w\s]")
_UNLISTED = "zz-unlisted"


@dataclass(frozen=True, slots=True)
class Variation:
    """One change of the old database: its statements, and what it is in words without values.

    `shrinks`: rows are taken away, so that invariants about certain rows prove nothing.
    """

    statements: tuple[str, ...]
    shape: str
    table: str = ""
    column: str = ""
    shrinks: bool = False


@dataclass(frozen=True, slots=True)
class _Value:
    """A value for one column as SQL over the row itself, and what it is in words."""

    sql: str
    words: str
    pair: bool = False  # it makes sense beside the row that it was made from, not instead of it


def variations(
    schema: Schema,
    tables: Sequence[str],
    named: Iterable[tuple[str, str]],
    literals: Sequence[str],
    ask: Asks,
    *,
    orphans: bool,
) -> Iterator[Variation]:
    """All variations of these tables, the most telling first.

    `named` are the (table, column) pairs that statements name; `literals` SQL literals of the
    migration; `orphans`: may a foreign key point to nothing, because the app does not enforce it?
    """
    first = {(fold_name(t), fold_name(c)) for t, c in named}
    makers = [
        _Maker(schema, table, literals[:_LITERALS], ask, orphans)
        for name in tables
        if (table := schema.table(name)) and not table.virtual and table.columns
    ]
    streams = [m.alike() for m in makers]
    streams += [m.of_column(c) for m in makers for c in m.table.columns if m.key(c) in first]
    streams += [m.removals() for m in makers]
    streams += [m.of_column(c) for m in makers for c in m.table.columns if m.key(c) not in first]
    yield from _in_turn(streams)
    everything = tuple(f"DELETE FROM {quoted(m.table.name)}" for m in makers)
    yield Variation(everything, "no row in any table", shrinks=True)


def _in_turn(streams: list[Iterator[Variation]]) -> Iterator[Variation]:
    """One of each stream after the other, so that a budget cuts all of them alike."""
    while streams:
        left = []
        for stream in streams:
            item = next(stream, None)
            if item is not None:
                yield item
                left.append(stream)
        streams = left


def literals_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The distinct string and number literals of SQL texts, in the order they come."""
    found: dict[str, None] = {}
    for text in texts:
        for token in tokenize(text, Dialect.SQLITE):
            if token.kind in {STRING, NUMBER} and 0 < len(token.text) <= 60:
                found.setdefault(token.text)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the variations of one table."""

    schema: Schema
    table: Table
    literals: Sequence[str]
    ask: Asks
    orphans: bool

    def key(self, column: Column) -> tuple[str, str]:
        """The folded (table, column) pair."""
        return fold_name(self.table.name), fold_name(column.name)

    # -- rows -------------------------------------------------------------------------------------

    def alike(self) -> Iterator[Variation]:
        """A second row like one that is there, but for what must be unique."""
        if self._is_empty():
            yield from self._first_row()
            return
        shape = f"two rows of {self.table.name} that are alike but for their key"
        yield Variation((self._clone({}),), shape, self.table.name)

    def removals(self) -> Iterator[Variation]:
        """A row missing, all rows missing."""
        name = self.table.name
        if self._is_empty():
            return
        shape = f"no row in {name}"
        yield Variation((f"DELETE FROM {quoted(name)}",), shape, name, shrinks=True)
        if not self.table.without_rowid:
            one = f"DELETE FROM {quoted(name)} WHERE {self._one('min')}"
            yield Variation((one,), f"one row of {name} missing", name, shrinks=True)

    def _is_empty(self) -> bool:
        return self.ask(f"SELECT 1 FROM {quoted(self.table.name)} LIMIT 1") is None

    def _one(self, which: str) -> str:
        return f"rowid = (SELECT {which}(rowid) FROM {quoted(self.table.name)})"

    def _first_row(self) -> Iterator[Variation]:
        """Rows for a table that is empty in the sample, with nothing in it but what is demanded."""
        needed = [c for c in self.table.columns if _demanded(c) or self._foreign(c)]
        choices = [self._simple(c) for c in needed]
        names = ", ".join(quoted(c.name) for c in needed)
        for values in itertools.islice(itertools.product(*choices), 4):
            row = f"({names}) VALUES ({', '.join(values)})" if needed else "DEFAULT VALUES"
            sql = f"INSERT INTO {quoted(self.table.name)} {row}"
            yield Variation((sql,), f"a row in {self.table.name}", self.table.name)

    def _simple(self, column: Column) -> list[str]:
        foreign = self._foreign(column)
        if foreign:
            return [self._parent_key(foreign)]
        checks = [c.expression for c in self.table.checks if column.name.lower() in c.expression]
        listed = [x for x in literals_of(checks) if x.startswith("'") == _is_text(column)]
        return [*listed[:3], "'made'" if _is_text(column) else "1"]

    def _parent_key(self, foreign: ForeignKey) -> str:
        parent = self.schema.table(foreign.ref_table)
        names = foreign.ref_columns or (parent.primary_key if parent else ())
        name = names[0] if names else "rowid"
        return f"(SELECT {quoted(name)} FROM {quoted(foreign.ref_table)} LIMIT 1)"

    def _clone(self, changed: dict[str, str]) -> str:
        """INSERT a copy of the first row with these columns changed and its keys made fresh."""
        fresh = {**self._fresh(set(changed)), **changed}
        columns = [c for c in self.table.columns if not c.generated]
        values = (fresh.get(fold_name(c.name), quoted(c.name)) for c in columns)
        name = quoted(self.table.name)
        order = "" if self.table.without_rowid else " ORDER BY rowid"
        return (
            f"INSERT INTO {name} ({', '.join(quoted(c.name) for c in columns)})"
            f" SELECT {', '.join(values)} FROM {name}{order} LIMIT 1"
        )

    def _fresh(self, kept: set[str]) -> dict[str, str]:
        """Per unique key one column that gets a value of its own."""
        fresh: dict[str, str] = {}
        for key in self._keys():
            names = [fold_name(n) for n in key]
            if any(n in fresh or n in kept for n in names if len(names) > 1 or n in kept):
                continue
            free = [n for n in names if not self._foreign_name(n)] or names
            column = self.table.column(free[-1])
            if column is not None:
                fresh[free[-1]] = self._new(column)
        return fresh

    def _keys(self) -> Iterator[tuple[str, ...]]:
        if self.table.primary_key:
            yield self.table.primary_key
        for unique in self.table.uniques:
            yield unique.columns
        for index in self.schema.indexes.values():
            plain = not any(term.expression for term in index.columns)
            if index.unique and plain and fold_name(index.table) == fold_name(self.table.name):
                yield tuple(term.name for term in index.columns)

    def _new(self, column: Column) -> str:
        name, table = quoted(column.name), quoted(self.table.name)
        if _is_text(column):
            return f"{name} || '-made'"
        return f"(SELECT coalesce(max({name}), 0) + 1 FROM {table})"

    # -- values -----------------------------------------------------------------------------------

    def of_column(self, column: Column) -> Iterator[Variation]:
        """Rows that differ in this column, added beside the others or in place of one."""
        if column.generated or self._is_empty():
            return
        name, place = self.table.name, fold_name(column.name)
        for value in self._values(column):
            added = self._clone({place: value.sql})
            yield Variation((added,), f"a row of {name} {value.words}", name, column.name)
            if column.primary_key or value.pair or self.table.without_rowid:
                continue
            changed = (
                f"UPDATE {quoted(name)} SET {quoted(column.name)} = {value.sql}"
                f" WHERE {self._one('max')}"
            )
            yield Variation((changed,), f"a row of {name} {value.words}", name, column.name)

    def _values(self, column: Column) -> Iterator[_Value]:
        name = column.name
        if not column.not_null and not column.primary_key:
            yield _Value("NULL", f"with {name} NULL")
        if self._foreign(column):
            if self.orphans:
                yield _Value(self._orphan(column), f"whose {name} points to no row")
            return
        text = _is_text(column)
        # A key that the migration seeds is its own: no old row will have chosen it.
        for literal in () if column.primary_key else self.literals:
            if literal.startswith("'") == text:
                yield _Value(literal, f"with {name} {literal}")
        other = quoted(name)
        yield _Value(
            f"(SELECT o.{other} FROM {quoted(self.table.name)} AS o"
            f" WHERE o.{other} IS NOT {quoted(self.table.name)}.{other} LIMIT 1)",
            f"with another row's {name}",
        )
        yield from self._texts(column) if text else self._numbers(column)

    def _texts(self, column: Column) -> Iterator[_Value]:
        name = column.name
        seen = self.ask(
            f"SELECT {quoted(name)} FROM {quoted(self.table.name)}"
            f" WHERE typeof({quoted(name)}) = 'text' LIMIT 1"
        )
        yield _Value("''", f"with an empty {name}")
        yield _Value(f"'{_UNLISTED}'", f"with a {name} that nothing lists")
        if not isinstance(seen, str):
            return
        if seen.swapcase() != seen:
            swapped = "upper" if seen.upper() != seen else "lower"
            words = f"whose {name} differs from another only in letter case"
            yield _Value(f"{swapped}({quoted(name)})", words, pair=True)
        yield _Value(f"{quoted(name)} || ' '", f"with a space at the end of {name}", pair=True)
        for mark in list(dict.fromkeys(_DELIMITERS.findall(seen)))[:4]:
            literal = "'" + mark.replace("'", "''") + "'"
            words = f"whose {name} has no {literal}"
            yield _Value(f"replace({quoted(name)}, {literal}, '')", words)

    def _numbers(self, column: Column) -> Iterator[_Value]:
        for number in ("0", "-1", "9007199254740993"):
            yield _Value(number, f"with {column.name} {number}")

    def _foreign(self, column: Column) -> ForeignKey | None:
        return self._foreign_name(fold_name(column.name))

    def _foreign_name(self, name: str) -> ForeignKey | None:
        return next(
            (f for f in self.table.foreign_keys if [fold_name(c) for c in f.columns] == [name]),
            None,
        )

    def _orphan(self, column: Column) -> str:
        if _is_text(column):
            return "'no-such-row'"
        return f"(SELECT coalesce(max({quoted(column.name)}), 0) + 1000003 FROM " + (
            f"{quoted(self.table.name)})"
        )


def _demanded(column: Column) -> bool:
    return column.not_null and column.default is None and not column.generated


def _is_text(column: Column) -> bool:
    kind = column.type.upper()
    if "INT" in kind:
        return False
    return not kind or any(word in kind for word in ("CHAR", "CLOB", "TEXT", "BLOB", "JSON"))
