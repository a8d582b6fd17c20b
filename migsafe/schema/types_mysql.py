"""How MariaDB and MySQL spell the types that a source may spell otherwise.

The source of the table is MySQL 8.0, 11.9 Using Data Types from Other Database Engines, 11.1.1
Numeric Data Type Syntax and 11.3.1 String Data Type Syntax, and mariadb.com/kb: Data Types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from migsafe.model.migration import Dialect
from migsafe.model.schema import Column, Table
from migsafe.sql.tokens import STRING, Token, tokenize

_ALIASES: Mapping[str, str] = {
    "integer": "int",
    "int1": "tinyint",
    "int2": "smallint",
    "int3": "mediumint",
    "int4": "int",
    "int8": "bigint",
    "middleint": "mediumint",
    "dec": "decimal",
    "fixed": "decimal",
    "numeric": "decimal",
    "number": "decimal",
    "double precision": "double",
    "real": "double",
    "float4": "float",
    "float8": "double",
    "character": "char",
    "nchar": "char",
    "national char": "char",
    "national character": "char",
    "character varying": "varchar",
    "char varying": "varchar",
    "nvarchar": "varchar",
    "nchar varchar": "varchar",
    "nchar varying": "varchar",
    "national varchar": "varchar",
    "national char varying": "varchar",
    "national character varying": "varchar",
    "varchar2": "varchar",
    "long": "mediumtext",
    "long varchar": "mediumtext",
    "long char varying": "mediumtext",
    "long varbinary": "mediumblob",
    "clob": "longtext",
    "raw": "varbinary",
}
_WHOLE: Mapping[str, str] = {
    "bool": "tinyint(1)",
    "boolean": "tinyint(1)",
    "serial": "bigint unsigned",
}
_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_DEFAULT_LENGTH: Mapping[str, str] = {
    "char": "1", "binary": "1", "bit": "1", "decimal": "10,0",
}  # fmt: skip
_BY_SIZE = {
    "text": ((255, "tinytext"), (65_535, "text"), (16_777_215, "mediumtext")),
    "blob": ((255, "tinyblob"), (65_535, "blob"), (16_777_215, "mediumblob")),
}
"""Bytes up to which TEXT(n) and BLOB(n) are that type (11.3.1)."""
_BYTES_PER_CHARACTER: Mapping[str, int] = {"utf8mb4": 4, "utf8mb3": 3, "utf8": 3, "ucs2": 2}
_SINGLE_PRECISION = 24  # FLOAT(p) up to this is FLOAT, then DOUBLE (11.1.4)


def canonical(declared: str, *, mariadb: bool, charset: str = "utf8mb4") -> str:
    """The type in the spelling of information_schema.columns, without the width of integers.

    The width says nothing about what a column holds and newer versions of MySQL leave it out; only
    TINYINT(1) and ZEROFILL keep it. `charset` is the column's, in which TEXT(n) counts.
    """
    tokens = tokenize(declared, Dialect.MYSQL)
    words = [token.text.lower() for token in tokens]
    if not words:
        return ""
    if words[0] in {"enum", "set"}:
        return _choice(tokens)
    length, rest = "", words
    if "(" in words:
        start, end = words.index("("), words.index(")") if ")" in words else len(words)
        length, rest = "".join(words[start + 1 : end]), words[:start] + words[end + 1 :]
    ends = [word for word in rest if word in {"unsigned", "zerofill"}]
    marks = _ENDS if words[0] == "binary" else _ENDS | {"binary"}
    name = " ".join(word for word in rest if word not in marks)
    if "zerofill" in ends:
        ends = ["unsigned", "zerofill"]  # which makes it unsigned (11.1.1)
    return " ".join([_named(name, length, mariadb, charset, "zerofill" in ends), *ends])


_ENDS = frozenset({"unsigned", "signed", "zerofill", "ascii", "unicode", "byte", "compressed"})
"""BINARY behind a type of characters asks for a collation (10.3.5), in front it is the type."""


def _choice(tokens: list[Token]) -> str:
    values = ",".join(
        "'" + token.name.replace("'", "''") + "'" for token in tokens if token.kind == STRING
    )
    return f"{tokens[0].text.lower()}({values})"


def _named(name: str, length: str, mariadb: bool, charset: str, zerofill: bool) -> str:
    if name in _WHOLE:
        return _WHOLE[name]
    if name == "json":
        return "longtext" if mariadb else "json"  # mariadb.com/kb: JSON Data Type
    if name == "year":
        return "year(4)" if mariadb else "year"
    if name == "float" and length.isdecimal():
        return "float" if int(length) <= _SINGLE_PRECISION else "double"
    name = _ALIASES.get(name, name)
    if name in _BY_SIZE and length.isdecimal():
        return _sized(name, int(length), charset)
    if name in _INTEGERS:
        keep = zerofill or (name == "tinyint" and length == "1")
        return f"{name}({length})" if length and keep else name
    if name == "decimal" and length.isdecimal():
        length += ",0"
    length = length or _DEFAULT_LENGTH.get(name, "")
    return f"{name}({length})" if length and length != "0" else name


def _sized(name: str, length: int, charset: str) -> str:
    width = _BYTES_PER_CHARACTER.get(charset, 1) if name == "text" else 1
    for limit, sized in _BY_SIZE[name]:
        if length * width <= limit:
            return sized
    return f"long{name}"


def charset(column: Column, table: Table) -> str:
    """The character set of a column: its own, its table's, else utf8mb4 (the default of MySQL 8).

    A collation's name begins with its character set's (MySQL 8.0, 12.3.1).
    """
    options = dict(table.options)
    own = column.charset or column.collation.lower().partition("_")[0]
    name = own or options.get("charset") or options.get("collate", "").partition("_")[0]
    return "utf8mb3" if name == "utf8" else name or "utf8mb4"


def width(charset: str) -> int:
    """The most bytes of a character in that set; 1 for one that is not known."""
    return _BYTES_PER_CHARACTER.get(charset.lower(), 1)


def collation(column: Column, table: Table) -> str:
    """The collation written for a text or for its table; "" for its character set's default."""
    if column.collation or column.charset:
        return column.collation.lower()
    return dict(table.options).get("collate", "")


_COUNTED = re.compile(r"(char|varchar|binary|varbinary)\((\d+)\)")


_TEXTS = {"tinytext": 255, "text": 65_535, "mediumtext": 16_777_215, "longtext": 4_294_967_295,
          "tinyblob": 255, "blob": 65_535, "mediumblob": 16_777_215,
          "longblob": 4_294_967_295}  # fmt: skip
"""Bytes (11.7 Data Type Storage Requirements)."""


def characters(column: Column, table: Table) -> int | None:
    """The most characters of a text, the most bytes of a binary string; None for other types.

    For TEXT it is the number that surely fit, of the longest characters.
    """
    name = canonical(column.type, mariadb=False)
    found = _COUNTED.fullmatch(name)
    if found is not None:
        return int(found[2])
    if name not in _TEXTS:
        return None
    width = 1 if "blob" in name else _BYTES_PER_CHARACTER.get(charset(column, table), 1)
    return _TEXTS[name] // width


def octets(column: Column, table: Table) -> int | None:
    """The most bytes of a CHAR, VARCHAR, BINARY or VARBINARY; None for another type."""
    found = _COUNTED.fullmatch(canonical(column.type, mariadb=False))
    if found is None:
        return None
    width = _BYTES_PER_CHARACTER.get(charset(column, table), 1) if "char" in found[1] else 1
    return int(found[2]) * width
