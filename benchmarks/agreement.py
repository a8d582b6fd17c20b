"""Is what `fold` computes what the server has, after every statement of a history?

python -m benchmarks.agreement FOLDER [--only NAMES]   (as `lint_histories lay-out` makes it)
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from migsafe import config
from migsafe.analyse import analyse, wrapped
from migsafe.cli.project import Project, Request, open_project
from migsafe.engines import running
from migsafe.engines.session import ServerError, Session
from migsafe.model.evidence import Step
from migsafe.model.migration import Dialect, Kind
from migsafe.model.schema import Schema
from migsafe.schema import inspect_mysql, inspect_postgres, types_mysql, types_postgres
from migsafe.schema.fold import fold

Shown = Mapping[tuple[str, ...], object]
"""The parts of a schema that both sides must agree on, each under its kind and names."""

_PROGRAM = {Kind.UNREAD, Kind.OPAQUE, Kind.CALL, Kind.BLOCK, Kind.SELECT}
"""What may run functions, or SQL that nothing could read: what it does to tables is not known."""
_LONGEST_KEY = {3072 // width for width in (1, 2, 3, 4)}
"""Characters to which MariaDB cuts a column of a key that is too long; MySQL refuses the key."""
_JSON = re.compile(r"json_valid\s*\(\s*`?[^`()]*`?\s*\)", re.IGNORECASE)
"""What MariaDB writes for the type JSON, beside longtext (mariadb.com/kb: JSON Data Type)."""
_SERVERS = {Dialect.POSTGRES, Dialect.MYSQL}


@dataclass(frozen=True, slots=True)
class Compared:
    """One statement: `refused` by the server (why, "" for not), `unknown` where fold says that it
    cannot tell, else how the two sides differ: (part, folded, live) each.
    """

    place: str
    sql: str
    refused: str = ""
    unknown: bool = False
    differences: tuple[tuple[object, object, object], ...] = ()


def compared(project: Project, session: Session) -> Iterator[Compared]:
    """Run the history in the session's database and compare after each statement.

    What is there already is known. After a statement that fold cannot tell, or on which the two
    differ, it goes on from what the server has, so that each difference counts once.
    """
    dialect = project.history.dialect
    evidence = analyse(project.history, (), project.runner, project.settings())
    wraps = {m.revision: wrapped(project.history, m, project.runner)
             for m in project.history.migrations}  # fmt: skip
    schema, revision = inspected(session, dialect), ""
    for step in evidence.steps:
        if step.revision != revision:
            _enter(session, wraps[step.revision])
            revision = step.revision
        refused = _ran(session, step, dialect)
        if refused:
            yield Compared(_place(step), step.statement.sql, refused)
            continue
        folded = _folded(schema, step, dialect)
        live = inspected(session, dialect)
        differences = tuple(differing(shown(folded, dialect), shown(live, dialect)))
        unknown = bool(differences) and _unknown(folded, step)
        schema = live if unknown or differences else folded
        told = () if unknown else differences
        yield Compared(_place(step), step.statement.sql, "", unknown, told)
    _leave(session)


def _place(step: Step) -> str:
    return f"{step.statement.span.path}:{step.statement.span.line}"


def _folded(schema: Schema, step: Step, dialect: Dialect) -> Schema:
    for operation in step.statement.operations or ():
        schema = fold(schema, operation, dialect)
    return schema


def _unknown(folded: Schema, step: Step) -> bool:
    kinds = {o.kind for o in step.statement.operations or ()}
    known = folded.complete and all(t.complete for t in folded.tables.values())
    return not known or bool(kinds & _PROGRAM)


def _enter(session: Session, wraps: bool) -> None:
    _leave(session)
    if wraps:
        session.execute("BEGIN")


def _leave(session: Session) -> None:
    if session.in_transaction():
        try:
            session.execute("COMMIT")
        except ServerError:
            session.execute("ROLLBACK")


def _ran(session: Session, step: Step, dialect: Dialect) -> str:
    """Run one statement; why the server refuses it, which undoes this statement only."""
    kinds = {o.kind for o in step.statement.operations or ()}
    if step.statement.in_transaction is False:
        _leave(session)
    saved = dialect is Dialect.POSTGRES and session.in_transaction()
    saved = saved and not kinds & {Kind.COMMIT, Kind.ROLLBACK}
    if saved:
        session.execute("SAVEPOINT before_the_statement")
    try:
        session.execute(step.statement.sql)
    except ServerError as error:
        if saved:
            session.execute("ROLLBACK TO SAVEPOINT before_the_statement")
        return f"{error.message} ({error.code})"
    if saved:
        with suppress(ServerError):
            session.execute("RELEASE SAVEPOINT before_the_statement")
    return ""


# -- both sides -----------------------------------------------------------------------------------


def inspected(session: Session, dialect: Dialect) -> Schema:
    """The live schema, in the middle of a transaction too, whatever the search_path is."""
    if dialect is Dialect.MYSQL:
        return inspect_mysql.inspect(session.execute)
    with _default_path(session):
        return inspect_postgres.inspect(session.execute)


@contextmanager
def _default_path(session: Session) -> Iterator[None]:
    inside = session.in_transaction()
    session.execute("SAVEPOINT look" if inside else "BEGIN")
    try:
        session.execute("SET LOCAL search_path TO public")
        yield
    finally:
        session.execute("ROLLBACK TO SAVEPOINT look" if inside else "ROLLBACK")


def shown(schema: Schema, dialect: Dialect) -> Shown:
    """What both sides must agree on; texts of expressions are the server's own."""
    return _shown_mysql(schema) if dialect is Dialect.MYSQL else _shown_postgres(schema)


