"""Read CREATE statements of SQLite into the values of the schema (lang_createtable.html ff.)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from migsafe.model.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexColumn,
    Table,
    Trigger,
    Unique,
    View,
    fold_name,
)
from migsafe.sql.reader import Reader, Unread, mentions, normalised, number_end
from migsafe.sql.tokens import QUOTED, STRING, WORD, Token, joined

_COLUMN_CLAUSES = {
    "CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE",
    "REFERENCES", "GENERATED", "AS", "ON",
}  # fmt: skip
_TABLE_CLAUSES = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}


@dataclass(slots=True)
class _Draft:
    """A table while it is being read."""

    columns: list[Column] = field(default_factory=list)
    uniques: list[Unique] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    primary_key: tuple[str, ...] = ()
    autoincrement: bool = False
    constraint: str = ""  # the name given by CONSTRAINT, until it is used

    def named(self) -> str:
        name, self.constraint = self.constraint, ""
        return name

    def keyed(self) -> tuple[Column, ...]:
        """The columns with their positions in the primary key."""
        order = {fold_name(name): at for at, name in enumerate(self.primary_key, 1)}
        return tuple(replace(c, primary_key=order.get(fold_name(c.name), 0)) for c in self.columns)


def table(reader: Reader, name: str, temporary: bool) -> Table:
    """The rest of CREATE TABLE, from the opening bracket on."""
    draft = _body(reader)
    without_rowid, strict = _options(reader)
    return Table(
        name,
        draft.keyed(),
        tuple(draft.uniques),
        tuple(draft.foreign_keys),
        tuple(draft.checks),
        draft.autoincrement,
        without_rowid,
        strict,
        temporary=temporary,
    )


def _body(reader: Reader) -> _Draft:
    draft = _Draft()
    reader.expect("(")
    while True:
        if reader.peek() in _TABLE_CLAUSES and draft.columns:
            _table_constraints(reader, draft)
        else:
            column(reader, draft)
        if not reader.accept(","):
            break
    reader.expect(")")
    return draft


def _options(reader: Reader) -> tuple[bool, bool]:
    without_rowid = strict = False
    while reader:
        if reader.accept("WITHOUT", "ROWID"):
            without_rowid = True
        elif reader.accept("STRICT"):
            strict = True
        else:
            break
        if not reader.accept(","):
            break
    return without_rowid, strict


def added_column(reader: Reader, table_name: str) -> Table:
    """The column definition of ALTER TABLE .. ADD COLUMN as a table of one column."""
    draft = _Draft()
    column(reader, draft)
    return Table(
        table_name,
        draft.keyed(),
        tuple(draft.uniques),
        tuple(draft.foreign_keys),
        tuple(draft.checks),
        draft.autoincrement,
        complete=False,
    )


def column(reader: Reader, draft: _Draft) -> None:
    """One column definition with its constraints, added to the draft."""
    name = reader.name()
    draft.columns.append(Column(name, type=_type(reader)))
    while reader and reader.peek() not in {",", ")"}:
        _column_constraint(reader, draft, name)
    draft.constraint = ""


def _type(reader: Reader) -> str:
    start = reader.at
    while reader and reader.peek() not in _COLUMN_CLAUSES | {",", ")"}:
        token = reader.tokens[reader.at]
        if token.text == "(":
            reader.group()
            break
        if token.kind not in {WORD, QUOTED, STRING}:
            break
        reader.at += 1
    return " ".join(reader.source(reader.tokens[start : reader.at]).split())


def _last(draft: _Draft, **changes: object) -> None:
    draft.columns[-1] = replace(draft.columns[-1], **changes)  # type: ignore[arg-type]


def _column_constraint(reader: Reader, draft: _Draft, name: str) -> None:
    word = reader.peek()
    read = _COLUMN_READERS.get(word)
    if read is None:
        raise Unread(f"{reader.next().text} is not expected in a column")
    reader.at += 1
    read(reader, draft, name)


def _constraint_name(reader: Reader, draft: _Draft, _: str) -> None:
    draft.constraint = reader.name()


def _primary_key(reader: Reader, draft: _Draft, name: str) -> None:
    reader.expect("KEY")
    reader.accept_any("ASC", "DESC")
    _conflict(reader)
    draft.autoincrement = reader.accept("AUTOINCREMENT") or draft.autoincrement
    draft.primary_key = (name,)
    draft.named()


def _not_null(reader: Reader, draft: _Draft, _: str) -> None:
    if reader.peek() == "DEFERRABLE":  # a foreign key's NOT DEFERRABLE
        reader.at -= 1
        _deferred(reader)
        return
    reader.expect("NULL")
    _conflict(reader)
    _last(draft, not_null=True)
    draft.named()


def _null(reader: Reader, draft: _Draft, _: str) -> None:
    _conflict(reader)
    draft.named()


def _unique(reader: Reader, draft: _Draft, name: str) -> None:
    _conflict(reader)
    draft.uniques.append(Unique((name,), draft.named()))


def _check(reader: Reader, draft: _Draft, _: str) -> None:
    draft.checks.append(Check(normalised(reader.group()), draft.named()))
    _conflict(reader)


def _default(reader: Reader, draft: _Draft, _: str) -> None:
    start = reader.at
    if reader.peek() == "(":
        reader.group()
    else:
        reader.at = number_end(reader.tokens, start) if reader else start
    _last(draft, default=reader.source(reader.tokens[start : reader.at]))
    draft.named()


def _collate(reader: Reader, draft: _Draft, _: str) -> None:
    name = reader.name().upper()
    _last(draft, collation="" if name == "BINARY" else name)


def _references(reader: Reader, draft: _Draft, name: str) -> None:
    draft.foreign_keys.append(_foreign_key(reader, (name,), draft.named()))


def _generated(reader: Reader, draft: _Draft, name: str) -> None:
    reader.expect("ALWAYS")
    reader.expect("AS")
    _generated_as(reader, draft, name)


def _generated_as(reader: Reader, draft: _Draft, _: str) -> None:
    expression = normalised(reader.group())
    stored = reader.accept_any("STORED", "VIRTUAL") == "STORED"
    _last(draft, generated=expression, stored=stored)
    draft.named()


_COLUMN_READERS: dict[str, Callable[[Reader, _Draft, str], None]] = {
    "CONSTRAINT": _constraint_name,
    "PRIMARY": _primary_key,
    "NOT": _not_null,
    "NULL": _null,
    "UNIQUE": _unique,
    "CHECK": _check,
    "DEFAULT": _default,
    "COLLATE": _collate,
    "REFERENCES": _references,
    "GENERATED": _generated,
    "AS": _generated_as,
}


def _conflict(reader: Reader) -> None:
    if reader.accept("ON", "CONFLICT"):
        reader.next()


def _table_constraints(reader: Reader, draft: _Draft) -> None:
    # SQLite lets table constraints follow each other without commas.
    while reader.peek() in _TABLE_CLAUSES:
        name = reader.name() if reader.accept("CONSTRAINT") else ""
        _table_constraint(reader, draft, name)


def _table_constraint(reader: Reader, draft: _Draft, name: str) -> None:
    if reader.accept("PRIMARY", "KEY"):
        terms = _key_terms(reader)
        draft.primary_key = tuple(n for n, _ in terms)
        draft.autoincrement = draft.autoincrement or any(auto for _, auto in terms)
        _conflict(reader)
    elif reader.accept("UNIQUE"):
        draft.uniques.append(Unique(tuple(n for n, _ in _key_terms(reader)), name))
        _conflict(reader)
    elif reader.accept("CHECK"):
        draft.checks.append(Check(normalised(reader.group()), name))
        _conflict(reader)
    elif reader.accept("FOREIGN", "KEY"):
        columns = reader.names()
        reader.expect("REFERENCES")
        draft.foreign_keys.append(_foreign_key(reader, columns, name))
    elif reader.peek() not in {",", ")"}:
        raise Unread("a table constraint expected")


def _key_terms(reader: Reader) -> list[tuple[str, bool]]:
    """The columns of a key, and whether AUTOINCREMENT stands beside one."""
    return [
        (term[0].name, any(t.upper == "AUTOINCREMENT" for t in term))
        for term in reader.terms()
        if term
    ]


def _foreign_key(reader: Reader, columns: tuple[str, ...], name: str) -> ForeignKey:
    parent = reader.name()
    ref_columns = reader.names() if reader.peek() == "(" else ()
    actions = {"DELETE": "NO ACTION", "UPDATE": "NO ACTION"}
    while reader.peek() in {"ON", "MATCH"}:
        if reader.accept("MATCH"):
            reader.next()
            continue
        reader.expect("ON")
        event = reader.accept_any("DELETE", "UPDATE")
        if not event:
            raise Unread("ON DELETE or ON UPDATE expected")
        actions[event] = _action(reader)
    deferred = _deferred(reader)
    return ForeignKey(
        columns, parent, ref_columns, actions["DELETE"], actions["UPDATE"], deferred, name
    )


def _action(reader: Reader) -> str:
    first = reader.next().upper
    if first in {"SET", "NO"}:
        return f"{first} {reader.next().upper}"
    return first


def _deferred(reader: Reader) -> bool:
    if reader.ahead("NOT", "DEFERRABLE"):
        reader.at += 2
        enforced_late = False
    elif reader.accept("DEFERRABLE"):
        enforced_late = True
    else:
        return False
    timing = reader.accept_any("DEFERRED", "IMMEDIATE") if reader.accept("INITIALLY") else ""
    return enforced_late and timing == "DEFERRED"


# -- indexes, triggers, views, virtual tables -------------------------------------------------------


def index(reader: Reader, name: str, unique: bool) -> Index:
    """The rest of CREATE INDEX, from ON on."""
    reader.expect("ON")
    table_name = reader.name()
    terms = tuple(_term(t) for t in reader.terms())
    where = normalised(reader.rest()) if reader.accept("WHERE") else ""
    return Index(name, table_name, terms, unique, where)


def _term(tokens: Sequence[Token]) -> IndexColumn:
    end = len(tokens)
    if end > 2 and tokens[end - 2].upper == "NULLS":
        end -= 2
    descending = end > 0 and tokens[end - 1].upper == "DESC"
    if end > 0 and tokens[end - 1].upper in {"ASC", "DESC"}:
        end -= 1
    collation = ""
    if end > 2 and tokens[end - 2].upper == "COLLATE":
        collation = tokens[end - 1].name.upper()
        end -= 2
    kept = tokens[:end]
    if not kept:
        raise Unread("an indexed column expected")
    if len(kept) == 1 and kept[0].kind in {WORD, QUOTED, STRING}:
        return IndexColumn(kept[0].name, False, collation, descending)
    return IndexColumn(normalised(kept), True, collation, descending)


def trigger(reader: Reader, name: str) -> Trigger:
    """The rest of CREATE TRIGGER, after its name."""
    timing = reader.accept_any("BEFORE", "AFTER", "INSTEAD")
    if timing == "INSTEAD":
        reader.expect("OF")
        timing = "INSTEAD OF"
    event = joined(reader.until("ON"))
    reader.expect("ON")
    table_name = reader.name()
    body = reader.rest()
    if not any(t.upper == "BEGIN" for t in body) or body[-1].upper != "END":
        raise Unread("a trigger's body runs from BEGIN to END")
    return Trigger(name, table_name, timing, event.replace(" ,", ","), joined(body), mentions(body))


def view(reader: Reader, name: str) -> View:
    """The rest of CREATE VIEW, after its name."""
    columns = reader.names() if reader.peek() == "(" else ()
    reader.expect("AS")
    select = reader.rest()
    if not select:
        raise Unread("a SELECT expected")
    return View(name, joined(select), columns, mentions(select))


def virtual(reader: Reader, name: str) -> Table:
    """The rest of CREATE VIRTUAL TABLE, after its name. Its columns stay unknown."""
    reader.expect("USING")
    module = reader.name().lower()
    if reader.peek() == "(":
        reader.group()
    return Table(name, virtual=module)
