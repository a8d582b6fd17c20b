"""`op.*` calls -> the statements that Alembic sends to PostgreSQL or MySQL -> operations.

After Alembic 1.20: operations/toimpl.py for what is sent in which order, ddl/impl.py,
ddl/postgresql.py and ddl/mysql.py for how it is spelt.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from migsafe.adapters.alembic_columns import Arguments, Unreadable, called
from migsafe.adapters.alembic_enums import create_type
from migsafe.adapters.alembic_text import literal, resolved
from migsafe.adapters.ddl import (
    UNKNOWN_VALUE,
    listed,
    named,
    read,
    text_of,
)
from migsafe.adapters.sqlalchemy_tables import (
    Parts,
    Place,
    column_of,
    condition,
    default,
    excluded,
    expression,
    expression_or_text,
    identity,
    references,
    unique,
)
from migsafe.adapters.sqlalchemy_types import spelled
from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import Table

Made = tuple[Operation, ...]
_TYPED = {"DateTime", "DATETIME", "TIMESTAMP"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation while it is written as SQL."""

    given: Arguments
    dialect: Dialect

    @property
    def postgres(self) -> bool:
        """Is it for PostgreSQL?"""
        return self.dialect is Dialect.POSTGRES

    def place(self, parameter: str = "table_name", schema: str = "schema") -> Place:
        """The table that it is about. Raises Unreadable."""
        table, folder = self.given.text(parameter), self.given.maybe(schema)
        return Place(table, folder, self.given.scope, self.dialect)

    def quoted(self, name: str) -> str:
        """A name in quotes."""
        return named(name, self.dialect)

    def constraint(self) -> str:
        """`ADD CONSTRAINT "x" ` without what follows."""
        name = self.given.maybe("constraint_name")
        return f"CONSTRAINT {self.quoted(name)} " if name else ""


def written(name: str, given: Arguments, dialect: Dialect, line: int) -> Made | None:
    """What `op.<name>` does on a server; None for a call that is not read. Raises Unreadable."""
    call = Call(given, dialect)
    if name == "create_table":
        return _create_table(call, line)
    if name == "add_column":
        return _add_column(call, line)
    write = _STATEMENTS.get(name)
    return None if write is None else read(write(call), dialect, line)


# -- tables ---------------------------------------------------------------------------------------


def _create_table(call: Call, line: int) -> Made:
    place = call.place()
    parts = Parts(place)
    for node in call.given.rest:
        try:
            parts.add(node)
        except Unreadable:
            parts.complete = False
    kinds = tuple(dict.fromkeys(c.enum for c in parts.columns if c.enum and c.enum.create))
    types = tuple(o for k in kinds for o in create_type(k, line))
    texts = [_table_text(call, place, parts), *_table_extras(call, place, parts)]
    made = read(texts, call.dialect, line)
    if not parts.complete:
        made = tuple(map(_in_part, made))
    return (*types, *made)


def _in_part(operation: Operation) -> Operation:
    table = operation.definition
    if operation.kind is not Kind.CREATE_TABLE or not isinstance(table, Table):
        return operation
    return replace(operation, definition=replace(table, complete=False))


def _table_text(call: Call, place: Place, parts: Parts) -> str:
    given = call.given
    prefixes = given.found("prefixes")
    words = prefixes if isinstance(prefixes, tuple) else ()
    before = " ".join(w for w in words if isinstance(w, str))
    exists = "IF NOT EXISTS " if given.flag("if_not_exists") else ""
    options = ""
    if call.postgres and given.maybe("postgresql_partition_by"):
        options = f" PARTITION BY {given.maybe('postgresql_partition_by')}"
    if not call.postgres:
        options = "".join(f" {o}" for o in _mysql_options(call))
    head = f"CREATE {before + ' ' if before else ''}TABLE {exists}{place.name}"
    return f"{head} ({parts.body()}){options}"


def _mysql_options(call: Call) -> Iterator[str]:
    for name in call.given.named:
        word = name.removeprefix("mysql_")
        found = call.given.found(name)
        if word != name and isinstance(found, (str, int)) and word != "partition_by":
            yield f"{word.replace('default_', 'default ').upper()}={found}"
    if call.given.maybe("comment"):
        yield f"COMMENT={text_of(call.given.maybe('comment'), call.dialect)}"


