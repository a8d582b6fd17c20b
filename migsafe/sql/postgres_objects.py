"""PostgreSQL's types, sequences, functions and other objects; commands on whole tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from migsafe.model.migration import Kind, Operation
from migsafe.model.schema import Check, Sequence, UserType
from migsafe.sql import postgres_columns as columns
from migsafe.sql.postgres_body import function_options, procedure
from migsafe.sql.reader import Reader, UnreadError, normalised
from migsafe.sql.tokens import STRING, joined

Options = tuple[str, ...]

_OTHERS = (
    ("ACCESS", "METHOD"), ("AGGREGATE",), ("CAST",), ("COLLATION",), ("CONVERSION",), ("DATABASE",),
    ("DEFAULT", "PRIVILEGES"), ("EVENT", "TRIGGER"), ("DATA", "WRAPPER"), ("GROUP",), ("LANGUAGE",),
    ("LARGE", "OBJECT"), ("OPERATOR", "CLASS"), ("OPERATOR", "FAMILY"), ("OPERATOR",),
    ("PUBLICATION",), ("ROLE",), ("RULE",), ("SERVER",), ("STATISTICS",), ("SUBSCRIPTION",),
    ("SYSTEM",), ("TABLESPACE",), ("TEXT", "SEARCH"), ("TRANSFORM",), ("TRIGGER",), ("USER",),
    ("OWNED",), ("ROUTINE",), ("FOREIGN", "DATA", "WRAPPER"), ("PROCEDURAL", "LANGUAGE"),
)  # fmt: skip
"""Objects whose own shape no rule asks for."""


# -- CREATE ---------------------------------------------------------------------------------------


def create(reader: Reader, options: Options, kind: str) -> tuple[Operation, ...]:
    """What follows CREATE and its modifiers, where it is no table, index, view or trigger."""
    line = reader.line()
    if not kind:
        kind = reader.words(*((w,) for w in _CREATORS), *_OTHERS)
    if not kind:
        raise UnreadError(f"CREATE {reader.next().text} is not known")
    common = Operation(Kind.CREATE_OTHER, value=kind.lower(), options=options, line=line)
    make = _CREATORS.get(kind)
    if make is not None:
        return (make(reader, common),)
    lenient = reader.if_not_exists()
    name = reader.tokens[reader.at].name if reader else ""
    table = _on_table(reader, kind)
    return (replace(common, name=name, table=table, if_not_exists=lenient),)


def _on_table(reader: Reader, kind: str) -> str:
    """The table after ON, FROM or (rules) TO, "" for none; steps over the whole rest."""
    table = ""
    marks = {"FROM"} if kind == "STATISTICS" else {"ON", "FROM"}
    while reader:
        word = reader.next().upper
        if word in marks and not table and reader and reader.peek() != "(":
            try:
                table = reader.relation()
            except UnreadError:
                continue
    return table


def _create_type(reader: Reader, common: Operation) -> Operation:
    name = reader.relation()
    made = UserType(name)
    if reader.accept("AS", "ENUM"):
        made = replace(made, kind="enum", labels=_labels(reader))
    elif reader.accept("AS") and reader.peek() == "(":
        reader.group()
        made = replace(made, kind="composite")
    reader.rest()
    return replace(common, kind=Kind.CREATE_TYPE, name=name, value=made.kind, definition=made)


def _labels(reader: Reader) -> tuple[str, ...]:
    terms = reader.terms()
    if any(len(t) != 1 or t[0].kind != STRING for t in terms):
        raise UnreadError("an enum's values are strings")
    return tuple(t[0].name for t in terms)


def _create_domain(reader: Reader, common: Operation) -> Operation:
    name = reader.relation()
    reader.accept("AS")
    base = columns.type_name(reader)
    checks: list[Check] = []
    not_null = False
    while reader:
        if reader.accept("CONSTRAINT"):
            reader.name()
        elif reader.accept("CHECK"):
            checks.append(Check(normalised(reader.group())))
        elif reader.accept("NOT", "NULL"):
            not_null = True
        elif reader.accept("DEFAULT"):
            columns.expression(reader)
        elif reader.accept("COLLATE"):
            reader.relation()
        else:
            reader.expect("NULL")
    made = UserType(name, "domain", base=base, not_null=not_null, checks=tuple(checks))
    return replace(common, kind=Kind.CREATE_TYPE, name=name, value="domain", definition=made)


def _create_sequence(reader: Reader, common: Operation) -> Operation:
    lenient = reader.if_not_exists()
    name = reader.relation()
    declared = columns.type_name(reader) if reader.accept("AS") else ""
    owner = _owner(reader)
    made = Sequence(name, declared, owner)
    return replace(
        common,
        kind=Kind.CREATE_SEQUENCE,
        name=name,
        value="",
        definition=made,
        if_not_exists=lenient,
    )


def _owner(reader: Reader) -> str:
    """What OWNED BY names, `table.column`; steps over the whole rest."""
    owner = ""
    while reader:
        if reader.accept("OWNED", "BY"):
            owner = "" if reader.accept("NONE") else reader.relation()
        else:
            reader.next()
    return owner


def _create_function(reader: Reader, common: Operation) -> Operation:
    name = reader.relation()
    arguments = joined(reader.group()) if reader.peek() == "(" else ""
    definition = reader.tokens[reader.at :]
    options = function_options(reader)
    value = f"{name}({arguments})"
    made = replace(
        common,
        kind=Kind.CREATE_FUNCTION,
        name=name,
        value=value,
        options=(*common.options, common.value, *options),
    )
    if common.value != "procedure":
        return made
    from migsafe.sql.parse import operations  # noqa: PLC0415 - parse reads this module on demand

    return replace(made, body=procedure(reader, definition, operations))


def _create_schema(reader: Reader, common: Operation) -> Operation:
    lenient = reader.if_not_exists()
    name = "" if reader.accept("AUTHORIZATION") else reader.name()
    reader.rest()
    return replace(common, kind=Kind.CREATE_SCHEMA, name=name, value="", if_not_exists=lenient)


def _create_extension(reader: Reader, common: Operation) -> Operation:
    lenient = reader.if_not_exists()
    name = reader.name()
    reader.rest()
    return replace(common, kind=Kind.CREATE_EXTENSION, name=name, value="", if_not_exists=lenient)


def _create_policy(reader: Reader, common: Operation) -> Operation:
    name = reader.name()
    reader.expect("ON")
    table = reader.relation()
    text = joined(reader.rest())
    restrictive = ("restrictive",) if text.upper().startswith("AS RESTRICTIVE") else ()
    return replace(
        common,
        kind=Kind.CREATE_POLICY,
        name=name,
        table=table,
        value=text,
        options=(*common.options, *restrictive),
    )


_CREATORS: dict[str, Callable[[Reader, Operation], Operation]] = {
    "TYPE": _create_type,
    "DOMAIN": _create_domain,
    "SEQUENCE": _create_sequence,
    "FUNCTION": _create_function,
    "PROCEDURE": _create_function,
    "SCHEMA": _create_schema,
    "EXTENSION": _create_extension,
    "POLICY": _create_policy,
}


# -- ALTER ----------------------------------------------------------------------------------------


def alter(reader: Reader) -> tuple[Operation, ...]:
    """What follows ALTER, where it is no table, index or view."""
    line = reader.line()
    kind = reader.words(*((w,) for w in _ALTERED), *_OTHERS)
    if not kind:
        raise UnreadError(f"ALTER {reader.next().text} is not known")
    common = Operation(Kind.ALTER_OTHER, value=kind.lower(), line=line)
    if kind in {"TYPE", "DOMAIN"}:
        return (_alter_type(reader, common),)
    if kind == "SEQUENCE":
        return (_alter_sequence(reader, common),)
    if kind == "TRIGGER":
        return (_alter_trigger(reader, common),)
    name = reader.tokens[reader.at].name if reader else ""
    table = _on_table(reader, kind)
    return (replace(common, name=name, table=table),)


_ALTERED = ("TYPE", "DOMAIN", "SEQUENCE", "FUNCTION", "PROCEDURE", "SCHEMA", "EXTENSION", "POLICY")


def _alter_trigger(reader: Reader, common: Operation) -> Operation:
    name = reader.name()
    reader.expect("ON")
    table = reader.relation()
    new = reader.name() if reader.accept("RENAME", "TO") else ""
    reader.rest()
    return replace(common, name=name, table=table, new_name=new)


def _alter_type(reader: Reader, common: Operation) -> Operation:
    name = reader.relation()
    common = replace(
        common, kind=Kind.ALTER_TYPE, name=name, options=(common.value,), value="other"
    )
    if reader.accept("ADD", "VALUE"):
        return _add_value(reader, common)
    if reader.accept("RENAME", "VALUE"):
        old = _string(reader)
        reader.expect("TO")
        options = (*common.options, f"old={old}", f"label={_string(reader)}")
        return replace(common, value="rename value", options=options)
    if reader.accept("RENAME", "TO"):
        return replace(common, value="rename", new_name=reader.name())
    if reader.accept("SET", "SCHEMA"):
        bare = name.rpartition(".")[2]
        new = f"{reader.name()}.{bare}".removeprefix("public.")
        return replace(common, value="rename", new_name=new)
    start = reader.at
    words = [t.upper for t in reader.rest()]
    text = joined(reader.tokens[start:])
    for value, head in _TYPE_CHANGES:
        if words[: len(head)] == list(head):
            options = ("not valid",) if words[-2:] == ["NOT", "VALID"] else ()
            return replace(common, value=value, options=(*common.options, *options))
    return replace(common, value=text.lower())


_TYPE_CHANGES = (
    ("add constraint", ("ADD", "CONSTRAINT")),
    ("add constraint", ("ADD", "CHECK")),
    ("validate constraint", ("VALIDATE", "CONSTRAINT")),
    ("drop constraint", ("DROP", "CONSTRAINT")),
    ("set not null", ("SET", "NOT", "NULL")),
    ("drop not null", ("DROP", "NOT", "NULL")),
    ("set default", ("SET", "DEFAULT")),
    ("drop default", ("DROP", "DEFAULT")),
    ("owner", ("OWNER", "TO")),
    ("add attribute", ("ADD", "ATTRIBUTE")),
    ("drop attribute", ("DROP", "ATTRIBUTE")),
    ("alter attribute", ("ALTER", "ATTRIBUTE")),
)


def _add_value(reader: Reader, common: Operation) -> Operation:
    lenient = reader.if_not_exists()
    options = [*common.options, f"label={_string(reader)}"]
    where = reader.accept_any("BEFORE", "AFTER")
    if where:
        options.append(f"{where.lower()}={_string(reader)}")
    return replace(common, value="add value", if_not_exists=lenient, options=tuple(options))


def _string(reader: Reader) -> str:
    token = reader.next()
    if token.kind != STRING:
        raise UnreadError(f"a string expected, {token.text} found")
    return token.name


def _alter_sequence(reader: Reader, common: Operation) -> Operation:
    lenient = reader.if_exists()
    name = reader.relation()
    common = replace(common, kind=Kind.ALTER_SEQUENCE, name=name, if_exists=lenient, value="")
    if reader.accept("RENAME", "TO"):
        schema, dot, _ = name.rpartition(".")
        return replace(common, value="rename", new_name=schema + dot + reader.name())
    if reader.accept("SET", "SCHEMA"):
        new = f"{reader.name()}.{name.rpartition('.')[2]}".removeprefix("public.")
        return replace(common, value="rename", new_name=new)
    start = reader.at
    owner = _owner(reader)
    made = Sequence(name, owner=owner)
    return replace(common, value=joined(reader.tokens[start:]).lower(), definition=made)


# -- DROP -----------------------------------------------------------------------------------------

_DROPPED = {
    "TYPE": Kind.DROP_TYPE,
    "DOMAIN": Kind.DROP_TYPE,
    "SEQUENCE": Kind.DROP_SEQUENCE,
    "FUNCTION": Kind.DROP_FUNCTION,
    "PROCEDURE": Kind.DROP_FUNCTION,
    "ROUTINE": Kind.DROP_FUNCTION,
    "AGGREGATE": Kind.DROP_FUNCTION,
    "SCHEMA": Kind.DROP_SCHEMA,
    "EXTENSION": Kind.DROP_EXTENSION,
    "POLICY": Kind.DROP_POLICY,
}


def drop(reader: Reader) -> tuple[Operation, ...]:
    """What follows DROP, where it is no table, index, view or trigger."""
    line = reader.line()
    what = reader.words(*((w,) for w in _DROPPED), *_OTHERS)
    if not what:
        raise UnreadError(f"DROP {reader.next().text} is not known")
    lenient = reader.if_exists()
    kind = _DROPPED.get(what, Kind.DROP_OTHER)
    names = _dropped_names(reader) if kind is not Kind.DROP_OTHER else [_first_name(reader)]
    table = ""
    if reader.accept("ON"):
        table = reader.relation()
    words = [t.upper for t in reader.rest()]
    behaviour = tuple(w.lower() for w in words if w in {"CASCADE", "RESTRICT"})
    return tuple(
        Operation(
            kind,
            table=table,
            name=name,
            value=what.lower(),
            if_exists=lenient,
            options=behaviour,
            line=line,
        )
        for name in names
    )


def _first_name(reader: Reader) -> str:
    return reader.next().name if reader else ""


def _dropped_names(reader: Reader) -> list[str]:
    found = []
    while True:
        found.append(reader.relation())
        if reader.peek() == "(":
            reader.group()
        if not reader.accept(","):
            return found
