"""The definition of the facts database, as shipped in `tables.sql`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

SCHEMA_VERSION = 2
"""Raised whenever a table, a column or its meaning changes."""


@cache
def definition() -> str:
    """The SQL script that makes an empty facts database."""
    return (files("migsafe.facts") / "tables.sql").read_text(encoding="utf-8")
