"""A database schema as values: what `fold` computes and `inspect` reads, and how they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


def fold_name(name: str) -> str:
    """The key under which a name is found: SQLite compares names without ASCII case."""
    return name.lower()


@dataclass(frozen=True, slots=True)
class Column:
    """A column as declared; `type`, `default` and `generated` are source text.

    `collation` is upper-case, "" for the engine's default (BINARY). `primary_key` is the 1-based
    position in the primary key, 0 outside it. `not_null` says what the declaration says (a
    primary key column without NOT NULL is False here, as in SQLite's PRAGMA table_xinfo).
    """

    name: str
    type: str = ""
    not_null: bool = False
    default: str | None = None
    primary_key: int = 0
    collation: str = ""
    generated: str = ""  # the expression of a generated column, normalised
    stored: bool = False  # generated columns: STORED rather than VIRTUAL
    identity: str = ""  # always, by default (PostgreSQL), auto_increment (MySQL), "" for none
    charset: str = ""  # MySQL: CHARACTER SET
    on_update: str = ""  # MySQL: ON UPDATE CURRENT_TIMESTAMP
    comment: str = ""  # MySQL: COMMENT


@dataclass(frozen=True, slots=True)
class IndexColumn:
    """One term of an index: a column's name, or the normalised text of an expression."""

    name: str
    expression: bool = False
    collation: str = ""
    descending: bool = False
    length: int = 0  # MySQL: only so many characters from the left; 0 for all


@dataclass(frozen=True, slots=True)
class Index:
    """An index made by CREATE INDEX. UNIQUE and PRIMARY KEY clauses live in `Table`."""

    name: str
    table: str
    columns: tuple[IndexColumn, ...] = ()
    unique: bool = False
    where: str = ""  # normalised predicate of a partial index
    method: str = ""  # btree, hash, gin, fulltext, spatial, ...; "" for the engine's default
    include: tuple[str, ...] = ()
    valid: bool = True
    nulls_distinct: bool = True
    only: bool = False  # PostgreSQL: ON ONLY a partitioned table
    implicit: bool = field(default=False, compare=False)  # MySQL made it for a foreign key


@dataclass(frozen=True, slots=True)
class Unique:
    """A UNIQUE clause of a table or column (not of CREATE UNIQUE INDEX).

    `exclusion` is the text of an EXCLUDE constraint (PostgreSQL), "" for a plain UNIQUE.
    """

    columns: tuple[str, ...]
    name: str = ""
    exclusion: str = ""
    nulls_distinct: bool = True


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; actions are upper-case, "NO ACTION" where none is written."""

    columns: tuple[str, ...]
    ref_table: str
    ref_columns: tuple[str, ...] = ()  # empty: the parent's primary key
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    deferred: bool = False  # DEFERRABLE INITIALLY DEFERRED
    name: str = ""
    valid: bool = True  # False: NOT VALID (PostgreSQL)
    deferrable: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK constraint; `expression` is normalised text without the outer parentheses."""

    expression: str
    name: str = ""
    valid: bool = True  # False: NOT VALID (PostgreSQL)
    enforced: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `complete` is False where only a part of it is known (never seen created).

    `virtual` is the module's name of a virtual table (its columns are then unknown), else "".
    """

    name: str
    columns: tuple[Column, ...] = ()
    uniques: tuple[Unique, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    autoincrement: bool = False
    without_rowid: bool = False
    strict: bool = False
    virtual: str = ""
    temporary: bool = False
    complete: bool = True
    partitioned: str = ""  # RANGE (a) and the like, normalised; "" for none
    partition_of: str = ""  # the parent, where it is a partition
    inherits: tuple[str, ...] = ()
    unlogged: bool = False
    key_name: str = ""  # the name of the primary key's constraint, where one is written
    options: tuple[tuple[str, str], ...] = ()  # MySQL: engine, charset, collate, ... in lower case

    def column(self, name: str) -> Column | None:
        """The column of that name, whatever its case."""
        key = fold_name(name)
        return next((c for c in self.columns if fold_name(c.name) == key), None)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The primary key's columns in key order; empty where there is none."""
        keyed = sorted((c for c in self.columns if c.primary_key), key=lambda c: c.primary_key)
        return tuple(c.name for c in keyed)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger. `mentions` are the tables its body and table name, folded, sorted."""

    name: str
    table: str
    timing: str = ""  # BEFORE | AFTER | INSTEAD OF, "" as written without one (means BEFORE)
    event: str = ""  # INSERT | DELETE | UPDATE | UPDATE OF a, b
    body: str = ""  # normalised text from FOR EACH / WHEN / BEGIN to END
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """A view. `mentions` are the tables and views its SELECT names, folded, sorted."""

    name: str
    select: str = ""  # normalised text of the SELECT
    columns: tuple[str, ...] = ()  # explicit column list, where given
    mentions: tuple[str, ...] = ()
    materialised: bool = False


@dataclass(frozen=True, slots=True)
class UserType:
    """A type made by CREATE TYPE or CREATE DOMAIN (PostgreSQL).

    `kind` is enum, domain, composite or other; `labels` an enum's values in their order; `base`
    a domain's type as written; `checks` a domain's CHECK expressions.
    """

    name: str
    kind: str = "other"
    labels: tuple[str, ...] = ()
    base: str = ""
    not_null: bool = False
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence (PostgreSQL, MariaDB). `owner` is `table.column` that it belongs to, or ""."""

    name: str
    type: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """A whole schema: mappings, each keyed by `fold_name(name)`. Treat them as read-only.

    On servers a name outside the default schema (PostgreSQL: public) is written `schema.name`.

    `complete` is False where something outside the known history may have made more objects.
    """

    tables: Mapping[str, Table] = field(default_factory=dict)
    indexes: Mapping[str, Index] = field(default_factory=dict)
    triggers: Mapping[str, Trigger] = field(default_factory=dict)
    views: Mapping[str, View] = field(default_factory=dict)
    complete: bool = True
    types: Mapping[str, UserType] = field(default_factory=dict)
    sequences: Mapping[str, Sequence] = field(default_factory=dict)

    def table(self, name: str) -> Table | None:
        """The table of that name, whatever its case."""
        return self.tables.get(fold_name(name))


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two schemas.

    `what` is table, column, index, unique, foreign key, check, trigger, view or option;
    `how` is added, removed or altered; `aspect` says which property was altered (type, default,
    not null, collation, position, ...); `before` and `after` are readable text.
    """

    what: str
    how: str
    table: str
    name: str = ""
    aspect: str = ""
    before: str = ""
    after: str = ""
