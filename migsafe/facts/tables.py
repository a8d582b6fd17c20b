"""The definition of the facts database, as shipped in `tables.sql` and `views.sql`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

SCHEMA_VERSION = 2
"""Raised whenever a table, a column or its meaning changes."""


@cache
def definition() -> str:
    """The SQL script that makes an empty facts database."""
    here = Path(__file__)
    parts = (
        here.with_name(name).read_text(encoding="utf-8") for name in ("tables.sql", "views.sql")
    )
    return "\n".join(parts)
