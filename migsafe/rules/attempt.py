"""A SELECT that is not a rule yet: ask it, and say where it is wrong and what was meant."""

from __future__ import annotations

import difflib
import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migsafe.engines import sqlite as engine
from migsafe.errors import MigsafeError, UsageError
from migsafe.model.migration import Dialect
from migsafe.rules.ask import SECONDS, Value
from migsafe.sql.tokens import NAMES, Lines, Token, tokenize

ROW_LIMIT = 1000
"""At most so many rows are read."""

_NEAR = re.compile(r'near "(?P<text>.*)": syntax error')
_MISSING = re.compile(
    r"no such (?P<what>table|column|function): (?P<name>.*?)(?: - should this be .*)?$"
)
_AMBIGUOUS = re.compile(r"ambiguous column name: (?P<name>.*)$")


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns and the rows of a SELECT; `more`: there are others beyond the limit."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    more: bool = False

    @property
    def has_place(self) -> bool:
        """Can each row be a finding: does a column say where it is?"""
        names = {c.lower() for c in self.columns}
        return "statement" in names or {"path", "line"} <= names


def ask(database: sqlite3.Connection, select: str) -> Answer:
    """The answer of a SELECT, read-only and in bounded time.

    Raises UsageError, with the place in the SELECT, for one that is wrong or writes.
    """
    try:
        with engine.read_only(database, SECONDS):
            cursor = database.execute(select)
            if cursor.description is None:
                raise UsageError("this is no SELECT", hint="a rule's question is one SELECT")
            columns = tuple(d[0] for d in cursor.description)
            rows = cursor.fetchmany(ROW_LIMIT + 1)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _explained(database, select, str(error)) from error
    except UsageError:
        raise
    except MigsafeError as error:
        raise UsageError(error.message, hint=error.hint) from error
    return Answer(columns, tuple(rows[:ROW_LIMIT]), len(rows) > ROW_LIMIT)


# -- where it is wrong ----------------------------------------------------------------------------


def _explained(database: sqlite3.Connection, select: str, message: str) -> UsageError:
    token = _guilty(database, select, message)
    place = ""
    if token is not None:
        line, column = Lines(select).place(token.start)
        place = f" (line {line}, column {column}: {_marked(select, token)})"
    return UsageError(
        f"the SELECT is wrong: {message}{place}", hint=_meant(database, select, message)
    )


def _marked(select: str, token: Token) -> str:
    """The text around the token, with a mark before it."""
    start = select.rfind("\n", 0, token.start) + 1
    end = select.find("\n", token.end)
    line = select[start : len(select) if end < 0 else end]
    at = token.start - start
    before, after = line[:at][-30:].lstrip(), line[at:][:40].rstrip()
    return f"{before}>>>{after}"


def _guilty(database: sqlite3.Connection, select: str, message: str) -> Token | None:
    tokens = tokenize(select, Dialect.SQLITE)
    near = _NEAR.search(message)
    if near:
        return _first_unread(database, select, tokens, near["text"])
    missing = _MISSING.search(message) or _AMBIGUOUS.search(message)
    if missing is None:
        return None
    return _first_named(tokens, missing["name"].split("."))


def _first_unread(
    database: sqlite3.Connection, select: str, tokens: Sequence[Token], text: str
) -> Token | None:
    """The first of these words before which the text is only unfinished, not wrong."""
    for token in tokens:
        if token.text.lower() == text.lower():
            try:
                database.execute("EXPLAIN " + select[: token.end])
            except (sqlite3.Error, sqlite3.Warning) as error:
                if _NEAR.search(str(error)):
                    return token
    return None


def _first_named(tokens: Sequence[Token], parts: list[str]) -> Token | None:
    wanted = [p.lower() for p in parts]
    for at, token in enumerate(tokens):
        found = [t.name.lower() for t in tokens[at : at + 2 * len(parts) - 1 : 2]]
        if token.kind in NAMES and found == wanted:
            return token
    return None


# -- what was meant -------------------------------------------------------------------------------


def _meant(database: sqlite3.Connection, select: str, message: str) -> str:
    missing = _MISSING.search(message)
    if missing is None:
        return "docs/facts.md lists all tables and columns"
    name = missing["name"].rpartition(".")[2]
    if missing["what"] == "table":
        return _near(name, tables(database), "tables and views")
    if missing["what"] == "column":
        return _near(name, _columns(database, select), "columns here")
    return "see sqlite.org/lang_corefunc.html"


def _near(name: str, known: Iterable[str], what: str) -> str:
    listed = sorted(set(known))
    near = difflib.get_close_matches(name.lower(), [k.lower() for k in listed], n=3, cutoff=0.5)
    if near:
        return f"did you mean {', '.join(near)}?"
    shown = ", ".join(listed[:40])
    return f"{what}: {shown}" if shown else "docs/facts.md lists all tables and columns"


def tables(database: sqlite3.Connection) -> list[str]:
    """The tables and views of all databases that are attached, `old.note` for the others."""
    found = []
    for _, schema, _ in database.execute("PRAGMA database_list").fetchall():
        query = f"SELECT name FROM {schema}.sqlite_master WHERE type IN ('table', 'view')"
        prefix = "" if schema == "main" else f"{schema}."
        found += [prefix + str(row[0]) for row in database.execute(query)]
    return found


def _columns(database: sqlite3.Connection, select: str) -> list[str]:
    """The columns of the tables and views that the SELECT names."""
    words = {t.name.lower() for t in tokenize(select, Dialect.SQLITE) if t.kind in NAMES}
    found: list[str] = []
    for table in tables(database):
        schema, _, name = table.rpartition(".")
        if name.lower() in words:
            query = "SELECT name FROM pragma_table_xinfo(?, ?)"
            found += [str(row[0]) for row in database.execute(query, (name, schema or "main"))]
    return found
