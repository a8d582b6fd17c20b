"""PostgreSQL's commands on whole tables, and statements about privileges and comments."""

from __future__ import annotations

from migsafe.model.migration import Kind, Operation
from migsafe.sql.reader import Read, Reader
from migsafe.sql.tokens import joined


def _truncate(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("TRUNCATE")
    reader.accept("TABLE")
    names = []
    while True:
        reader.accept("ONLY")
        names.append(reader.relation())
        reader.accept("*")
        if not reader.accept(","):
            break
    options = []
    while phrase := reader.words(
        ("RESTART", "IDENTITY"), ("CONTINUE", "IDENTITY"), ("CASCADE",), ("RESTRICT",)
    ):
        options.append(phrase.lower())
    return tuple(
        Operation(Kind.TRUNCATE, table=n, options=tuple(options), line=line) for n in names
    )


def _lock(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("LOCK")
    reader.accept("TABLE")
    reader.accept("ONLY")
    names = reader.relations()
    reader.accept("*")
    mode = "ACCESS EXCLUSIVE"
    if reader.accept("IN"):
        mode = joined(reader.until("MODE")).upper()
        reader.expect("MODE")
    options = ("nowait",) if reader.accept("NOWAIT") else ()
    return tuple(
        Operation(Kind.LOCK_TABLE, table=n, value=mode, options=options, line=line) for n in names
    )


def _reindex(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("REINDEX")
    options = []
    if reader.peek() == "(":
        options = [joined(t).lower() for t in reader.terms()]
    what = reader.accept_any("INDEX", "TABLE", "SCHEMA", "DATABASE", "SYSTEM").lower()
    if reader.accept("CONCURRENTLY"):
        options.append("concurrently")
    name = reader.relation() if reader else ""
    table = name if what == "table" else ""
    name = "" if table else name
    return (
        Operation(
            Kind.REINDEX, table=table, name=name, value=what, options=tuple(options), line=line
        ),
    )


def _refresh(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("REFRESH", "MATERIALIZED", "VIEW")
    options = ["concurrently"] if reader.accept("CONCURRENTLY") else []
    name = reader.relation()
    if reader.accept("WITH"):
        options.append("no data" if reader.accept("NO", "DATA") else "data")
        reader.accept("DATA")
    return (Operation(Kind.REFRESH_VIEW, name=name, options=tuple(options), line=line),)


def _cluster(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("CLUSTER")
    if reader.peek() == "(":
        reader.group()
    reader.accept("VERBOSE")
    table = reader.relation() if reader else ""
    name = reader.name() if reader.accept("USING") else ""
    return (Operation(Kind.CLUSTER, table=table, name=name, line=line),)


def _vacuum(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("VACUUM")
    options = [joined(t).lower() for t in reader.terms()] if reader.peek() == "(" else []
    while word := reader.accept_any("FULL", "FREEZE", "VERBOSE", "ANALYZE"):
        options.append(word.lower())
    table = reader.relation() if reader else ""
    reader.rest()
    return (Operation(Kind.VACUUM, table=table, options=tuple(options), line=line),)


def _copy(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("COPY")
    table = "" if reader.peek() == "(" else reader.relation()
    named = reader.names() if table and reader.peek() == "(" else ()
    words = [t.upper for t in reader.rest()]
    way = "from" if "FROM" in words[:1] else "to"
    return (Operation(Kind.COPY, table=table, columns=named, value=way, line=line),)


def _comment(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("COMMENT", "ON")
    what = reader.words(("MATERIALIZED", "VIEW"), ("FOREIGN", "TABLE"), ("TABLE",), ("COLUMN",))
    table = reader.relation() if what in {"TABLE", "FOREIGN TABLE"} else ""
    if what == "COLUMN":
        table, _, column = reader.relation().rpartition(".")
        reader.rest()
        return (Operation(Kind.COMMENT, table=table, column=column, value="column", line=line),)
    reader.rest()
    return (Operation(Kind.COMMENT, table=table, value=what.lower(), line=line),)


def _privileges(kind: Kind) -> Read:
    def read(reader: Reader) -> tuple[Operation, ...]:
        line = reader.line()
        reader.next()
        what = joined(reader.until("ON", "TO", "FROM")).lower()
        table = ""
        if reader.accept("ON"):
            words = reader.until("TO", "FROM")
            table = joined(words).lower().removeprefix("table ")
        text = joined(reader.rest()).lower()
        return (Operation(kind, table=table, name=what, value=text, line=line),)

    return read


def _security_label(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.rest()
    return (Operation(Kind.ALTER_OTHER, value="security label", line=line),)


def _owned(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.rest()
    return (Operation(Kind.ALTER_OTHER, value="owned", line=line),)


def _import(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.rest()
    return (Operation(Kind.CREATE_OTHER, value="foreign schema", line=line),)


STATEMENTS: dict[str, Read] = {
    "TRUNCATE": _truncate,
    "LOCK": _lock,
    "REINDEX": _reindex,
    "REFRESH": _refresh,
    "CLUSTER": _cluster,
    "VACUUM": _vacuum,
    "COPY": _copy,
    "COMMENT": _comment,
    "GRANT": _privileges(Kind.GRANT),
    "REVOKE": _privileges(Kind.REVOKE),
    "SECURITY": _security_label,
    "REASSIGN": _owned,
    "IMPORT": _import,
}
