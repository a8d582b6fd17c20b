"""Read the definitions of indexes, triggers, views and virtual tables (SQLite)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from migsafe.model.schema import Index, IndexColumn, Table, Trigger, View
from migsafe.sql.reader import Reader, UnreadError, mentions, normalised
from migsafe.sql.tokens import NAMES, RESERVED, Token, joined, stripped

_BODY_VERBS = {"SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES"}


def index(reader: Reader, name: str, unique: bool) -> Index:
    """The rest of CREATE INDEX, from ON on."""
    reader.expect("ON")
    table_name = reader.name()
    terms = tuple(_term(t) for t in reader.terms())
    if not terms:
        raise UnreadError("an indexed column expected")
    where = normalised(reader.rest()) if reader.accept("WHERE") else ""
    return Index(name, table_name, terms, unique, where)


def _term(tokens: Sequence[Token]) -> IndexColumn:
    words = [t.upper for t in tokens]
    if words[-2:-1] == ["NULLS"]:
        words = words[:-2]
    descending = len(words) > 1 and words[-1] == "DESC"
    if len(words) > 1 and words[-1] in {"ASC", "DESC"}:
        words = words[:-1]
    kept = stripped(tokens[: len(words)])
    collation = ""
    if len(kept) > 2 and kept[-2].upper == "COLLATE":
        collation = kept[-1].name.upper()
        kept = stripped(kept[:-2])
    if not kept:
        raise UnreadError("an indexed column expected")
    if len(kept) == 1 and kept[0].kind in NAMES and kept[0].upper not in RESERVED:
        return IndexColumn(kept[0].name, False, collation, descending)
    return IndexColumn(joined(kept), True, collation, descending)


def trigger(reader: Reader, name: str) -> Trigger:
    """The rest of CREATE TRIGGER, after its name."""
    timing = reader.words(("BEFORE",), ("AFTER",), ("INSTEAD", "OF"))
    event = _event(reader)
    reader.expect("ON")
    _, table_name = reader.qualified()
    body = reader.rest()
    _check_body(body)
    return Trigger(name, table_name, timing, event, joined(body), mentions(body))


def _event(reader: Reader) -> str:
    start = reader.at
    verb = reader.accept_any("INSERT", "DELETE", "UPDATE")
    if not verb:
        raise UnreadError("INSERT, DELETE or UPDATE expected")
    if verb == "UPDATE" and reader.accept("OF"):
        reader.name()
        while reader.accept(","):
            reader.name()
    return joined(reader.tokens[start : reader.at])


def _check_body(body: Sequence[Token]) -> None:
    """Does it run from BEGIN to END, and hold only statements that a trigger may hold?"""
    words = [t.upper for t in body]
    verbs = [words[at + 1 : at + 2] for at in _before_statements(words)]
    framed = words[:1] in (["FOR"], ["WHEN"], ["BEGIN"]) and words[-2:] == [";", "END"]
    if not framed or not verbs:
        raise UnreadError("a trigger's body runs from BEGIN to END")
    if any(_BODY_VERBS.isdisjoint(verb) for verb in verbs):
        raise UnreadError("a trigger's body holds SELECT, INSERT, UPDATE and DELETE only")


def _before_statements(words: Sequence[str]) -> list[int]:
    """The places of BEGIN and of the semicolons between the body's statements."""
    pairs = enumerate(pairwise(words))
    begin = next((at for at, (a, b) in pairs if a == "BEGIN" and b in _BODY_VERBS), None)
    if begin is None:
        return []
    return [begin, *(at for at in range(begin, len(words) - 2) if words[at] == ";")]


def view(reader: Reader, name: str) -> View:
    """The rest of CREATE VIEW, after its name."""
    columns = reader.names() if reader.peek() == "(" else ()
    reader.expect("AS")
    if reader.peek() not in {"SELECT", "WITH", "VALUES"}:
        raise UnreadError("a SELECT expected")
    select = reader.rest()
    return View(name, joined(select), columns, mentions(select))


def virtual(reader: Reader, name: str) -> Table:
    """The rest of CREATE VIRTUAL TABLE, after its name. Its columns stay unknown."""
    reader.expect("USING")
    module = reader.name().lower()
    if reader.peek() == "(":
        reader.group()
    return Table(name, virtual=module)
