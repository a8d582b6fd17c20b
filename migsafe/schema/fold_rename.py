"""The schema after a table or a column got another name: everything that names it follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from migsafe.model.migration import Dialect
from migsafe.model.schema import (
    Column,
    ForeignKey,
    Index,
    Schema,
    Table,
    Trigger,
    View,
    fold_name,
)
from migsafe.schema import names
from migsafe.sql.reader import mentions
from migsafe.sql.tokens import tokenize

T = TypeVar("T")


def _each(objects: Mapping[str, T], change: Callable[[T], T]) -> Mapping[str, T]:
    """The same mapping where nothing in it changed; unchanged values stay the same objects."""
    changed = {k: new for k, v in objects.items() if (new := change(v)) is not v}
    return {**objects, **changed} if changed else objects


def _kept(before: T, after: T) -> T:
    return before if after == before else after


# -- a table ----------------------------------------------------------------------------------


def renamed_table(schema: Schema, key: str, new_key: str, new: str, dialect: Dialect) -> Schema:
    """The schema in which the table under `key` is called `new`.

    As SQLite 3.26 and later do it, indexes, triggers, views and the foreign keys of all tables
    follow (lang_altertable.html#alter_table_rename). MySQL leaves views and trigger bodies alone.
    """
    old = schema.tables[key].name
    tables = {new_key if k == key else k: v for k, v in schema.tables.items()}
    tables[new_key] = _own_name(tables[new_key], old, new)
    texts = dialect is not Dialect.MYSQL
    return replace(
        schema,
        tables=_each(tables, lambda t: _pointed(t, old, new)),
        indexes=_each(schema.indexes, lambda i: _index_on(i, old, new)),
        triggers=_each(schema.triggers, lambda t: _trigger_on(t, old, new, texts)),
        views=_each(schema.views, lambda v: _view_of(v, old, new)) if texts else schema.views,
    )


def _own_name(table: Table, old: str, new: str) -> Table:
    return replace(
        table,
        name=new,
        columns=tuple(
            replace(c, generated=names.requalified(c.generated, old, new)) for c in table.columns
        ),
        checks=tuple(
            replace(c, expression=names.requalified(c.expression, old, new)) for c in table.checks
        ),
    )


def _same(a: str, b: str) -> bool:
    return fold_name(a) == fold_name(b)


def _pointed(table: Table, old: str, new: str) -> Table:
    """The table with its foreign keys to the old name turned to the new one."""
    if not any(_same(f.ref_table, old) for f in table.foreign_keys):
        return table
    keys = (replace(f, ref_table=new) if _same(f.ref_table, old) else f for f in table.foreign_keys)
    return replace(table, foreign_keys=tuple(keys))


def _index_on(index: Index, old: str, new: str) -> Index:
    if not _same(index.table, old):
        return index
    columns = tuple(
        replace(c, name=names.requalified(c.name, old, new)) if c.expression else c
        for c in index.columns
    )
    where = names.requalified(index.where, old, new)
    return replace(index, table=new, columns=columns, where=where)


def _trigger_on(trigger: Trigger, old: str, new: str, texts: bool) -> Trigger:
    table = new if _same(trigger.table, old) else trigger.table
    if table == trigger.table and names.absent(trigger.body, old) and _free(trigger.mentions, old):
        return trigger
    body = names.with_table(trigger.body, old, new) if texts else trigger.body
    named = _mentions(body, trigger.mentions, old, new)
    return _kept(trigger, replace(trigger, table=table, body=body or "", mentions=named))


def _view_of(view: View, old: str, new: str) -> View:
    if names.absent(view.select, old) and _free(view.mentions, old):
        return view
    select = names.with_table(view.select, old, new)
    named = _mentions(select, view.mentions, old, new)
    return _kept(view, replace(view, select=select or "", mentions=named))


def _free(named: tuple[str, ...], name: str) -> bool:
    return fold_name(name) not in named


def _mentions(text: str | None, before: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    if text:
        return mentions(tokenize(text, Dialect.SQLITE))
    return tuple(sorted({fold_name(new) if _same(m, old) else m for m in before}))


# -- a column ---------------------------------------------------------------------------------


def renamed_column(schema: Schema, key: str, old: str, new: str, dialect: Dialect) -> Schema:
    """The schema in which the column `old` of the table under `key` is called `new`.

    Keys, checks, indexes, foreign keys of other tables, triggers and views follow
    (lang_altertable.html#alter_table_rename_column). A view or trigger whose text does not settle
    which column is meant keeps its name and loses its text.
    """
    table = schema.tables[key]
    scope = _Scope(schema, table.name, old, new)
    tables = {k: scope.own(t) if k == key else scope.child(t) for k, t in schema.tables.items()}
    texts = dialect is not Dialect.MYSQL
    return replace(
        schema,
        tables=tables,
        indexes=_each(schema.indexes, scope.index),
        triggers=_each(schema.triggers, scope.trigger) if texts else schema.triggers,
        views=_each(schema.views, scope.view) if texts else schema.views,
    )


def without_column(schema: Schema, key: str, column: str) -> Schema:
    """The schema after that column is gone, as far as triggers and views are concerned.

    SQLite lets a name in double quotes that is no longer a column pass as text, and may rewrite
    it so (quirks.html, section 8): what such a trigger or view says is then not known.
    """
    table = fold_name(schema.tables[key].name)

    def lost(text: str) -> bool:
        return names.mentioned(text, column) and table in names.used(text)

    return replace(
        schema,
        triggers=_each(schema.triggers, lambda t: replace(t, body="") if lost(t.body) else t),
        views=_each(schema.views, lambda v: replace(v, select="") if lost(v.select) else v),
    )


class _Scope:
    """One column's new name, applied to one object after the other."""

    def __init__(self, schema: Schema, table: str, old: str, new: str) -> None:
        self._schema = schema
        self._table = table
        self._old = old
        self._new = new

    def own(self, table: Table) -> Table:
        """The table itself."""
        return replace(
            table,
            columns=tuple(map(self._column, table.columns)),
            uniques=tuple(replace(u, columns=self._names(u.columns)) for u in table.uniques),
            foreign_keys=tuple(
                replace(self._reference(f), columns=self._names(f.columns))
                for f in table.foreign_keys
            ),
            checks=tuple(
                replace(c, expression=self._expression(c.expression)) for c in table.checks
            ),
        )

    def child(self, table: Table) -> Table:
        """Another table: its foreign keys may point here."""
        keys = tuple(map(self._reference, table.foreign_keys))
        return table if keys == table.foreign_keys else replace(table, foreign_keys=keys)

    def index(self, index: Index) -> Index:
        """An index: its terms and predicate."""
        if not _same(index.table, self._table):
            return index
        terms = tuple(
            replace(c, name=self._expression(c.name) if c.expression else self._name(c.name))
            for c in index.columns
        )
        return _kept(index, replace(index, columns=terms, where=self._expression(index.where)))

    def trigger(self, trigger: Trigger) -> Trigger:
        """A trigger: its event and body."""
        rows = _same(trigger.table, self._table)
        event = names.in_event(trigger.event, self._old, self._new) if rows else trigger.event
        body = self._text(trigger.body, rows=rows)
        return _kept(trigger, replace(trigger, event=event, body=body))

    def view(self, view: View) -> View:
        """A view: its SELECT."""
        return _kept(view, replace(view, select=self._text(view.select, rows=False)))

    def _text(self, text: str, *, rows: bool) -> str:
        far = not rows and names.absent(text, self._table)
        if far or names.absent(text, self._old):
            return text
        others = names.used(text) - {fold_name(self._table)}
        sole = all(map(self._lacks, others))
        used = fold_name(self._table) in names.used(text)
        scope = names.Scope(self._table, rows=rows, used=used, sole=sole)
        return names.with_column(text, scope, self._old, self._new) or ""

    def _lacks(self, name: str) -> bool:
        """Is it certain that this table has no column of the old name?"""
        table = self._schema.table(name)
        known = table is not None and table.complete and not table.virtual
        return known and table is not None and table.column(self._old) is None

    def _name(self, name: str) -> str:
        return self._new if _same(name, self._old) else name

    def _names(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(self._name, columns))

    def _column(self, column: Column) -> Column:
        return replace(
            column, name=self._name(column.name), generated=self._expression(column.generated)
        )

    def _expression(self, text: str) -> str:
        return names.in_expression(text, self._table, self._old, self._new)

    def _reference(self, key: ForeignKey) -> ForeignKey:
        if not _same(key.ref_table, self._table):
            return key
        return replace(key, ref_columns=self._names(key.ref_columns))
