"""A dump without its rows: the statements before them and behind them, and what goes between."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from migsafe.engines.postgres_session import first_word
from migsafe.model.content import Content
from migsafe.model.migration import Dialect, Statement
from migsafe.model.schema import Schema
from migsafe.replay.servers.rows import inserts
from migsafe.sql.split import split

_ROWS = {
    "INSERT", "REPLACE", "COPY", "UPDATE", "DELETE", "TRUNCATE", "WITH", "LOCK", "UNLOCK", "MERGE",
    "SELECT", "VALUES", "CALL", "PREPARE", "EXECUTE",
}  # fmt: skip
"""What writes rows, or may: nothing of it is kept, as it would show values."""
_SETTING = re.compile(r"\bset_config\s*\(", re.IGNORECASE)
_WRITES = re.compile(r"DO\b.*\b(?:INSERT|UPDATE|COPY)\b", re.IGNORECASE | re.DOTALL)
_VALUES = re.compile(r"\bsetval\s*\(|\bDISABLE\s+KEYS|\bENABLE\s+KEYS", re.IGNORECASE)
_TRIGGER = re.compile(r"CREATE\b[^;(]*?\bTRIGGER\b", re.IGNORECASE)
_FIRST = re.compile(
    r"(?:\s|--[^\n]*\n|#[^\n]*\n|/\*(?!!|M!).*?\*/)*(?:/\*M?!\d*\s*)?(\w+)", re.DOTALL
)
"""The first word, behind comments; MySQL runs what stands in /*! ... */ (manual, Comments)."""
_TABLE = re.compile(r"CREATE\b[^;(]*?\bTABLE\b|ALTER\s+TABLE\b", re.IGNORECASE)

FREELY = {
    Dialect.POSTGRES: "SET session_replication_role = replica;",
    Dialect.MYSQL: "SET foreign_key_checks = 0;",
}
"""Lets rows in whose order no order satisfies; PostgreSQL asks for a superuser."""

_BACK = {Dialect.POSTGRES: "SET session_replication_role = DEFAULT;"}
_AS_THEY_ARE = "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';"
"""Old rows may hold what today's mode of MySQL refuses (a day 0000-00-00)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a dump says besides its rows; `freely`: nothing is enforced while they go in."""

    dialect: Dialect
    before: tuple[str, ...]
    behind: tuple[str, ...]
    freely: bool = False

    def text(self, rows: Iterable[Content], schema: Schema, chunk: int = 1) -> str:
        """A dump with these rows, `chunk` of them in each INSERT."""
        lines = [*self.before, *self._around(), *inserts(rows, schema, self.dialect, chunk)]
        if self.freely and self.dialect in _BACK:
            lines.append(_BACK[self.dialect])
        return "".join(f"{line}\n" for line in (*lines, *self.behind))

    def _around(self) -> tuple[str, ...]:
        if self.dialect is Dialect.MYSQL:
            return (_AS_THEY_ARE, FREELY[self.dialect])
        return (FREELY[self.dialect],) if self.freely else ()


def frame(text: str, dialect: Dialect) -> Frame:
    """The dump's frame. Rows go where its own stand, but before a trigger that they would fire."""
    statements = split(text, dialect, "")
    kinds = [_is_rows(s, dialect) for s in statements]
    slot = _slot(statements, kinds)
    kept = [(at, _ended(s.sql)) for at, s in enumerate(statements) if not kinds[at]]
    before = tuple(sql for at, sql in kept if at < slot)
    return Frame(dialect, before, tuple(sql for at, sql in kept if at >= slot))


def _slot(statements: tuple[Statement, ...], kinds: list[bool]) -> int:
    """Where rows go in: behind the last that stood there, or the last table."""
    last = max((at for at, rows in enumerate(kinds) if rows), default=-1)
    tables = [at for at, s in enumerate(statements) if _TABLE.match(s.sql)]
    slot = last + 1 if last >= 0 else max(tables, default=-1) + 1
    triggers = [at for at, s in enumerate(statements[:slot]) if _TRIGGER.match(s.sql)]
    made = [at for at in tables if at < slot and statements[at].sql[:6].upper() == "CREATE"]
    if triggers and triggers[0] > max(made, default=-1):
        return triggers[0]
    return slot


def _is_rows(statement: Statement, dialect: Dialect) -> bool:
    word = first_word(statement.sql) if dialect is Dialect.POSTGRES else _word(statement.sql)
    if word == "SELECT" and _SETTING.search(statement.sql):
        return False
    if word in _ROWS or (word == "DO" and _WRITES.search(statement.sql)):
        return True
    return _VALUES.search(statement.sql) is not None and word != "CREATE"


def _word(sql: str) -> str:
    found = _FIRST.match(sql)
    return found[1].upper() if found else ""


def _ended(sql: str) -> str:
    return f"{sql}\n;" if "--" in sql.rpartition("\n")[2] or sql.endswith("*/") else f"{sql};"
