"""How PostgreSQL spells the types that a source may spell otherwise.

The source of the table is the manual, 8. Data Types (table 8.1, aliases), 8.1.3 Floating-Point
Types, 8.1.4 Serial Types, 8.3 Character Types and 8.15.1 Declaration of Array Types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from migsafe.model.migration import Dialect
from migsafe.sql.tokens import QUOTED, Token, tokenize

_ALIASES: Mapping[str, str] = {
    "int": "integer",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "serial": "integer",
    "serial2": "smallint",
    "serial4": "integer",
    "serial8": "bigint",
    "smallserial": "smallint",
    "bigserial": "bigint",
    "bool": "boolean",
    "decimal": "numeric",
    "dec": "numeric",
    "float4": "real",
    "float8": "double precision",
    "float": "double precision",
    "char": "character",
    "nchar": "character",
    "national char": "character",
    "national character": "character",
    "varchar": "character varying",
    "char varying": "character varying",
    "nchar varying": "character varying",
    "national char varying": "character varying",
    "national character varying": "character varying",
    "varbit": "bit varying",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "timestamp": "timestamp without time zone",
    "time": "time without time zone",
}
"""What the server's format_type() calls a type; what is not here has one spelling only."""

_ONE_BY_DEFAULT = frozenset({"character", "bit"})
"""Without a length these are one character or bit long (8.3, 8.10)."""
_ZONED = re.compile(r"(timestamp|time) (with|without) time zone\Z")
_SINGLE_PRECISION = 24  # bits of float(p) up to which it is real (8.1.3)
_UNITS = frozenset({"year", "month", "day", "hour", "minute", "second", "to"})


def canonical(declared: str) -> str:
    """The type as pg_catalog.format_type() writes it; "" for "".

    A serial type is the integer that it stands for. A name of a type of the user's own is folded to
    lower case where it has no quotes, and loses the schema public.
    """
    tokens = tokenize(declared, Dialect.POSTGRES)
    words = [_spelling(token) for token in tokens]
    array = "array" in words[1:] or "[" in words
    words = words[: _first(words, "[", "array")]
    if words[:2] in (["pg_catalog", "."], ["public", "."]):
        words = words[2:]
    name, length = _parted(words)
    return (_built(name, length) + "[]" * array) if words else ""


def _spelling(token: Token) -> str:
    return token.text if token.kind == QUOTED else token.text.lower()


def _first(words: list[str], *marks: str) -> int:
    return next((at for at, word in enumerate(words) if word in marks and at), len(words))


def _parted(words: list[str]) -> tuple[str, str]:
    """The type's words without what stands in brackets, and that without spaces."""
    if "(" not in words:
        return _joined(words), ""
    start, end = words.index("("), words.index(")") if ")" in words else len(words)
    return _joined(words[:start] + words[end + 1 :]), "".join(words[start + 1 : end])


def _joined(words: list[str]) -> str:
    return " ".join(words).replace(" . ", ".")


def _built(name: str, length: str) -> str:
    if name == "float" and length.isdecimal():
        return "real" if int(length) <= _SINGLE_PRECISION else "double precision"
    name = _ALIASES.get(name, name)
    if name in _ONE_BY_DEFAULT:
        length = length or "1"
    if name == "numeric" and length and "," not in length:
        length += ",0"
    if not length:
        return _unquoted(name)
    zoned = _ZONED.match(name)
    if zoned:
        return f"{zoned[1]}({length}) {zoned[2]} time zone"
    return f"{_unquoted(name)}({length})"


def _unquoted(name: str) -> str:
    """The name without quotes that it does not need; "char" with them is a type of its own."""
    plain = re.fullmatch(r'"([a-z_][a-z0-9_]*)"', name)
    return plain[1] if plain and plain[1] not in {"char", "bit", "time", "timestamp"} else name
