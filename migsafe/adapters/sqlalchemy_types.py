"""SQLAlchemy's types as they stand in a script, spelt as its DDL compilers spell them on servers.

After `dialects/postgresql/base.py` (PGTypeCompiler) and `dialects/mysql/base.py`
(MySQLTypeCompiler) of SQLAlchemy 2.1; a type that is not SQLAlchemy's own is UNKNOWN_TYPE.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from migsafe.adapters.alembic_columns import Arguments, arguments, called
from migsafe.adapters.alembic_text import Labels, Scope, dotted, literal, resolved
from migsafe.adapters.ddl import UNKNOWN_TYPE, named, text_of
from migsafe.model.migration import Dialect

_EVERYWHERE = {
    "BigInteger": "BIGINT", "BIGINT": "BIGINT", "Integer": "INTEGER", "INTEGER": "INTEGER",
    "INT": "INTEGER", "SmallInteger": "SMALLINT", "SMALLINT": "SMALLINT", "Date": "DATE",
    "DATE": "DATE", "JSON": "JSON", "UUID": "UUID", "REAL": "REAL", "DOUBLE": "DOUBLE",
    "DOUBLE_PRECISION": "DOUBLE PRECISION", "BLOB": "BLOB", "CLOB": "CLOB",
}  # fmt: skip
_POSTGRES = {
    "Boolean": "BOOLEAN", "BOOLEAN": "BOOLEAN", "LargeBinary": "BYTEA", "PickleType": "BYTEA",
    "Double": "DOUBLE PRECISION", "Uuid": "UUID",
    **dict.fromkeys(("Text", "UnicodeText"), "TEXT"),
    **{name: name for name in (
        "JSONB", "BYTEA", "TSVECTOR", "TSQUERY", "INET", "CIDR", "MACADDR", "MACADDR8", "CITEXT",
        "HSTORE", "MONEY", "OID", "REGCLASS", "REGCONFIG", "INT4RANGE", "INT8RANGE", "NUMRANGE",
        "DATERANGE", "TSRANGE", "TSTZRANGE", "INT4MULTIRANGE", "INT8MULTIRANGE", "NUMMULTIRANGE",
        "DATEMULTIRANGE", "TSMULTIRANGE", "TSTZMULTIRANGE", "JSONPATH",
    )},
}  # fmt: skip
_MYSQL = {
    "Boolean": "BOOL", "BOOLEAN": "BOOL", "LargeBinary": "BLOB", "PickleType": "BLOB",
    "Double": "DOUBLE", "Uuid": "CHAR(32)", "Interval": "DATETIME",
    **{name: name for name in (
        "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "YEAR",
    )},
}  # fmt: skip
_SIZED = {
    "String": "VARCHAR", "Unicode": "VARCHAR", "VARCHAR": "VARCHAR", "NVARCHAR": "NVARCHAR",
    "CHAR": "CHAR", "NCHAR": "NCHAR", "Text": "TEXT", "TEXT": "TEXT", "UnicodeText": "TEXT",
    "VARBINARY": "VARBINARY", "BINARY": "BINARY", "LargeBinary": "BLOB",
}  # fmt: skip
_NUMERIC = {"Numeric": "NUMERIC", "NUMERIC": "NUMERIC", "DECIMAL": "DECIMAL"}
_FLOATS = {"Float", "FLOAT"}
_TIMES = {"DateTime": "TIMESTAMP", "TIMESTAMP": "TIMESTAMP", "DATETIME": "TIMESTAMP",
          "Time": "TIME", "TIME": "TIME"}  # fmt: skip
_INTEGERS = {"TINYINT", "SMALLINT", "MEDIUMINT", "INTEGER", "INT", "BIGINT"}
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_ENUMS = {"Enum", "ENUM"}
SERIALS = {"BIGINT": "BIGSERIAL", "SMALLINT": "SMALLSERIAL", "INTEGER": "SERIAL"}
"""What an integer key without a default is on PostgreSQL."""


@dataclass(frozen=True, slots=True)
class EnumType:
    """A named enum type of PostgreSQL; `labels` is None where they are not written out."""

    name: str
    schema: str
    labels: tuple[str, ...] | None
    create: bool = True


def spelled(node: ast.expr | None, scope: Scope, dialect: Dialect) -> str:
    """The type as it is sent to the server."""
    node = _for_dialect(resolved(node, scope), scope, dialect)
    name = called(node) or (dotted(node).rpartition(".")[2] if node is not None else "")
    call = node if isinstance(node, ast.Call) else ast.Call(ast.Name(name), [], [])
    if name in _ENUMS:
        return _enumeration(call, scope, dialect)
    if name == "ARRAY" and dialect is Dialect.POSTGRES:
        return _array(call, scope)
    own = _POSTGRES_CALLS if dialect is Dialect.POSTGRES else _MYSQL_CALLS
    make = own.get(name)
    if make is not None:
        return make(name, call, scope)
    plain = {**_EVERYWHERE, **(_POSTGRES if dialect is Dialect.POSTGRES else _MYSQL)}
    return plain.get(name, UNKNOWN_TYPE)


def _for_dialect(node: ast.expr | None, scope: Scope, dialect: Dialect) -> ast.expr | None:
    """`JSON().with_variant(JSONB(), "postgresql")` is what the dialect gets of it."""
    if called(node) == "mutable_json_type" and isinstance(node, ast.Call):
        given = arguments(node, ("dbtype",), scope)
        return resolved(given.node("dbtype"), scope)
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "as_mutable" and node.args:
            return _for_dialect(resolved(node.args[0], scope), scope, dialect)
        if node.func.attr != "with_variant" or not node.args:
            break
        wanted = "postgresql" if dialect is Dialect.POSTGRES else "mysql"
        if wanted in [literal(a, scope) for a in node.args[1:]]:
            return resolved(node.args[0], scope)
        node = resolved(node.func.value, scope)
    return node


# -- types with arguments -------------------------------------------------------------------------


def _sized(name: str, call: ast.Call, scope: Scope) -> str:
    given = arguments(call, ("length", "collation"), scope)
    length, base = given.found("length"), _SIZED[name]
    size = f"({length})" if isinstance(length, int) else ""
    if "length" in given.named and not size and length is not None:
        return UNKNOWN_TYPE
    charset, collation = given.maybe("charset"), given.maybe("collation")
    words = [base + size, f"CHARACTER SET {charset}" if charset else ""]
    return " ".join(w for w in [*words, f'COLLATE "{collation}"' if collation else ""] if w)


def _sized_mysql(name: str, call: ast.Call, scope: Scope) -> str:
    return _sized(name, call, scope).replace('"', "")


def _numbers(given: Arguments, *names: str) -> str:
    found = [given.found(n) for n in names]
    said = [str(n) for n in found if isinstance(n, int)]
    return f"({', '.join(said)})" if said else ""


def _numeric(name: str, call: ast.Call, scope: Scope) -> str:
    given = arguments(call, ("precision", "scale"), scope)
    return _NUMERIC[name] + _numbers(given, "precision", "scale") + _sign(given)


def _float(_: str, call: ast.Call, scope: Scope) -> str:
    given = arguments(call, ("precision",), scope)
    return "FLOAT" + _numbers(given, "precision") + _sign(given)


def _sign(given: Arguments) -> str:
    return " UNSIGNED" * given.flag("unsigned") + " ZEROFILL" * given.flag("zerofill")


def _time(name: str, call: ast.Call, scope: Scope) -> str:
    given = arguments(call, ("timezone", "precision"), scope)
    zone = "WITH" if given.flag("timezone") else "WITHOUT"
    return f"{_TIMES[name]}{_numbers(given, 'precision')} {zone} TIME ZONE"


def _time_mysql(name: str, call: ast.Call, scope: Scope) -> str:
    given = arguments(call, ("timezone", "fsp"), scope)
    base = "DATETIME" if name in {"DateTime", "DATETIME"} else _TIMES[name]
    return base + _numbers(given, "fsp")


def _interval(name: str, call: ast.Call, scope: Scope) -> str:
    given = arguments(call, (), scope)
    fields = given.maybe("fields")
    precision = _numbers(given, "precision", "second_precision")
    return "INTERVAL" + (f" {fields}" if fields else "") + (f" {precision}" if precision else "")


def _bit(_: str, call: ast.Call, scope: Scope) -> str:
    given = arguments(call, ("length", "varying"), scope)
    return ("BIT VARYING" if given.flag("varying") else "BIT") + _numbers(given, "length")


def _domain(_: str, call: ast.Call, scope: Scope) -> str:
    given = arguments(call, ("name",), scope)
    found = given.maybe("name")
    return _typed(found, given.maybe("schema")) if found else UNKNOWN_TYPE


def _whole_mysql(name: str, call: ast.Call, scope: Scope) -> str:
    given = arguments(call, ("display_width",), scope)
    base = "INTEGER" if name == "INT" else name
    width = "TINYINT(1)" if base == "TINYINT" and given.flag("display_width") else ""
    return (width or base + _numbers(given, "display_width")) + _sign(given)


def _vector(name: str, call: ast.Call, scope: Scope) -> str:
    """pgvector's and geoalchemy2's types, spelt as their extensions name them."""
    given = arguments(call, ("dim",), scope)
    return name.lower() + _numbers(given, "dim")


def _array(call: ast.Call, scope: Scope) -> str:
    given = arguments(call, ("item_type",), scope)
    item = spelled(given.node("item_type"), scope, Dialect.POSTGRES)
    dimensions = given.found("dimensions")
    return item + "[]" * (dimensions if isinstance(dimensions, int) else 1)


Make = Callable[[str, ast.Call, Scope], str]
_POSTGRES_CALLS: Mapping[str, Make] = {
    **dict.fromkeys(_SIZED.keys() - {"LargeBinary", "Text", "UnicodeText"}, _sized),
    **dict.fromkeys(_NUMERIC, _numeric),
    **dict.fromkeys(_FLOATS, _float),
    **dict.fromkeys(_TIMES, _time),
    "Text": _sized, "Interval": _interval, "INTERVAL": _interval, "BIT": _bit, "DOMAIN": _domain,
    "Vector": _vector, "VECTOR": _vector, "HALFVEC": _vector,
}  # fmt: skip
_MYSQL_CALLS: Mapping[str, Make] = {
    **dict.fromkeys(_SIZED, _sized_mysql),
    **dict.fromkeys(_NUMERIC, _numeric),
    **dict.fromkeys(_FLOATS, _float),
    **dict.fromkeys(_TIMES, _time_mysql),
    **dict.fromkeys(_INTEGERS, _whole_mysql),
    "BIT": _bit,
}  # fmt: skip


# -- enums ----------------------------------------------------------------------------------------


def _typed(name: str, schema: str) -> str:
    """A type's name; SQLAlchemy puts only those in quotes that need them."""
    return ".".join(
        n if _PLAIN.fullmatch(n) else named(n, Dialect.POSTGRES) for n in (schema, name) if n
    )


