"""Made-up old data: small changes to a sampled database that its old schema allows.

No sampled row may show what breaks a migration. Each variation changes one thing: a row like one
that is there but for one value, one value in place, a row or a table's rows gone. Values are those
that the new demands of migrations fail on (NULL, a duplicate, an orphan, an empty or unlisted text,
a text in other letter case or without its delimiter) and the literals of the migration's own
statements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from migsafe.model.migration import Dialect
from migsafe.model.schema import Column, Table, fold_name
from migsafe.model.variation import Ground, Variation
from migsafe.schema.rows import Rows, is_text
from migsafe.sql.tokens import NUMBER, STRING, quoted, tokenize

Asks = Callable[[str], object]
"""Runs a SELECT on the old database and gives the first value of its first row, or None."""

_LITERALS = 24
_DELIMITERS = re.compile(r"\W")
_UNLISTED = "zz-unlisted"


@dataclass(frozen=True, slots=True)
class _Value:
    """A value for one column as SQL over the row itself, and what it is in words."""

    sql: str
    words: str
    pair: bool = False  # it makes sense beside the row that it was made from, not instead of it


def variations(ground: Ground, ask: Asks) -> Iterator[Variation]:
    """All variations of the ground's tables, the most telling first."""
    makers = [
        _Maker(Rows(ground.schema, table), ground, ask)
        for name in ground.tables
        if (table := ground.schema.table(name)) and not table.virtual and table.columns
    ]
    streams = [m.alike() for m in makers]
    streams += [m.of_column(c) for m in makers for c in m.columns(named=True)]
    streams += [m.removals() for m in makers]
    streams += [m.of_column(c) for m in makers for c in m.columns(named=False)]
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
    """Makes the variations of one table; one that is empty in the sample is filled first."""

    rows: Rows
    ground: Ground
    ask: Asks

    @property
    def table(self) -> Table:
        """The table itself."""
        return self.rows.table

    def columns(self, *, named: bool) -> Iterator[Column]:
        """The columns that statements name, or the others."""
        name = fold_name(self.table.name)
        for column in self.table.columns:
            if ((name, fold_name(column.name)) in self.ground.named) is named:
                yield column

    def _vary(self, statement: str, words: str, column: str = "") -> Variation:
        first = self.ground.first(self.table.name)
        return Variation((*first, statement), words, self.table.name, column)

    # -- rows -------------------------------------------------------------------------------------

    def alike(self) -> Iterator[Variation]:
        """A second row like one that is there, but for what must be unique."""
        if self._is_empty():
            return
        name = self.table.name
        yield from self._first_rows()
        yield self._vary(
            self.rows.clone({}), f"two rows of {name} that are alike but for their key"
        )

    def _first_rows(self) -> Iterator[Variation]:
        first, name = self.ground.first(self.table.name), self.table.name
        own = [s for s in first if s.startswith(f"INSERT INTO {quoted(name)} ")]
        for count in range(1, len(own) + 1):
            words = f"a row in {name}" if count == 1 else f"{count} rows in {name}"
            yield Variation(first[: len(first) - len(own) + count], words, name)

    def removals(self) -> Iterator[Variation]:
        """A row missing, all rows missing."""
        name = self.table.name
        if self._is_empty() or self.ground.first(name):
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

    # -- values -----------------------------------------------------------------------------------

    def of_column(self, column: Column) -> Iterator[Variation]:
        """Rows that differ in this column, added beside the others or in place of one."""
        if column.generated or self._is_empty():
            return
        name, place = self.table.name, fold_name(column.name)
        for value in self._values(column):
            words = f"a row of {name} {value.words}"
            yield self._vary(self.rows.clone({place: value.sql}), words, column.name)
            if column.primary_key or value.pair or self.table.without_rowid:
                continue
            changed = (
                f"UPDATE {quoted(name)} SET {quoted(column.name)} = {value.sql}"
                f" WHERE {self._one('max')}"
            )
            yield self._vary(changed, words, column.name)

    def _values(self, column: Column) -> Iterator[_Value]:
        name = column.name
        if not column.not_null and not column.primary_key:
            yield _Value("NULL", f"with {name} NULL")
        if self.rows.foreign(name):
            if self.ground.orphans:
                yield _Value(self.rows.orphan(column), f"whose {name} points to no row")
            return
        text = is_text(column)
        # A key that the migration seeds is its own: no old row will have chosen it.
        for literal in () if column.primary_key else self.ground.literals[:_LITERALS]:
            if literal.startswith("'") == text:
                yield _Value(literal, f"with {name} {literal}")
        yield _Value(self.rows.another(column), f"with another row's {name}")
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
            cell = quoted(name)
            words = f"whose {name} has no {literal}"
            yield _Value(f"replace({cell}, {literal}, '')", words)
            yield _Value(f"{cell} || {literal} || {cell}", f"whose {name} has a part twice")
            yield _Value(f"{cell} || {literal}", f"whose {name} has an empty part")

    def _numbers(self, column: Column) -> Iterator[_Value]:
        for number in ("0", "-1", "9007199254740993"):
            yield _Value(number, f"with {column.name} {number}")
