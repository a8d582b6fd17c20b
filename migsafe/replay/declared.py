"""What a column's declaration says of its values, whether or not SQLite holds it to that."""

from __future__ import annotations

import re
from functools import lru_cache

from migsafe.model.schema import Table, fold_name

_INTEGER = re.compile(r"\b(?:TINY|SMALL|MEDIUM|BIG)?INT(?:EGER)?[248]?\b")
_DATE = re.compile(r"(?:DATE|DATETIME|TIMESTAMP)\b")
_NUMBER = re.compile(r"REAL|FLOA|DOUB|NUMERIC|DECIMAL|NUMBER")
_FAMILIES = {"BOOL": "boolean", "BOOLEAN": "boolean", "JSON": "json", "JSONB": "json"}

_LITERAL = r"(?:'(?:[^']|'')*'|[-+]?\s*\d+(?:\.\d+)?|NULL)"
_NAME = r"(?:\"(?:[^\"]|\"\")+\"|\w+)"
_LIST = re.compile(
    rf"(?:{_NAME}\s+IS\s+NULL\s+OR\s+)?(?P<name>{_NAME})\s+IN\s*"
    rf"\(\s*(?P<values>{_LITERAL}(?:\s*,\s*{_LITERAL})*)\s*\)",
    re.IGNORECASE,
)


@lru_cache(maxsize=1024)
def family(declared: str) -> str:
    """boolean, date, json, integer, number, blob or text: what a program takes the type for.

    SQLite itself knows affinities only (datatype3.html, 3.1): BOOLEAN and DATE are NUMERIC there,
    and hold any text.
    """
    words = declared.upper().partition("(")[0].strip()
    if words in _FAMILIES:
        return _FAMILIES[words]
    if _DATE.match(words):
        return "date"
    if _INTEGER.search(words):
        return "integer"
    if _NUMBER.search(words):
        return "number"
    return "blob" if "BLOB" in words else "text"


def rowid_alias(table: Table) -> str:
    """The INTEGER PRIMARY KEY column of a rowid table, "" where there is none."""
    if table.without_rowid or len(table.primary_key) != 1:
        return ""
    column = table.column(table.primary_key[0])
    return column.name if column and column.type.upper() == "INTEGER" else ""


def listed(table: Table) -> dict[str, str]:
    """The columns (folded) that a CHECK confines to a list, and the list as SQL."""
    found: dict[str, str] = {}
    for check in table.checks:
        match = _LIST.fullmatch(check.expression.strip())
        if match:
            name = match["name"].strip('"').replace('""', '"')
            found[fold_name(name)] = match["values"]
    return found
