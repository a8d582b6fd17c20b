"""ALTER of PostgreSQL's tables, indexes and views (manual, ALTER TABLE, ALTER INDEX, ...)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from migsafe.model.migration import Kind, Operation
from migsafe.model.schema import Column, Table
from migsafe.sql import postgres_columns as columns
from migsafe.sql.reader import Reader, UnreadError
from migsafe.sql.tokens import joined

Action = Callable[[Reader, Operation], Operation]


def alter_table(reader: Reader) -> tuple[Operation, ...]:
    """From TABLE on: one operation for each action."""
    line = reader.line()
    if reader.accept("ALL", "IN", "TABLESPACE"):
        reader.rest()
        return (Operation(Kind.TABLE_OPTION, name="tablespace", options=("all",), line=line),)
    lenient = reader.if_exists()
    only = ("only",) if reader.accept("ONLY") else ()
    table = reader.relation()
    reader.accept("*")
    common = Operation(Kind.TABLE_OPTION, table=table, if_exists=lenient, options=only, line=line)
    found = [_action(reader, common)]
    while reader.accept(","):
        found.append(_action(reader, replace(common, line=reader.line())))
    return tuple(found)


def _action(reader: Reader, common: Operation) -> Operation:
    word = reader.next().upper
    read = _ACTIONS.get(word)
    if read is None:
        raise UnreadError(f"ALTER TABLE .. {word or 'this'} is not known")
    return read(reader, common)


def _with(common: Operation, *options: str) -> tuple[str, ...]:
    return (*common.options, *(o for o in options if o))


def _behaviour(reader: Reader) -> str:
    return reader.accept_any("CASCADE", "RESTRICT").lower()


# -- ADD, DROP and RENAME -------------------------------------------------------------------------


def _add(reader: Reader, common: Operation) -> Operation:
    if reader.peek() in {"CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN", "EXCLUDE"} or (
        reader.ahead("NOT", "NULL")
    ):
        made, name, options = columns.added_constraint(reader, common.table)
        if options[:1] == ("set not null",):
            return _set_not_null(common, made.columns[0].name, *options[1:])
        return replace(
            common,
            kind=Kind.ADD_CONSTRAINT,
            name=name,
            definition=made,
            columns=_constrained(made),
            options=_with(common, *options),
        )
    reader.accept("COLUMN")
    lenient = reader.if_not_exists()
    made = columns.added_column(reader, common.table)
    return replace(
        common,
        kind=Kind.ADD_COLUMN,
        column=made.columns[0].name,
        definition=made,
        if_not_exists=lenient,
    )


def _constrained(made: Table) -> tuple[str, ...]:
    named = (*(u.columns for u in made.uniques), *(f.columns for f in made.foreign_keys))
    return named[0] if named else made.primary_key


def _drop(reader: Reader, common: Operation) -> Operation:
    if reader.accept("CONSTRAINT"):
        lenient = reader.if_exists()
        return replace(
            common,
            kind=Kind.DROP_CONSTRAINT,
            name=reader.name(),
            if_exists=lenient or common.if_exists,
            options=_with(common, _behaviour(reader)),
        )
    reader.accept("COLUMN")
    lenient = reader.if_exists()
    return replace(
        common,
        kind=Kind.DROP_COLUMN,
        column=reader.name(),
        if_exists=lenient or common.if_exists,
        options=_with(common, _behaviour(reader)),
    )


def _rename(reader: Reader, common: Operation) -> Operation:
    if reader.accept("TO"):
        return replace(common, kind=Kind.RENAME_TABLE, new_name=_sibling(reader, common.table))
    if reader.accept("CONSTRAINT"):
        old = reader.name()
        reader.expect("TO")
        return replace(common, kind=Kind.RENAME_CONSTRAINT, name=old, new_name=reader.name())
    if reader.peek(1) != "TO":
        reader.accept("COLUMN")
    column = reader.name()
    reader.expect("TO")
    return replace(common, kind=Kind.RENAME_COLUMN, column=column, new_name=reader.name())


def _sibling(reader: Reader, table: str) -> str:
    """A new name, in the schema of the old one."""
    schema, dot, _ = table.rpartition(".")
    return schema + dot + reader.name()


# -- ALTER COLUMN and ALTER CONSTRAINT ------------------------------------------------------------


def _alter(reader: Reader, common: Operation) -> Operation:
    if reader.accept("CONSTRAINT"):
        name = reader.name()
        return replace(
            common,
            kind=Kind.ALTER_CONSTRAINT,
            name=name,
            value=joined(reader.until(",")).lower(),
        )
    reader.accept("COLUMN")
    column = reader.name()
    if reader.accept("SET", "NOT", "NULL"):
        return _set_not_null(common, column)
    if reader.accept("DROP", "NOT", "NULL"):
        return _changed(common, Column(column), "drop not null")
    if reader.accept("SET", "DEFAULT"):
        value = columns.expression(reader)
        return _changed(common, Column(column, default=value), "set default")
    if reader.accept("DROP", "DEFAULT"):
        return _changed(common, Column(column), "drop default")
    if reader.accept("TYPE") or reader.accept("SET", "DATA", "TYPE"):
        return _retyped(reader, common, column)
    return _column_option(reader, common, column)


def _changed(common: Operation, column: Column, value: str, *options: str) -> Operation:
    made = Table(common.table, (column,), complete=False)
    return replace(
        common,
        kind=Kind.ALTER_COLUMN,
        column=column.name,
        definition=made,
        value=value,
        options=_with(common, *options),
    )


def _set_not_null(common: Operation, column: str, *options: str) -> Operation:
    return _changed(common, Column(column, not_null=True), "set not null", *options)


def _retyped(reader: Reader, common: Operation, column: str) -> Operation:
    declared = columns.type_name(reader)
    collation = reader.relation() if reader.accept("COLLATE") else ""
    using = ""
    if reader.accept("USING"):
        using = "using=" + reader.source(reader.until(","))
    made = Column(column, declared, collation=collation)
    return _changed(common, made, "type", using, "collate" if collation else "")


def _column_option(reader: Reader, common: Operation, column: str) -> Operation:
    if reader.accept("ADD", "GENERATED"):
        always = reader.accept("ALWAYS")
        reader.until(",")
        kind = "always" if always else "by default"
        return _changed(common, Column(column, identity=kind), "add identity")
    what = reader.words(*_COLUMN_OPTIONS)
    if not what:
        raise UnreadError(f"ALTER COLUMN .. {reader.next().text} is not known")
    reader.until(",")
    return _changed(common, Column(column), _COLUMN_WORDS.get(what, what.lower()))


_COLUMN_OPTIONS = (
    ("DROP", "IDENTITY"),
    ("DROP", "EXPRESSION"),
    ("SET", "EXPRESSION"),
    ("SET", "STATISTICS"),
    ("SET", "STORAGE"),
    ("SET", "COMPRESSION"),
    ("SET", "GENERATED"),
    ("SET", "INCREMENT"),
    ("SET", "START"),
    ("SET", "("),
    ("RESET", "("),
    ("RESTART",),
    ("OPTIONS",),
)
_COLUMN_WORDS = {"SET (": "options", "RESET (": "options"}


# -- everything else about a table ----------------------------------------------------------------


def _validate(reader: Reader, common: Operation) -> Operation:
    reader.expect("CONSTRAINT")
    return replace(common, kind=Kind.VALIDATE_CONSTRAINT, name=reader.name())


def _attach(reader: Reader, common: Operation) -> Operation:
    reader.expect("PARTITION")
    child = reader.relation()
    bound = joined(reader.rest())
    return replace(
        common,
        kind=Kind.ATTACH_PARTITION,
        name=child,
        value=bound,
        options=_with(common, "default" if bound == "DEFAULT" else ""),
    )


def _detach(reader: Reader, common: Operation) -> Operation:
    reader.expect("PARTITION")
    child = reader.relation()
    word = reader.accept_any("CONCURRENTLY", "FINALIZE").lower()
    return replace(common, kind=Kind.DETACH_PARTITION, name=child, options=_with(common, word))


def _toggle(on: str) -> Action:
    def read(reader: Reader, common: Operation) -> Operation:
        words = reader.words(*_TOGGLED)
        if words == "ROW LEVEL SECURITY":
            return replace(common, name="row level security", value=on)
        if not words:
            raise UnreadError(f"{on.upper()} {reader.next().text} is not known")
        name = reader.next()
        value = f"{on} {words.lower().replace(' trigger', '').replace(' rule', '')}"
        what = "trigger" if "TRIGGER" in words else "rule"
        mode = value if value not in {f"{on} trigger", f"{on} rule"} else on
        return replace(common, name=what, value=mode, options=_with(common, name.name.lower()))

    return read


_TOGGLED = (
    ("ROW", "LEVEL", "SECURITY"),
    ("REPLICA", "TRIGGER"),
    ("ALWAYS", "TRIGGER"),
    ("TRIGGER",),
    ("REPLICA", "RULE"),
    ("ALWAYS", "RULE"),
    ("RULE",),
)


def _force(reader: Reader, common: Operation) -> Operation:
    reader.expect("ROW", "LEVEL", "SECURITY")
    return replace(common, name="force row level security", value="on")


def _no(reader: Reader, common: Operation) -> Operation:
    if reader.accept("FORCE", "ROW", "LEVEL", "SECURITY"):
        return replace(common, name="force row level security", value="off")
    reader.expect("INHERIT")
    return replace(common, name="no inherit", value=reader.relation())


def _owner(reader: Reader, common: Operation) -> Operation:
    reader.expect("TO")
    return replace(common, name="owner", value=reader.next().name)


def _set(reader: Reader, common: Operation) -> Operation:
    if reader.accept("SCHEMA"):
        schema = reader.name()
        bare = common.table.rpartition(".")[2]
        new = bare if schema == "public" else f"{schema}.{bare}"
        return replace(
            common, kind=Kind.RENAME_TABLE, new_name=new, options=_with(common, "set schema")
        )
    if reader.accept("TABLESPACE"):
        value = reader.name()
        reader.accept("NOWAIT")
        return replace(common, name="tablespace", value=value)
    if reader.accept("ACCESS", "METHOD"):
        return replace(common, name="access method", value=reader.name())
    if reader.accept("WITHOUT"):
        return replace(common, name="without", value=reader.next().text.lower())
    if reader.peek() == "(":
        return replace(common, name="storage", value=joined(reader.group()))
    word = reader.accept_any("LOGGED", "UNLOGGED")
    if not word:
        raise UnreadError(f"SET {reader.next().text} is not known")
    return replace(common, name="logged", value=word.lower())


def _reset(reader: Reader, common: Operation) -> Operation:
    return replace(common, name="storage", value="reset " + joined(reader.group()))


def _cluster(reader: Reader, common: Operation) -> Operation:
    reader.expect("ON")
    return replace(common, name="cluster", value=reader.name())


def _replica(reader: Reader, common: Operation) -> Operation:
    reader.expect("IDENTITY")
    return replace(common, name="replica identity", value=joined(reader.until(",")).lower())


def _inherit(reader: Reader, common: Operation) -> Operation:
    return replace(common, name="inherit", value=reader.relation())


def _other(name: str) -> Action:
    def read(reader: Reader, common: Operation) -> Operation:
        return replace(common, name=name, value=joined(reader.until(",")).lower())

    return read


_ACTIONS: dict[str, Action] = {
    "ADD": _add,
    "DROP": _drop,
    "RENAME": _rename,
    "ALTER": _alter,
    "VALIDATE": _validate,
    "ATTACH": _attach,
    "DETACH": _detach,
    "ENABLE": _toggle("enable"),
    "DISABLE": _toggle("disable"),
    "FORCE": _force,
    "NO": _no,
    "OWNER": _owner,
    "SET": _set,
    "RESET": _reset,
    "CLUSTER": _cluster,
    "REPLICA": _replica,
    "INHERIT": _inherit,
    "OF": _other("of"),
    "NOT": _other("not of"),
    "OPTIONS": _other("options"),
}


# -- indexes and views ----------------------------------------------------------------------------


def alter_index(reader: Reader) -> tuple[Operation, ...]:
    """From INDEX on."""
    line = reader.line()
    lenient = reader.if_exists()
    name = reader.relation()
    common = Operation(Kind.ALTER_INDEX, name=name, if_exists=lenient, line=line)
    if reader.accept("RENAME", "TO"):
        return (replace(common, kind=Kind.RENAME_INDEX, new_name=_sibling(reader, name)),)
    if reader.accept("ATTACH", "PARTITION"):
        return (replace(common, value="attach partition", new_name=reader.relation()),)
    value = joined(reader.rest()).lower()
    if not value:
        raise UnreadError("what becomes of the index is missing")
    return (replace(common, value=value),)


def alter_view(reader: Reader, *, materialised: bool = False) -> tuple[Operation, ...]:
    """From VIEW on."""
    line = reader.line()
    lenient = reader.if_exists()
    name = reader.relation()
    options = ("materialized",) if materialised else ()
    common = Operation(
        Kind.ALTER_OTHER, name=name, if_exists=lenient, options=options, value="view", line=line
    )
    if reader.accept("RENAME", "TO"):
        return (replace(common, kind=Kind.RENAME_VIEW, new_name=_sibling(reader, name), value=""),)
    if reader.accept("SET", "SCHEMA"):
        new = f"{reader.name()}.{name.rpartition('.')[2]}".removeprefix("public.")
        return (replace(common, kind=Kind.RENAME_VIEW, new_name=new, value=""),)
    joined(reader.rest())
    return (common,)
