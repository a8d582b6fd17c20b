"""Which rows of MySQL's and MariaDB's matrices an operation stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import Column, Index, Table, fold_name
from migsafe.schema.types_mysql import canonical, octets
from migsafe.schema.types_mysql import charset as charset_of
from migsafe.sql.tokens import STRING, WORD, tokenize

_LENGTH = re.compile(r"\((\d+)\)")
_CALM = {"current_timestamp", "now", "localtime", "localtimestamp", "current_date", "curdate",
         "rand", "abs", "floor", "ceil", "round", "unix_timestamp", "concat"}  # fmt: skip
"""Functions whose value MariaDB computes once for all rows (measured on 10.11)."""
_REBUILDING = {"force", "row_format", "key_block_size", "page_compressed", "encrypted",
               "encryption"}  # fmt: skip
_FREE = {"validation", "keys", "period"}
_ONE_LENGTH_BYTE = 255
_PADDED = 127  # MariaDB stores lengths of such columns so that they can grow (MDEV-15563)
_ENUM_IN_A_BYTE = 255
_SET_BYTES = 4  # more are eight
_UNICODE = ("utf8mb3", "utf8mb4")


def keys(
    operation: Operation,
    table: Table | None,
    indexed: frozenset[str],
    maria: bool,
    checks: bool,
) -> Sequence[str]:
    """The matrix's keys of the operation: the dearest of them decides. Empty: not known.

    `indexed` are the folded names of the table's columns that stand in a key.
    """
    kind = operation.kind
    if kind is Kind.ADD_COLUMN:
        return tuple(_added(operation, maria))
    if kind is Kind.ALTER_COLUMN and operation.option("whole") is not None:
        return tuple(_changed(operation, table, indexed, maria))
    if kind is Kind.TABLE_OPTION:
        return tuple(_option(operation, table))
    if kind is Kind.DROP_COLUMN:
        return (_dropped(operation, table, indexed, maria),)
    key = _key(operation, checks)
    return (key,) if key else ()


_AS_THEY_ARE = {
    Kind.RENAME_COLUMN, Kind.DROP_INDEX, Kind.RENAME_INDEX, Kind.ALTER_INDEX, Kind.RENAME_TABLE,
}  # fmt: skip


def _key(operation: Operation, checks: bool) -> str:
    match operation.kind:
        case Kind.ALTER_COLUMN:
            return "change default"
        case Kind.CREATE_INDEX:
            return _index(operation)
        case Kind.ADD_CONSTRAINT:
            return _constraint(operation, checks)
        case Kind.DROP_CONSTRAINT:
            keyed = "primary key" in operation.options
            return "drop_constraint primary key" if keyed else "drop_constraint"
        case Kind.ALTER_CONSTRAINT:
            return f"alter_constraint {operation.value}"
        case kind:
            return kind.value if kind in _AS_THEY_ARE else ""


def why(key: str, operation: Operation, table: Table | None) -> str:
    """What makes the operation dear, in a few words."""
    old, new = _both(operation, table)
    if old is not None and new is not None:
        narrow = old.not_null == new.not_null and "type" in key
        if narrow or key in {"change across", "change wider"}:
            return _types(old, new, table, key)
        return _WHY.get(key) or _types(old, new, table, key)
    return _WHY.get(key) or ("its column is declared anew" if new is not None else "")


def _types(old: Column, new: Column, table: Table | None, key: str) -> str:
    before, after = (canonical(c.type, mariadb=False) for c in (old, new))
    if key == "change across":
        return f"{before} becomes {after}: its length needs two bytes instead of one"
    if before.startswith(("enum", "set")) and after.startswith(("enum", "set")):
        return "members of the list change other than at its end"
    return f"{before} becomes {after}"


_WHY = {
    "add_column auto_increment": "each row gets a number",
    "add_column stored": "each row's value is computed and stored",
    "add_column expression": "each row's default is computed",
    "add_column check": "the CHECK is tried on every row",
    "add_column references": "each row is looked up in the parent",
    "add_column key": "an index is built with the column",
    "drop_column keyed": "the primary key changes",
    "change to not null": "every row is looked at for NULL",
    "change to null": "each row gets a mark for NULL",
    "change auto_increment": "the column becomes AUTO_INCREMENT",
    "change stored": "each row's value is computed and stored",
    "change charset": "every text is converted",
    "change collation": "every text is compared anew",
    "change check": "the CHECK is tried on every row",
    "create_index fulltext": "a FULLTEXT index is built",
    "create_index spatial": "a SPATIAL index is built",
    "add_constraint primary key": "the rows are stored by the primary key",
    "drop_constraint primary key": "the rows are stored by the primary key",
    "add_constraint foreign key": "each row is looked up in the parent",
    "add_constraint check": "the CHECK is tried on every row",
    "alter_constraint enforced": "the CHECK is tried on every row",
    "table_option engine": "the engine changes",
    "table_option rebuild": "the table is built anew",
    "table_option convert to character set": "every text is converted",
    "table_option convert compatible": "every text is converted",
    "table_option partition by": "every row moves to its partition",
    "table_option remove partitioning": "every row moves out of its partition",
    "table_option reorganize partition": "rows move to other partitions",
    "table_option coalesce partition": "rows move to other partitions",
    "table_option order by": "the rows are sorted",
    "table_option system versioning": "every row gets a period",
}


def _both(operation: Operation, table: Table | None) -> tuple[Column | None, Column | None]:
    made = operation.definition
    new = made.columns[0] if isinstance(made, Table) and made.columns else None
    if table is None or new is None or operation.kind is not Kind.ALTER_COLUMN:
        return None, new
    return table.column(new.name) or None, new


# -- ADD and DROP COLUMN --------------------------------------------------------------------------


def _added(operation: Operation, maria: bool) -> Iterator[str]:
    made = operation.definition
    if not isinstance(made, Table) or not made.columns:
        return
    column = made.columns[0]
    placed = operation.option("after") is not None or "first" in operation.options
    yield "add_column placed" if placed else "add_column"
    if column.identity:
        yield "add_column auto_increment"
    if column.generated:
        yield f"add_column {'stored' if column.stored else 'virtual'}"
    if column.default is not None and _computed(column.default, maria):
        yield "add_column expression"
    if made.checks and not maria:  # measured on MariaDB: at once
        yield "add_column check"
    if made.foreign_keys:
        yield "add_column references"
    if made.uniques or made.primary_key:
        yield "add_column key"


def _computed(default: str, maria: bool) -> bool:
    """Has each row a value of its own? MySQL takes any expression in brackets for one."""
    tokens = tokenize(default, Dialect.MYSQL)
    if not maria:
        return default.startswith("(")
    return any(
        token.kind == WORD and after.text == "(" and token.text.lower() not in _CALM
        for token, after in pairwise(tokens)
    )


def _dropped(
    operation: Operation, table: Table | None, indexed: frozenset[str], maria: bool
) -> str:
    column = table.column(operation.column) if table else None
    if table is None or column is None:
        return "drop_column"
    if column.primary_key:
        return "drop_constraint primary key"
    if column.generated:
        return f"drop_column {'stored' if column.stored else 'virtual'}"
    return "drop_column indexed" if maria and fold_name(column.name) in indexed else "drop_column"


# -- MODIFY and CHANGE ----------------------------------------------------------------------------


def _changed(
    operation: Operation, table: Table | None, indexed: frozenset[str], maria: bool
) -> Iterator[str]:
    old, new = _both(operation, table)
    made = operation.definition
    if old is None or new is None or table is None:
        return
    yield "change default"
    if old.generated or new.generated:
        if (old.generated, old.stored) != (new.generated, new.stored):
            yield f"change {'stored' if old.stored or new.stored else 'virtual'}"
        return
    yield from _type_keys(old, new, table, maria)
    yield from _text_keys(old, new, table, fold_name(old.name) in indexed, maria)
    if old.not_null != new.not_null and not (new.primary_key or old.primary_key):
        yield "change to not null" if new.not_null else "change to null"
    if operation.option("after") is not None or "first" in operation.options:
        yield "change position"
    if new.identity and not old.identity:
        yield "change auto_increment"
    if isinstance(made, Table) and made.checks:
        yield "change check"


def _type_keys(old: Column, new: Column, table: Table, maria: bool) -> Iterator[str]:
    types = canonical(old.type, mariadb=maria), canonical(new.type, mariadb=maria)
    if types[0] != types[1]:
        yield _type_key(types, octets(old, table), octets(new, table), maria)


def _text_keys(old: Column, new: Column, table: Table, indexed: bool, maria: bool) -> Iterator[str]:
    if not _is_text(new):
        return
    before, after = charset_of(old, table), charset_of(new, table)
    if before != after:
        compatible = (before, after) == _UNICODE and (maria or not indexed)
        yield "change charset compatible" if compatible else "change charset"
    elif old.collation != new.collation and old.collation and new.collation:
        yield "change collation indexed" if indexed and maria else "change collation"


def _is_text(column: Column) -> bool:
    return bool(re.search(r"char|text|enum|set\b", column.type.lower()))


def _type_key(types: tuple[str, str], old: int | None, new: int | None, maria: bool) -> str:
    bare = tuple(_LENGTH.sub("", t) for t in types)
    if types[0].startswith(("enum", "set")):
        return "change appended" if _appended(*types) else "change type"
    if bare[0] != bare[1] or bare[0] not in {"varchar", "varbinary"} or old is None or new is None:
        return "change type"
    lengths = [int(found[1]) for t in types if (found := _LENGTH.search(t))]
    if len(lengths) < len(types) or lengths[0] > lengths[1] or old > new:
        return "change type"
    crosses = old <= _ONE_LENGTH_BYTE < new
    return "change across" if crosses and not (maria and old <= _PADDED) else "change wider"


def _appended(old: str, new: str) -> bool:
    """Members added at the end, and values take as many bytes as before (manual, 11.7)."""
    before, after = (
        [t for t in tokenize(x, Dialect.MYSQL) if t.kind == STRING] for x in (old, new)
    )
    kind = new.partition("(")[0]
    same = [t.name for t in before] == [t.name for t in after[: len(before)]]
    return same and old.startswith(kind) and _size(kind, len(before)) == _size(kind, len(after))


def _size(kind: str, members: int) -> int:
    """The bytes of a value of ENUM or SET with so many members."""
    if kind == "enum":
        return 1 if members <= _ENUM_IN_A_BYTE else 2
    needed = (members + 7) // 8
    return needed if needed <= _SET_BYTES else 2 * _SET_BYTES


# -- keys, constraints, options -------------------------------------------------------------------


def _index(operation: Operation) -> str:
    made = operation.definition
    method = made.method if isinstance(made, Index) else ""
    return f"create_index {method}" if method in {"fulltext", "spatial"} else "create_index"


def _constraint(operation: Operation, checks: bool) -> str:
    made = operation.definition
    if not isinstance(made, Table):
        return "add_constraint unique"
    if made.primary_key:
        return "add_constraint primary key"
    if made.foreign_keys:
        return "add_constraint foreign key" + ("" if checks else " unchecked")
    if made.checks:
        return "add_constraint check" if made.checks[0].enforced else "drop_constraint"
    return "add_constraint unique"


def _option(operation: Operation, table: Table | None) -> Iterator[str]:
    name = operation.name
    if name == "engine":
        now = dict(table.options).get("engine", "innodb") if table else None
        same = operation.value == now
        if now is not None:
            yield "table_option rebuild" if same else "table_option engine"
    elif name == "convert to character set":
        compatible = table is not None and _all_compatible(table, operation.value)
        yield f"table_option {'convert compatible' if compatible else name}"
    elif name in _REBUILDING:
        yield "table_option rebuild"
    elif name and name not in _FREE:
        yield f"table_option {name}"


def _all_compatible(table: Table, charset: str) -> bool:
    """Are all texts in utf8mb3 now, and become utf8mb4, or are so already?"""
    known = {charset_of(c, table) for c in table.columns if _is_text(c)}
    return table.complete and charset == _UNICODE[1] and known <= set(_UNICODE)