def _table_extras(call: Call, place: Place, parts: Parts) -> list[str]:
    """The statements that follow CREATE TABLE, in the order in which they are sent."""
    texts = [i for column in parts.columns for i in column.indexes]
    if not call.postgres:
        return texts
    if call.given.maybe("comment"):
        said = text_of(call.given.maybe("comment"), call.dialect)
        texts.append(f"COMMENT ON TABLE {place.name} IS {said}")
    return texts + [_column_comment(place, c.name, c.comment) for c in parts.columns if c.comment]


def _column_comment(place: Place, column: str, said: object) -> str:
    text = text_of(said, place.dialect)
    return f"COMMENT ON COLUMN {place.name}.{place.quoted(column)} IS {text}"


def _drop_table(call: Call) -> list[str]:
    exists = "IF EXISTS " if call.given.flag("if_exists") else ""
    return [f"DROP TABLE {exists}{call.place().name}"]


def _rename_table(call: Call) -> list[str]:
    place = call.place("old_table_name")
    new = call.given.text("new_table_name")
    target = call.quoted(new) if call.postgres else named(new, call.dialect, place.schema)
    return [f"ALTER TABLE {place.name} RENAME TO {target}"]


def _table_comment(call: Call) -> list[str]:
    place = call.place()
    said = text_of(call.given.maybe("comment") or None, call.dialect)
    if call.postgres:
        return [f"COMMENT ON TABLE {place.name} IS {said}"]
    return [f"ALTER TABLE {place.name} COMMENT {'' if said == 'NULL' else said or ''}"]


def _drop_table_comment(call: Call) -> list[str]:
    place = call.place()
    if call.postgres:
        return [f"COMMENT ON TABLE {place.name} IS NULL"]
    return [f"ALTER TABLE {place.name} COMMENT ''"]


# -- columns --------------------------------------------------------------------------------------


def _add_column(call: Call, line: int) -> Made:
    place = call.place()
    column = column_of(call.given.node("column"), place)
    exists = "IF NOT EXISTS " if call.given.flag("if_not_exists") else ""
    alter = f"ALTER TABLE {place.name} ADD "
    texts = [f"{alter}COLUMN {exists}{column.written(place, True)}"]
    texts += [alter + c for c in column.constraints]
    texts += column.indexes
    if call.postgres and column.comment:
        texts.append(_column_comment(place, column.name, column.comment))
    return read(texts, call.dialect, line)


def _drop_column(call: Call) -> list[str]:
    exists = "IF EXISTS " if call.given.flag("if_exists") else ""
    column = call.quoted(call.given.text("column_name"))
    return [f"ALTER TABLE {call.place().name} DROP COLUMN {exists}{column}"]


def _alter_column(call: Call) -> list[str]:
    place = call.place()
    column = call.given.text("column_name")
    changed = _altered_postgres if call.postgres else _altered_mysql
    return changed(call, place, column)


def _altered_postgres(call: Call, place: Place, column: str) -> list[str]:
    """One statement for each aspect, in Alembic's order; the new name comes last."""
    given = call.given
    alter = f"ALTER TABLE {place.name} ALTER COLUMN {call.quoted(column)} "
    texts: list[str] = []
    if given.found("type_") is not None:
        using = expression_or_text(given.node("postgresql_using"), place)
        how = f" USING {using}" if given.found("postgresql_using") is not None else ""
        kind = spelled(given.node("type_"), given.scope, call.dialect)
        texts.append(f"{alter}TYPE {kind}{how}")
    if isinstance(nullable := given.found("nullable"), bool):
        texts.append(f"{alter}{'DROP' if nullable else 'SET'} NOT NULL")
    elif nullable is not None:
        raise Unreadable("nullable is not a literal")
    if given.found("server_default", False) is not False:
        texts.append(alter + _new_default(call, place))
    if given.found("comment", False) is not False:
        texts.append(_column_comment(place, column, given.found("comment")))
    if given.found("new_column_name") is not None:
        new = call.quoted(given.text("new_column_name"))
        texts.append(f"ALTER TABLE {place.name} RENAME {call.quoted(column)} TO {new}")
    return texts


