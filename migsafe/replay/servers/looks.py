"""What a look at a migrated database of a server shows: rows, schema, launch, old code."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from migsafe.engines import sqlite as engine
from migsafe.engines.session import ServerError, Session, TooSlow
from migsafe.model.migration import Dialect, Migration
from migsafe.model.outcome import Observation
from migsafe.model.schema import Schema, fold_name
from migsafe.replay import checks
from migsafe.replay.lineage import Lineage
from migsafe.replay.plan import Query
from migsafe.replay.run import Attempt
from migsafe.replay.schemas import renamed, schema_of
from migsafe.replay.servers.mirror import Mirror, mirror
from migsafe.replay.servers.plan import ServerPlan
from migsafe.replay.servers.running import named, quoted, session_in, told
from migsafe.schema import inspect_mysql, inspect_postgres

_SECONDS = 10.0
"""A launch query that takes longer is stopped; a start that long is no start."""
_BY_TYPE = {"values-changed", "type-changed-values"}
"""What a new type of the column explains: every value is written in another way."""


@dataclass(frozen=True, slots=True)
class State:
    """A database at one moment: its schema, and its rows in a mirror."""

    schema: Schema
    rows: Mirror


def inspected(session: Session, dialect: Dialect) -> Schema:
    """The schema of the session's database."""
    if dialect is Dialect.POSTGRES:
        return inspect_postgres.inspect(session.execute)
    return inspect_mysql.inspect(session.execute)


def state(plan: ServerPlan, database: str) -> State:
    """The database as it is now; tables in which the framework keeps its version are left out."""
    with session_in(plan, database) as session:
        schema = inspected(session, plan.dialect)
        if plan.dialect is Dialect.POSTGRES:  # rather an error than some of the rows
            session.execute("SET row_security = off")
        hidden = plan.base.history.version_tables
        return State(schema, mirror(session, schema, plan.dialect, hidden))


def compare(
    plan: ServerPlan, pending: tuple[Migration, ...], attempt: Attempt, states: tuple[State, State]
) -> list[Observation]:
    """Rows and links lost, values changed, foreign keys broken, drift from a fresh install."""
    before, after = states
    ran = attempt.ran if plan.runner is not None else None
    lineage = Lineage(pending, ran, plan.dialect)
    seen = list(_rows(before, after, pending, lineage))
    seen = [o for o in seen if not (o.kind in _BY_TYPE and _other_type(before, after, o))]
    ignored = {fold_name(t) for t in plan.base.history.version_tables}
    seen += checks.drift(before.schema, after.schema, plan.base.launch, ignored)
    return seen


def _rows(
    before: State, after: State, pending: tuple[Migration, ...], lineage: Lineage
) -> Iterator[Observation]:
    """The checks that SQLite's replay makes, on mirrors of the tables that are in both."""
    left = {fold_name(name) for name, _ in _left_out(before, after)}
    old = before.rows.data
    with closing(engine.clone(after.rows.data)) as database:
        with engine.attached_old(database, old), closing(engine.clone(old)) as pristine:
            was = _without(schema_of(database, "old", lambda: pristine), left)
            now = _without(schema_of(database), left)
            origin = renamed(pending, was)
            found = list(checks.rows(database, was, now, origin, lineage))
        yield from found
        if not left:
            yield from checks.foreign_keys(old, database, origin)


def _left_out(*states: State) -> dict[tuple[str, str], None]:
    return dict.fromkeys(each for s in states for each in s.rows.left_out)


def not_compared(before: State, after: State) -> Iterator[tuple[str, str]]:
    """What `compare` did not look at, and why: tables that are too large for it."""
    left = _left_out(before, after)
    yield from ((f"rows of {table}", why) for table, why in left)
    if left:
        tables = " and ".join(dict.fromkeys(table for table, _ in left))
        yield "foreign keys in all rows", f"{tables} cannot be compared"


def _without(schema: Schema, names: Collection[str]) -> Schema:
    if not names:
        return schema
    return replace(schema, tables={k: t for k, t in schema.tables.items() if k not in names})


