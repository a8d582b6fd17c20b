"""The bodies of MySQL's and MariaDB's procedures, read as far as they are plain SQL.

A body is divided at its own words (manual, 15.6 Compound Statements): what stands between them and
changes rows, the schema or the transaction is one statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from migsafe.model.migration import Operation
from migsafe.sql.reader import Reader, first_outside
from migsafe.sql.tokens import NAMES, Token

_HEADS = {"IF": "THEN", "ELSEIF": "THEN", "WHEN": "THEN", "WHILE": "DO", "FOR": "DO"}
"""The word that ends the head of what opens with these."""
_ALONE = {"BEGIN", "ELSE", ";"}
_LOOPS = {"LOOP", "WHILE", "REPEAT", "FOR"}
_SQL = {"INSERT", "REPLACE", "UPDATE", "DELETE", "COMMIT", "ROLLBACK", "START", "CREATE", "ALTER",
        "DROP", "RENAME", "TRUNCATE", "EXECUTE", "CALL", "WITH"}  # fmt: skip


def operations(reader: Reader, body: Sequence[Token]) -> tuple[Operation, ...]:
    """What the body does; its operations count their lines as the reader's caller does."""
    return tuple(_operations(reader, body))


def _operations(reader: Reader, body: Sequence[Token]) -> Iterator[Operation]:
    from migsafe.sql.parse import operations as read  # noqa: PLC0415 - parse reads us on demand

    for start, end, marks in _statements(body):
        source = reader.sql[body[start].start : body[end - 1].end]
        for operation in read(source, reader.dialect, reader.line(body[start])):
            yield replace(operation, options=(*operation.options, "nested", *marks))


def _statements(tokens: Sequence[Token]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Ranges of SQL statements, with the marks loop and conditional where they stand in one."""
    at, loops, conditions = _begin(tokens), 0, 0
    while at < len(tokens):
        word = tokens[at].upper
        if word == "END":
            closed = tokens[at + 1].upper if at + 1 < len(tokens) else ""
            loops -= closed in _LOOPS
            conditions -= closed in {"IF", "CASE"}
            at = _after(tokens, at, ";")
        elif word in _ALONE or _is_label(tokens, at):
            at += 1
        elif word in {"CASE", "UNTIL"}:
            conditions += word == "CASE"
            at = max(at + 1, _after(tokens, at, "WHEN" if word == "CASE" else "END") - 1)
        elif word in _HEADS or word in _LOOPS:
            conditions += word == "IF"
            loops += word in _LOOPS
            at = _after(tokens, at, _HEADS[word]) if word in _HEADS else at + 1
        else:
            end = _after(tokens, at, ";")
            stop = end - 1 if tokens[end - 1].text == ";" else end
            if word in _SQL:
                yield at, stop, ("loop",) * (loops > 0) + ("conditional",) * (conditions > 0)
            at = end


def _begin(tokens: Sequence[Token]) -> int:
    """Where the body's own text starts, behind DETERMINISTIC, SQL SECURITY .. and the like."""
    starts = ("BEGIN", *_LOOPS, *_HEADS, "CASE", *_SQL)
    return first_outside(tokens, starts) or 0


def _is_label(tokens: Sequence[Token], at: int) -> bool:
    """`name:` and its colon."""
    named = tokens[at].kind in NAMES and at + 1 < len(tokens) and tokens[at + 1].text == ":"
    return named or tokens[at].text == ":"


def _after(tokens: Sequence[Token], at: int, word: str) -> int:
    found = first_outside(tokens, (word,), at)
    return len(tokens) if found is None else found + 1