def _new_default(call: Call, place: Place) -> str:
    node = resolved(call.given.node("server_default"), call.given.scope)
    before = resolved(call.given.node("existing_server_default"), call.given.scope)
    if isinstance(node, ast.Call) and called(node) == "Identity":
        return f"ADD {identity(node, place)}"
    if called(before) == "Identity" and default(node, place) == "":
        return "DROP IDENTITY"
    said = default(node, place)
    return f"SET DEFAULT {said}" if said else "DROP DEFAULT"


def _altered_mysql(call: Call, place: Place, column: str) -> list[str]:
    """MODIFY and CHANGE declare the whole column anew; only a default is changed alone."""
    given = call.given
    alter = f"ALTER TABLE {place.name} "
    new = given.text("new_column_name") if given.found("new_column_name") is not None else ""
    said = given.found("server_default", False) is not False
    if new or (_is_timed(call) and given.found("server_default", False) is not None and said):
        names = f"{call.quoted(column)} {call.quoted(new or column)}"
        return [f"{alter}CHANGE {names} {_whole(call, place)}"]
    changes = any(given.found(n) is not None for n in ("nullable", "type_", "autoincrement"))
    if changes or given.found("comment", False) is not False:
        return [f"{alter}MODIFY {call.quoted(column)} {_whole(call, place)}"]
    if not said:
        return []
    text = default(given.node("server_default"), place)
    how = f"SET DEFAULT {text}" if text else "DROP DEFAULT"
    return [f"{alter}ALTER COLUMN {call.quoted(column)} {how}"]


def _is_timed(call: Call) -> bool:
    node = call.given.node("type_") or call.given.node("existing_type")
    name = called(resolved(node, call.given.scope))
    return name in _TYPED


def _whole(call: Call, place: Place) -> str:
    given = call.given
    nullable = given.found("nullable")
    if nullable is None:
        nullable = given.found("existing_nullable")
    kind = spelled(given.node("type_") or given.node("existing_type"), given.scope, call.dialect)
    words = [kind, "NOT NULL" if nullable is False else "NULL"]
    if given.found("autoincrement", given.found("existing_autoincrement")) is True:
        words.append("AUTO_INCREMENT")
    fresh = given.found("server_default", False) is not False
    value = default(given.node("server_default" if fresh else "existing_server_default"), place)
    words += [f"DEFAULT {value}"] if value and value != "false" else []
    told = given.found("comment", given.found("existing_comment"))
    words += [f"COMMENT {text_of(told, call.dialect)}"] if isinstance(told, str) else []
    return " ".join(words)


# -- indexes --------------------------------------------------------------------------------------


def _create_index(call: Call) -> list[str]:
    given, place = call.given, call.place()
    nodes = given.node("columns")
    found = given.found("columns")
    if isinstance(nodes, (ast.List, ast.Tuple)):
        terms = [_term(n, call, place) for n in nodes.elts]
    elif isinstance(found, tuple) and all(isinstance(f, str) for f in found):
        terms = [_sized(call, f, call.quoted(f)) for f in found]
    else:
        raise Unreadable("the columns are not a literal list")
    prefix = given.maybe("mysql_prefix") if not call.postgres else ""
    words = ["CREATE", "UNIQUE" if given.flag("unique") else prefix, "INDEX"]
    if call.postgres and given.flag("postgresql_concurrently"):
        words.append("CONCURRENTLY")
    words.append("IF NOT EXISTS" if given.flag("if_not_exists") else "")
    name = given.maybe("index_name")
    words += [call.quoted(name) if name else "", "ON", place.name, _method(call)]
    head = " ".join(w for w in words if w)
    return [f"{head} ({', '.join(terms)}){_index_tail(call, place)}"]


def _method(call: Call) -> str:
    found = call.given.maybe("postgresql_using") if call.postgres else ""
    return f"USING {found}" if found else ""


def _term(node: ast.expr, call: Call, place: Place) -> str:
    found = literal(node, call.given.scope)
    if isinstance(found, str) and not isinstance(resolved(node, call.given.scope), ast.Call):
        return _sized(call, found, call.quoted(found))
    if isinstance(found, str) and called(node) in {"f", "_f", "quoted_name"}:
        return _sized(call, found, call.quoted(found))
    return expression(node, place) or UNKNOWN_VALUE


