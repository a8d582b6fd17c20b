"""Read columns, keys and constraints of MySQL and MariaDB (manual, CREATE TABLE Statement)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from migsafe.model.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexColumn,
    Table,
    Unique,
    fold_name,
)
from migsafe.sql import mysql_parts as parts
from migsafe.sql.reader import Reader, UnreadError
from migsafe.sql.tokens import WORD


@dataclass(slots=True)
class Draft:
    """A table, or what one action of ALTER TABLE adds, while it is being read.

    `extras` are the options that the model has no field for: `invisible=<column>`,
    `inline references=<column>`, `using=hash`, ...
    """

    table: str
    columns: list[Column] = field(default_factory=list)
    uniques: list[Unique] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    indexes: list[tuple[Index, tuple[str, ...], bool]] = field(default_factory=list)
    primary_key: tuple[IndexColumn, ...] = ()
    extras: list[str] = field(default_factory=list)
    lenient: bool = False  # IF NOT EXISTS, of a constraint

    def alter(self, **changes: Any) -> None:
        """Change the column that is being read."""
        self.columns[-1] = replace(self.columns[-1], **changes)

    def made(self, *, complete: bool) -> Table:
        """What was read, as a table."""
        order = {fold_name(p.name): at for at, p in enumerate(self.primary_key, 1)}
        columns = tuple(
            replace(c, primary_key=order.get(fold_name(c.name), 0)) for c in self.columns
        )
        if not columns:  # a primary key alone: its columns are known by name only
            columns = tuple(
                Column(p.name, primary_key=n) for n, p in enumerate(self.primary_key, 1)
            )
        return Table(
            self.table,
            columns,
            tuple(self.uniques),
            tuple(self.foreign_keys),
            tuple(self.checks),
            autoincrement=any(c.identity for c in columns),
            key_name="PRIMARY" if self.primary_key else "",
            complete=complete,
        )


def element(reader: Reader, draft: Draft) -> None:
    """One column, key or constraint."""
    read = _ELEMENTS.get(reader.peek())
    if read is not None:
        read(reader, draft)
    elif reader.ahead("PERIOD", "FOR"):
        reader.at += 2
        draft.extras.append(f"period={reader.name().lower()}")
        reader.group()
    elif reader.peek() == "VECTOR" and reader.peek(1) in {"INDEX", "KEY"}:
        _special(reader, draft)
    else:
        column(reader, draft)


# -- a column -------------------------------------------------------------------------------------

_LONG_TYPES = (
    ("DOUBLE", "PRECISION"), ("NATIONAL", "CHARACTER", "VARYING"), ("NATIONAL", "CHAR", "VARYING"),
    ("NATIONAL", "CHARACTER"), ("NATIONAL", "CHAR"), ("NATIONAL", "VARCHAR"),
    ("CHARACTER", "VARYING"), ("CHAR", "VARYING"), ("NCHAR", "VARYING"), ("NCHAR", "VARCHAR"),
    ("LONG", "VARCHAR"), ("LONG", "VARBINARY"), ("LONG", "CHAR", "VARYING"),
)  # fmt: skip
_TYPE_ENDS = {"UNSIGNED", "SIGNED", "ZEROFILL", "BINARY", "ASCII", "UNICODE", "BYTE", "COMPRESSED"}


def column(reader: Reader, draft: Draft) -> None:
    """One column with its attributes, up to a comma, a bracket, FIRST or AFTER."""
    name = reader.name()
    draft.columns.append(Column(name, type=_type(reader)))
    if draft.columns[-1].type.upper() == "SERIAL":
        draft.alter(not_null=True, identity="auto_increment")
        draft.uniques.append(Unique((name,)))
    while reader and reader.peek() not in _COLUMN_ENDS:
        read = _ATTRIBUTES.get(reader.peek())
        if read is None:
            raise UnreadError(f"{reader.next().text} is not expected in a column")
        reader.at += 1
        read(reader, draft, name)


_COLUMN_ENDS = {",", ")", "FIRST", "AFTER"}


def _type(reader: Reader) -> str:
    start = reader.at
    if not reader.words(*_LONG_TYPES):
        token = reader.next()
        if token.kind != WORD or token.upper in _ATTRIBUTES.keys() - {"SERIAL"}:
            raise UnreadError(f"a type expected, {token.text} found")
    if reader.peek() == "(":
        reader.group()
    while reader.accept_any(*_TYPE_ENDS):
        pass
    return parts.spaced(reader, parts.since(reader, start))


def _not_null(reader: Reader, draft: Draft, _: str) -> None:
    reader.expect("NULL")
    draft.alter(not_null=True)


def _nothing(reader: Reader, draft: Draft, name: str) -> None:
    """VISIBLE: what holds anyway."""


def _null(reader: Reader, draft: Draft, name: str) -> None:
    """NULL holds anyway; but for MODIFY it matters whether it is said."""
    draft.extras.append(f"null={name}")


def _default(reader: Reader, draft: Draft, _: str) -> None:
    draft.alter(default=default(reader))


def default(reader: Reader) -> str:
    """The value after DEFAULT, as it is written."""
    start = reader.at
    if not _next_value(reader) and reader.peek() != "(" and not parts.literal(reader):
        reader.name()
    if reader.peek() == "(":
        reader.group()
    return reader.source(parts.since(reader, start))


def _next_value(reader: Reader) -> bool:
    found = reader.accept("NEXT", "VALUE", "FOR")
    if found:
        reader.relation()
    return found


def _on_update(reader: Reader, draft: Draft, _: str) -> None:
    reader.expect("UPDATE")
    start = reader.at
    reader.name()
    if reader.peek() == "(":
        reader.group()
    draft.alter(on_update=reader.source(parts.since(reader, start)))


def _auto_increment(reader: Reader, draft: Draft, _: str) -> None:
    draft.alter(identity="auto_increment")


def _unique(reader: Reader, draft: Draft, name: str) -> None:
    reader.accept("KEY")
    draft.uniques.append(Unique((name,)))


def _primary(reader: Reader, draft: Draft, name: str) -> None:
    reader.expect("KEY")
    draft.primary_key = (IndexColumn(name),)


def _key(reader: Reader, draft: Draft, name: str) -> None:
    """KEY alone is PRIMARY KEY (manual, CREATE TABLE Statement)."""
    draft.primary_key = (IndexColumn(name),)


def _comment(reader: Reader, draft: Draft, _: str) -> None:
    draft.alter(comment=parts.string(reader))


def _collate(reader: Reader, draft: Draft, _: str) -> None:
    draft.alter(collation=parts.value(reader).upper())


def _charset(reader: Reader, draft: Draft, _: str) -> None:
    draft.alter(charset=parts.value(reader).lower())


def _character_set(reader: Reader, draft: Draft, name: str) -> None:
    reader.expect("SET")
    _charset(reader, draft, name)


def _generated(reader: Reader, draft: Draft, name: str) -> None:
    reader.expect("ALWAYS", "AS")
    _generated_as(reader, draft, name)


def _generated_as(reader: Reader, draft: Draft, name: str) -> None:
    if reader.accept("ROW"):  # MariaDB: the period of a system-versioned table
        draft.extras.append(f"row {reader.next().text.lower()}={name}")
        return
    expression = parts.normalised(reader.group())
    kind = reader.accept_any("VIRTUAL", "STORED", "PERSISTENT")
    draft.alter(generated=expression, stored=kind in {"STORED", "PERSISTENT"})


def _flag(word: str) -> Attribute:
    def read(reader: Reader, draft: Draft, name: str) -> None:
        draft.extras.append(f"{word}={name}")

    return read


def _given(word: str) -> Attribute:
    """An attribute with a value, kept as an option of the operation."""

    def read(reader: Reader, draft: Draft, name: str) -> None:
        reader.accept("=")
        draft.extras.append(f"{word} {name}={parts.value(reader)}")

    return read


def _column_check(reader: Reader, draft: Draft, _: str) -> None:
    _check(reader, draft, "")


def _named(reader: Reader, draft: Draft, _: str) -> None:
    """CONSTRAINT [name] before a CHECK or REFERENCES."""
    name = reader.name() if reader.peek() not in {"CHECK", "REFERENCES"} else ""
    if reader.accept("CHECK"):
        _check(reader, draft, name)
        return
    reader.expect("REFERENCES")
    _references(reader, draft, draft.columns[-1].name)
    draft.foreign_keys[-1] = replace(draft.foreign_keys[-1], name=name)


def _references(reader: Reader, draft: Draft, name: str) -> None:
    # MySQL reads this and ignores it before 9.0; MariaDB honours it from 10.5 on.
    draft.foreign_keys.append(_foreign_key(reader, (name,), ""))
    draft.extras.append(f"inline references={name}")


def _versioning(reader: Reader, draft: Draft, name: str) -> None:
    reader.expect("SYSTEM", "VERSIONING")
    draft.extras.append(f"versioned={name}")


def _serial(reader: Reader, draft: Draft, name: str) -> None:
    reader.expect("DEFAULT", "VALUE")
    draft.alter(not_null=True, identity="auto_increment")
    draft.uniques.append(Unique((name,)))


Attribute = Callable[[Reader, Draft, str], None]
_ATTRIBUTES: dict[str, Attribute] = {
    "NOT": _not_null,
    "NULL": _null,
    "DEFAULT": _default,
    "ON": _on_update,
    "AUTO_INCREMENT": _auto_increment,
    "UNIQUE": _unique,
    "PRIMARY": _primary,
    "KEY": _key,
    "COMMENT": _comment,
    "COLLATE": _collate,
    "CHARSET": _charset,
    "CHARACTER": _character_set,
    "GENERATED": _generated,
    "AS": _generated_as,
    "VISIBLE": _nothing,
    "INVISIBLE": _flag("invisible"),
    "CHECK": _column_check,
    "CONSTRAINT": _named,
    "REFERENCES": _references,
    "SERIAL": _serial,
    "WITH": _versioning,
    "WITHOUT": _versioning,
    "COLUMN_FORMAT": _given("column_format"),
    "STORAGE": _given("storage"),
    "SRID": _given("srid"),
    "REF_SYSTEM_ID": _given("srid"),
    "ENGINE_ATTRIBUTE": _given("engine_attribute"),
    "SECONDARY_ENGINE_ATTRIBUTE": _given("secondary_engine_attribute"),
}


# -- keys and constraints -------------------------------------------------------------------------

_CONSTRAINTS = {"PRIMARY", "UNIQUE", "FOREIGN", "CHECK"}


def _constraint(reader: Reader, draft: Draft) -> None:
    reader.expect("CONSTRAINT")
    draft.lenient = reader.if_not_exists()
    name = "" if reader.peek() in _CONSTRAINTS else reader.name()
    word = reader.peek()
    if word not in _CONSTRAINTS:
        raise UnreadError("PRIMARY, UNIQUE, FOREIGN or CHECK expected")
    _bare_constraint(reader, draft, name)


def _bare_constraint(reader: Reader, draft: Draft, name: str = "") -> None:
    word = reader.next().upper
    if word == "PRIMARY":
        reader.expect("KEY")
        found = _keyed(reader, draft, "")
        draft.primary_key = found.columns
        draft.extras += [f"prefix={p.name}({p.length})" for p in found.columns if p.length]
        draft.extras += [f"descending={p.name}" for p in found.columns if p.descending]
    elif word == "UNIQUE":
        reader.accept_any("INDEX", "KEY")
        _unique_key(reader, draft, name)
    elif word == "FOREIGN":
        reader.expect("KEY")
        _table_foreign_key(reader, draft, name)
    else:
        _check(reader, draft, name)


def _unique_key(reader: Reader, draft: Draft, name: str) -> None:
    """A UNIQUE clause; over a prefix or an expression it is an index, as the model has it."""
    draft.lenient = reader.if_not_exists() or draft.lenient
    before = len(draft.extras)
    found = _keyed(reader, draft, name)
    if parts.plain(found.columns):
        draft.uniques.append(Unique(tuple(p.name for p in found.columns), found.name))
        return
    options = tuple(draft.extras[before:])
    del draft.extras[before:]
    draft.indexes.append((replace(found, unique=True), options, draft.lenient))


def _index(reader: Reader, draft: Draft) -> None:
    reader.expect(reader.peek())
    _plain_index(reader, draft, "")


def _special(reader: Reader, draft: Draft) -> None:
    """FULLTEXT, SPATIAL or VECTOR."""
    method = reader.next().upper.lower()
    reader.accept_any("INDEX", "KEY")
    _plain_index(reader, draft, method)


def _plain_index(reader: Reader, draft: Draft, method: str) -> None:
    lenient = reader.if_not_exists()
    before = len(draft.extras)
    found = _keyed(reader, draft, "")
    options = tuple(draft.extras[before:])
    del draft.extras[before:]
    draft.indexes.append((replace(found, method=method or found.method), options, lenient))


def _keyed(reader: Reader, draft: Draft, name: str) -> Index:
    """[name] [USING type] (columns) [options]: an index; its other options go to the extras."""
    if reader.peek() not in {"(", "USING", "TYPE"} or reader.peek(1) == "USING":
        name = reader.name()
    method = parts.key_type(reader)
    columns = parts.key_parts(reader)
    for option in parts.key_options(reader):
        word, _, given = option.partition("=")
        if word == "using":
            method = given
        else:
            draft.extras.append(option)
    if method == "btree":  # what an index is anyway
        draft.extras.append("using=btree")
        method = ""
    return Index(name, draft.table, columns, method=method)


def _table_foreign_key(reader: Reader, draft: Draft, name: str) -> None:
    draft.lenient = reader.if_not_exists() or draft.lenient
    index = reader.name() if reader.peek() != "(" else ""
    if index:
        # Its own name where none is given, in MariaDB and in MySQL before 8.0.16.
        draft.extras.append(f"foreign key index={index}")
    columns = reader.names()
    reader.expect("REFERENCES")
    draft.foreign_keys.append(_foreign_key(reader, columns, name or index))


def _foreign_key(reader: Reader, columns: tuple[str, ...], name: str) -> ForeignKey:
    parent = reader.relation()
    ref_columns = tuple(p.name for p in parts.key_parts(reader)) if reader.peek() == "(" else ()
    actions = {"DELETE": "NO ACTION", "UPDATE": "NO ACTION"}
    while reader.peek() == "MATCH" or reader.peek(1) in actions:
        if reader.accept("MATCH"):
            reader.expect(reader.peek() or "FULL")
            continue
        reader.expect("ON")
        event = reader.accept_any(*actions)
        action = reader.words(*_ACTIONS)
        if not action:
            raise UnreadError("an action ON DELETE or ON UPDATE expected")
        # InnoDB knows no deferred checks: RESTRICT is what NO ACTION is (manual, FOREIGN KEY
        # Constraints).
        actions[event] = "NO ACTION" if action == "RESTRICT" else action
    return ForeignKey(columns, parent, ref_columns, actions["DELETE"], actions["UPDATE"], name=name)


_ACTIONS = (("SET", "NULL"), ("SET", "DEFAULT"), ("CASCADE",), ("RESTRICT",), ("NO", "ACTION"))


def _check(reader: Reader, draft: Draft, name: str) -> None:
    expression = parts.normalised(reader.group())
    enforced = not reader.accept("NOT", "ENFORCED")
    reader.accept("ENFORCED")
    draft.checks.append(Check(expression, name, enforced=enforced))


_ELEMENTS: dict[str, Callable[[Reader, Draft], None]] = {
    "CONSTRAINT": _constraint,
    **dict.fromkeys(_CONSTRAINTS, _bare_constraint),
    "INDEX": _index,
    "KEY": _index,
    "FULLTEXT": _special,
    "SPATIAL": _special,
}
