"""SQL in the strings of a script: its statements, each where it stands in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from migsafe.adapters.alembic_text import Text
from migsafe.model.migration import Dialect, Span, Statement
from migsafe.sql.split import split


def split_text(text: Text, dialect: Dialect, path: str) -> Iterator[Statement]:
    """The statements of a text, each where it stands in the file."""
    starts = [0]
    for line in text.value.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    for statement in split(text.value, dialect, path):
        s = statement.span
        first = text.place(starts[s.line - 1] + s.column - 1)
        last = text.place(max(starts[s.end_line - 1] + s.end_column - 2, 0))
        yield replace(statement, span=Span(path, *first, last[0], last[1] + 1))