def _sized(call: Call, name: str, text: str) -> str:
    """A column with its operator class (PostgreSQL) or its length (MySQL)."""
    length = call.given.found("mysql_length")
    if not call.postgres and isinstance(length, int):
        return f"{text}({length})"
    node = call.given.node("postgresql_ops" if call.postgres else "mysql_length")
    if not isinstance(node, ast.Dict):
        return text
    for key, said in zip(node.keys, node.values, strict=True):
        if literal(key, call.given.scope) == name:
            found = literal(said, call.given.scope)
            return f"{text} {found}" if call.postgres else f"{text}({found})"
    return text


def _index_tail(call: Call, place: Place) -> str:
    given = call.given
    if not call.postgres:
        using = given.maybe("mysql_using")
        return f" USING {using}" if using else ""
    include = given.found("postgresql_include")
    names = tuple(n for n in include if isinstance(n, str)) if isinstance(include, tuple) else ()
    text = f" INCLUDE {listed(names, call.dialect)}" if names else ""
    if given.flag("postgresql_nulls_not_distinct"):
        text += " NULLS NOT DISTINCT"
    where = given.node("postgresql_where")
    if where is not None and literal(where, given.scope) is not None:
        text += f" WHERE {expression_or_text(where, place)}"
    return text


def _drop_index(call: Call) -> list[str]:
    given = call.given
    exists = "IF EXISTS " if given.flag("if_exists") else ""
    name = given.text("index_name")
    if not call.postgres:
        return [f"DROP INDEX {exists}{call.quoted(name)} ON {call.place().name}"]
    how = "CONCURRENTLY " if given.flag("postgresql_concurrently") else ""
    return [f"DROP INDEX {how}{exists}{named(name, call.dialect, given.maybe('schema'))}"]


# -- constraints ----------------------------------------------------------------------------------


def _add(place: Place, clause: str) -> list[str]:
    return [f"ALTER TABLE {place.name} ADD {clause}"]


def _create_unique_constraint(call: Call) -> list[str]:
    place = call.place()
    columns, name = call.given.texts("columns"), call.given.maybe("constraint_name")
    return _add(place, unique(columns, name, call.given, place))


def _create_foreign_key(call: Call) -> list[str]:
    given = call.given
    place = call.place("source_table", "source_schema")
    path = [given.text("referent_table"), ""]
    return _add(
        place, references(given.texts("local_cols"), path, given.texts("remote_cols"), given, place)
    )


def _create_check_constraint(call: Call) -> list[str]:
    place, given = call.place(), call.given
    name = given.maybe("constraint_name")
    return _add(place, condition(given, given.node("condition"), name, place))


def _create_exclude_constraint(call: Call) -> list[str]:
    place, given = call.place(), call.given
    return _add(place, excluded(given.rest, given.maybe("constraint_name"), given, place))


def _create_primary_key(call: Call) -> list[str]:
    columns = listed(call.given.texts("columns"), call.dialect)
    return _add(call.place(), f"{call.constraint()}PRIMARY KEY {columns}")


_DROPS = {"foreignkey": "FOREIGN KEY ", "unique": "INDEX ", "check": "CHECK "}


def _drop_constraint(call: Call) -> list[str]:
    given = call.given
    exists = "IF EXISTS " if given.flag("if_exists") else ""
    alter = f"ALTER TABLE {call.place().name} DROP "
    kind = given.maybe("type_")
    if not call.postgres and kind == "primary":
        return [f"{alter}PRIMARY KEY"]
    what = "CONSTRAINT " if call.postgres else _DROPS.get(kind, "CONSTRAINT ")
    return [f"{alter}{what}{exists}{call.quoted(given.text('constraint_name'))}"]


_STATEMENTS: dict[str, Callable[[Call], list[str]]] = {
    "drop_table": _drop_table,
    "rename_table": _rename_table,
    "create_table_comment": _table_comment,
    "drop_table_comment": _drop_table_comment,
    "drop_column": _drop_column,
    "alter_column": _alter_column,
    "create_index": _create_index,
    "drop_index": _drop_index,
    "create_unique_constraint": _create_unique_constraint,
    "create_foreign_key": _create_foreign_key,
    "create_check_constraint": _create_check_constraint,
    "create_exclude_constraint": _create_exclude_constraint,
    "create_primary_key": _create_primary_key,
    "drop_constraint": _drop_constraint,
}