def _shown_postgres(schema: Schema) -> Shown:
    found: dict[tuple[str, ...], object] = {}
    for key, table in schema.tables.items():
        if table.temporary:
            continue
        found["table", key] = (
            table.partition_of,
            table.unlogged,
            table.key_name,
            table.primary_key,
            [c.name for c in table.columns],
        )
        for c in table.columns:
            found["column", key, c.name] = (types_postgres.canonical(c.type), c.not_null,
                                            c.identity)  # fmt: skip
        for u in table.uniques:
            found["unique", key, u.name] = u.columns
        for f in table.foreign_keys:
            found["foreign key", key, f.name] = (f.columns, f.ref_table, f.on_delete, f.valid)
        for k in table.checks:
            found["check", key, k.name] = k.valid
    for key, index in schema.indexes.items():
        expressions = [c.expression for c in index.columns]
        found["index", key] = (index.table, index.unique, bool(index.where), expressions)
    found.update({("view", key): None for key in schema.views})
    found.update({("trigger", key): None for key in schema.triggers})
    found.update({("type", key): (t.kind, t.labels) for key, t in schema.types.items()})
    found.update({("sequence", key): s.owner for key, s in schema.sequences.items()})
    return found


def _shown_mysql(schema: Schema) -> Shown:
    found: dict[tuple[str, ...], object] = {}
    for table in schema.tables.values():
        if table.temporary:
            continue
        name = table.name
        found["table", name] = (table.primary_key, [c.name for c in table.columns])
        for c in table.columns:
            kind = types_mysql.canonical(c.type, mariadb=True)
            found["column", name, c.name] = (kind, c.not_null, c.identity)
        for u in table.uniques:
            found["unique", name, u.name] = u.columns
        for f in table.foreign_keys:
            found["foreign key", name, f.name] = (f.columns, f.ref_table, f.ref_columns,
                                                  f.on_delete)  # fmt: skip
        found["checks", name] = sum(not _JSON.fullmatch(k.expression) for k in table.checks)
    for index in schema.indexes.values():
        terms = tuple(
            (c.name, 0 if c.length in _LONGEST_KEY else c.length, c.descending)
            for c in index.columns
        )
        found["index", index.table, index.name] = (terms, index.method)
    found.update({("view", key): None for key in schema.views})
    found.update({("trigger", key): None for key in schema.triggers})
    return found


def differing(folded: Shown, live: Shown) -> Iterator[tuple[object, object, object]]:
    """Each part that is not the same on both sides, with both ("absent" for none)."""
    for key in sorted({*folded, *live}):
        left, right = folded.get(key, "absent"), live.get(key, "absent")
        if left != right:
            yield key, left, right


# -- the command ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Agreement:
    """The figures of one history."""

    name: str
    migrations: int
    statements: int
    refused: tuple[Compared, ...]
    unknown: tuple[Compared, ...]
    different: tuple[Compared, ...]


def agreement(root: Path) -> Agreement | None:
    """Compare one laid out history; None for one that no server can be asked about."""
    settings = config.load(root)
    project = open_project(settings, settings.migrations[0], Request())
    history = project.history
    if history.dialect not in _SERVERS or any(m.program for m in history.migrations):
        return None
    server = running.server(history.dialect)
    name = server.create_database()
    session = server.connect(name)
    try:
        before = root / "before.sql"
        for statement in before.read_text("utf-8").split(";\n") if before.is_file() else ():
            session.execute(statement)
        seen = tuple(compared(project, session))
    finally:
        session.close()
        server.drop_database(name)
    return Agreement(
        root.name,
        len(history.migrations),
        len(seen),
        tuple(c for c in seen if c.refused),
        tuple(c for c in seen if c.unknown),
        tuple(c for c in seen if c.differences),
    )


def main() -> int:
    """Print one line of a table for each history, and on stderr what is behind it."""
    parser = argparse.ArgumentParser(prog="agreement")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="names of histories, with commas between them")
    given = parser.parse_args()
    print("| history | migrations | statements | agree | fold cannot tell | refused | differ |")
    print("|---|---|---|---|---|---|---|")
    for root in sorted(p.parent for p in given.folder.glob("*/migsafe.toml")):
        found = None
        if not given.only or root.name in given.only.split(","):
            found = agreement(root)
        if found is not None:
            _print(found)
    return 0


def _print(found: Agreement) -> None:
    behind = (len(found.unknown), len(found.refused), len(found.different))
    cells = (found.name, found.migrations, found.statements, found.statements - sum(behind))
    print(
        "| " + " | ".join(f"{c:,}" if isinstance(c, int) else c for c in (*cells, *behind)) + " |"
    )
    sys.stdout.flush()
    for each in found.refused:
        print(f"refused {found.name}/{each.place}: {each.refused}", file=sys.stderr)
    for each in found.unknown:
        print(f"unknown {found.name}/{each.place}: {each.sql[:200]}", file=sys.stderr)
    for each in found.different:
        print(f"differs {found.name}/{each.place}: {each.sql[:300]}", file=sys.stderr)
        for key, folded, live in each.differences[:6]:
            print(f"   {key}\n      folded {folded}\n      live   {live}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