def _other_type(before: State, after: State, seen: Observation) -> bool:
    old, new = before.schema.table(seen.table), after.schema.table(seen.table)
    was = old.column(seen.column) if old else None
    now = new.column(seen.column) if new else None
    return was is None or now is None or was.type != now.type


# -- queries --------------------------------------------------------------------------------------


@contextmanager
def undone(session: Session) -> Iterator[None]:
    """What runs inside leaves no trace, where the server can undo it."""
    session.execute("BEGIN")
    try:
        yield
    finally:
        if session.in_transaction():
            session.execute("ROLLBACK")


def run_query(session: Session, query: Query) -> tuple[int, str]:
    """How many rows the query gives, and its error, "" where it runs. Nothing of it stays."""
    try:
        with undone(session):
            return len(session.execute(query.sql, _SECONDS)), ""
    except ServerError as error:
        return 0, told(error)
    except TooSlow:
        return 0, f"not done after {_SECONDS:g} s"


def launched(plan: ServerPlan, database: str, template: str) -> list[Observation]:
    """The new version's first queries, the invariants, and what the old version still runs."""
    launch = plan.base.launch
    with session_in(plan, database) as session:
        failed = [(q, e) for q in launch.queries if (e := run_query(session, q)[1])]
        answers = [(q, *run_query(session, q)) for q in launch.invariants]
        old = [(q, e) for q in plan.old_queries if (e := run_query(session, q)[1])]
    before = _errors_before(plan, template, [q for q, _ in (*failed, *old)])
    return [
        *(_launch_query(q, e, before) for q, e in failed),
        *(_invariant(q, n, e) for q, n, e in answers if n or e),
        *(_old_query(q, e) for q, e in old if not before[q]),
    ]


def _errors_before(plan: ServerPlan, template: str, queries: list[Query]) -> dict[Query, str]:
    if not queries:
        return {}
    with session_in(plan, template) as session:
        return {query: run_query(session, query)[1] for query in queries}


def _launch_query(query: Query, error: str, before: dict[Query, str]) -> Observation:
    detail = ""
    if before[query] == error:
        detail = "it fails on the old database in the same way: nothing brings what it needs"
    return Observation("launch-query", query.place, error=error, detail=detail)


def _invariant(query: Query, rows: int, error: str) -> Observation:
    if error:
        return Observation("invariant", query.place, error=error)
    return Observation("invariant", query.place, affected=rows, total=rows)


def _old_query(query: Query, error: str) -> Observation:
    return Observation("old-query", query.place, error=error)


def behind(plan: ServerPlan, database: str) -> dict[tuple[str, str], int]:
    """Of each column whose numbers a sequence gives: how many the sequence is behind its rows.

    PostgreSQL only: InnoDB looks at the rows itself when it opens the table (MySQL 8.0 manual,
    AUTO_INCREMENT Handling in InnoDB). Columns whose sequence is ahead are not in it.
    """
    if plan.dialect is not Dialect.POSTGRES:
        return {}
    found = {}
    with session_in(plan, database) as session:
        for table, column, sequence in session.execute(_OWNED):
            name, of = quoted(plan.dialect, column), named(plan.dialect, table)
            largest = session.execute(f"SELECT coalesce(max({name}), 0) FROM {of}")[0][0]
            last, called = session.execute(f"SELECT last_value, is_called FROM {sequence}")[0]
            lacks = int(largest) - int(last) + (0 if called else 1)
            if lacks > 0:
                found[str(table), str(column)] = lacks
    return found


_OWNED = """
SELECT CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END,
       a.attname, s.oid::pg_catalog.regclass::text
  FROM pg_catalog.pg_depend d
  JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
  JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0 AND NOT q.seqcycle
  JOIN pg_catalog.pg_class c ON c.oid = d.refobjid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
 WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
   AND a.atttypid IN (20, 21, 23)
 ORDER BY 1, 2
"""


def sequences(
    plan: ServerPlan, before: dict[tuple[str, str], int], database: str
) -> Iterator[Observation]:
    """Sequences that would give numbers which rows have already, and would not before."""
    for (table, column), lacks in sorted(behind(plan, database).items()):
        if (table, column) not in before:
            yield Observation(
                "sequence-behind", table=table, column=column, affected=lacks, total=lacks
            )
