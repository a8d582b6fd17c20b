"""Names that Django gives to indexes and constraints (django/db/backends/base/schema.py, 5.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from migsafe.model.migration import Dialect

_LONGEST = {Dialect.POSTGRES: 63, Dialect.MYSQL: 64, Dialect.SQLITE: 200}
_DIGEST = 8


def index_name(table: str, columns: Sequence[str], suffix: str, dialect: Dialect) -> str:
    """Table, columns and a digest of both, shortened to what the database takes."""
    digest = hashlib.md5("".join((table, *columns)).encode(), usedforsecurity=False).hexdigest()
    end, longest = digest[:_DIGEST] + suffix, _LONGEST[dialect]
    listed = "_".join(columns)
    whole = f"{table}_{listed}_{end}"
    if len(whole) <= longest:
        return whole
    if len(end) > longest / 3:
        end = end[: longest // 3]
    each = (longest - len(end)) // 2 - 1
    short = f"{table[:each]}_{listed[:each]}_{end}"
    return f"D{short[:-1]}" if short[0] == "_" or short[0].isdigit() else short


def key_name(table: str, column: str, parent: str, target: str, dialect: Dialect) -> str:
    """The name of a foreign key."""
    return index_name(table, [column], f"_fk_{parent}_{target}", dialect)


def joined_table(table: str, field: str, dialect: Dialect) -> str:
    """The name of a many-to-many field's own table (django/db/backends/utils.py)."""
    whole, longest = f"{table}_{field}", _LONGEST[dialect]
    if dialect is Dialect.SQLITE or len(whole) <= longest:
        return whole
    digest = hashlib.md5(whole.encode(), usedforsecurity=False).hexdigest()[:4]
    return whole[: longest - 4] + digest