def _labels(call: ast.Call, scope: Scope) -> tuple[str, ...] | None:
    found = tuple(literal(a, scope) for a in call.args)
    if len(found) == 1 and isinstance(call.args[0], ast.Name):
        known = scope.names.get(call.args[0].id)
        plain = not any(k.arg == "values_callable" for k in call.keywords)
        return known.names_of(plain) if isinstance(known, Labels) else None
    texts = tuple(f for f in found if isinstance(f, str))
    return texts if len(texts) == len(found) else None


def _enumeration(call: ast.Call, scope: Scope, dialect: Dialect) -> str:
    labels = _labels(call, scope)
    given = arguments(call, (), scope)
    if given.found("native_enum", True) is False:
        return f"VARCHAR({max(map(len, labels), default=1)})" if labels else UNKNOWN_TYPE
    if dialect is Dialect.POSTGRES:
        made = enum_type(call, scope)
        return _typed(made.name, made.schema) if made else UNKNOWN_TYPE
    return f"ENUM({','.join(text_of(n, dialect) for n in labels)})" if labels else UNKNOWN_TYPE


def enum_type(node: ast.expr | None, scope: Scope) -> EnumType | None:
    """The named type of PostgreSQL that an `Enum` or `ENUM` stands for; None for any other."""
    node = _for_dialect(resolved(node, scope), scope, Dialect.POSTGRES)
    if called(node) == "ARRAY" and isinstance(node, ast.Call) and node.args:
        return enum_type(node.args[0], scope)
    if not isinstance(node, ast.Call) or called(node) not in _ENUMS:
        return None
    given = arguments(node, (), scope)
    name = given.maybe("name") or _class_name(node)
    if not name or given.found("native_enum", True) is False:
        return None
    create = given.found("create_type", True) is not False
    return EnumType(name, given.maybe("schema"), _labels(node, scope), create)


def _class_name(node: ast.Call) -> str:
    """SQLAlchemy names the type of an enum class after it, in lower case."""
    first = node.args[0] if len(node.args) == 1 else None
    return first.id.lower() if isinstance(first, ast.Name) else ""


def created(made: EnumType) -> str | None:
    """The statement that makes the type; None where its labels are not known."""
    if made.labels is None:
        return None
    labels = ", ".join(text_of(n, Dialect.POSTGRES) for n in made.labels)
    return f"CREATE TYPE {named(made.name, Dialect.POSTGRES, made.schema)} AS ENUM ({labels})"
