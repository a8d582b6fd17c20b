"""The shape of a guilty statement: its words stay, its names become metavariables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from migsafe.cli.rule_fixtures import Spot
from migsafe.model.migration import Dialect, Statement
from migsafe.sql.split import split
from migsafe.sql.tokens import KEYWORDS, QUOTED, WORD, tokenize

_MOST_NAMES = 26
_ON_SERVERS = """
BOOLEAN CHANGE CHARACTER CONCURRENTLY CONVERT DATE DOMAIN ENUM INT INTEGER JSON JSONB LOCK MODIFY
NUMERIC ONLY OWNER SCHEMA SEQUENCE TEXT TIMESTAMP TRUNCATE TYPE VALID VALIDATE VALUE VARCHAR
"""
_WORDS = KEYWORDS | frozenset(_ON_SERVERS.split())


def shape(fixture: Path, guilty: Spot | None, dialect: Dialect) -> Iterator[str]:
    """The statement on that line of the fixture as a pattern; nothing where there is none."""
    statement = _statement(fixture, guilty, dialect) if guilty else None
    if statement is not None:
        yield from _patterns(statement.sql, dialect)


def _statement(fixture: Path, guilty: Spot, dialect: Dialect) -> Statement | None:
    path = fixture / guilty.path
    if path.suffix != ".sql" or not path.is_file():
        return None
    statements = split(path.read_text(encoding="utf-8"), dialect, guilty.path)
    return next((s for s in statements if s.span.covers(guilty.line)), None)


def _patterns(sql: str, dialect: Dialect) -> Iterator[str]:
    names: dict[str, str] = {}
    pattern, at = "", 0
    for token in tokenize(sql, dialect):
        if token.kind in {WORD, QUOTED} and token.text.upper() not in _WORDS:
            name = names.setdefault(token.text.lower(), f"$N{len(names) + 1}")
            pattern += f"{sql[at : token.start]}{name}"
            at = token.end
    if names and len(names) <= _MOST_NAMES:
        yield " ".join((pattern + sql[at:]).split())
