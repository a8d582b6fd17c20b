"""Run migrations on a database of a server, one statement at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

from migsafe.adapters.alembic_server import Target
from migsafe.engines import dsn as dsns
from migsafe.engines import mysql_session, postgres_session, running
from migsafe.engines.servers import Server
from migsafe.engines.session import ServerError, Session, TooSlow
from migsafe.errors import MigsafeError
from migsafe.model.migration import Dialect, Migration, Statement
from migsafe.model.outcome import LATE, Place, Ran
from migsafe.replay.run import Attempt, Raised, Sent, place_of
from migsafe.replay.servers.plan import Ask, Hook, ServerPlan, nothing
from migsafe.replay.servers.self_wait import Watched, watched

_SCHEMES = {Dialect.POSTGRES: "postgresql", Dialect.MYSQL: "mysql"}


def server_of(plan: ServerPlan) -> Server:
    """The server of the plan, whichever process asks."""
    return running.server(plan.dialect, url_of(plan, plan.address.database))


def url_of(plan: ServerPlan, database: str) -> str:
    """The URL of a database on the plan's server, for programs of the project."""
    return dsns.url(_SCHEMES[plan.dialect], plan.address, database)


@contextmanager
def copied(plan: ServerPlan, template: str) -> Iterator[str]:
    """The name of a database like that one, for as long as this lasts."""
    server = server_of(plan)
    name = server.create_database(template)
    try:
        yield name
    finally:
        with suppress(ServerError):
            server.drop_database(name)


@contextmanager
def session_in(plan: ServerPlan, database: str, *, role: bool = False) -> Iterator[Session]:
    """A session in that database, as the role that runs the migrations where `role` is asked."""
    session = server_of(plan).connect(database)
    try:
        if role and plan.run_as:
            session.execute(f"SET ROLE {quoted(plan.dialect, plan.run_as)}")
        yield session
    finally:
        session.close()


def quoted(dialect: Dialect, name: str) -> str:
    """The name as the dialect quotes it."""
    mark = "`" if dialect is Dialect.MYSQL else '"'
    return mark + name.replace(mark, mark * 2) + mark


def named(dialect: Dialect, name: str) -> str:
    """A table's name as `Schema` has it, quoted: PostgreSQL's may have its schema before it."""
    schema, dot, table = name.partition(".") if dialect is Dialect.POSTGRES else ("", "", name)
    if not dot:
        return quoted(dialect, name)
    return f"{quoted(dialect, schema)}.{quoted(dialect, table)}"


def told(error: ServerError) -> str:
    """An error in one line, with the server's code."""
    kind = "SQLSTATE" if len(error.code) == len("23505") else "error"
    message = " ".join(error.message.split())
    return f"{message} ({kind} {error.code})" if error.code else message


def upgrade(
    plan: ServerPlan,
    database: str,
    pending: tuple[Migration, ...],
    before: Hook = nothing,
    after: Hook = nothing,
) -> Attempt:
    """Run the pending migrations in that database as the project's runner does.

    The hooks are called around every statement with a way to ask the migration's own connection.
    """
    if plan.runner is not None:
        target = pending[-1].revision if pending else "head"
        return run_program(plan, database, target, pending, (before, after))
    with session_in(plan, database, role=True) as session:
        return run_sql(plan, session, pending, (before, after))


# -- SQL ------------------------------------------------------------------------------------------


def run_sql(
    plan: ServerPlan, session: Session, pending: tuple[Migration, ...], hooks: tuple[Hook, Hook]
) -> Attempt:
    """Run SQL migrations in one session, each in a transaction where the runner wraps it."""
    ignored: list[Raised] = []
    joined = plan.base.history.one_transaction
    for at, migration in enumerate(pending):
        wrapped = plan.base.wrapped[migration.revision]
        if wrapped and not session.in_transaction():
            session.execute("BEGIN")
        raised = _run_statements(plan, session, migration.statements, hooks, ignored)
        if raised is None and not (joined and at + 1 < len(pending)):
            raised = _finish(session, migration)
        if raised is not None:
            with suppress(ServerError):
                session.execute("ROLLBACK")
            return Attempt(raised, tuple(ignored))
    return Attempt(None, tuple(ignored))


def _run_statements(
    plan: ServerPlan,
    session: Session,
    statements: Sequence[Statement],
    hooks: tuple[Hook, Hook],
    ignored: list[Raised],
) -> Raised | None:
    for statement in statements:
        raised = run_statement(plan, session, statement, hooks)
        if raised is not None and plan.base.on_error != "continue":
            return raised
        if raised is not None:
            ignored.append(raised)
    return None


def run_statement(
    plan: ServerPlan, session: Session, statement: Statement, hooks: tuple[Hook, Hook]
) -> Raised | None:
    """Run one statement between its hooks; what went wrong, None where nothing did."""
    place = place_of(statement)
    outside = not session.in_transaction()
    sent = Sent(statement.sql, place, statement.operations, plan.dialect, outside)
    before, after = hooks
    before(session.execute, sent)
    try:
        session.execute(statement.sql, plan.base.seconds)
    except ServerError as error:
        return Raised(told(error), place, statement.sql)
    except TooSlow:
        return Raised(f"not done after {plan.base.seconds:g} s", place, statement.sql, slow=True)
    after(session.execute, sent)
    return None


def _finish(session: Session, migration: Migration) -> Raised | None:
    if not session.in_transaction():
        return None
    try:
        session.execute("COMMIT")
    except ServerError as error:
        last = migration.statements[-1] if migration.statements else None
        place = place_of(last) if last else Place(migration.path, 1)
        return Raised(f"{told(error)} {LATE}", place, "COMMIT")
    return None


# -- program code ---------------------------------------------------------------------------------


def run_program(
    plan: ServerPlan,
    database: str,
    revision: str,
    migrations: tuple[Migration, ...],
    hooks: tuple[Hook, Hook],
) -> Attempt:
    """Lead the database to the revision through the project's runner."""
    assert plan.runner is not None
    trace: list[Ran] = []
    before, after = hooks

    def said(sent: Any) -> Sent:
        place = Place(sent.path, sent.line)
        return Sent(sent.sql, place, None, plan.dialect, sent.outside)

    def note(sent: Any) -> None:
        trace.append(Ran(sent.sql, Place(sent.path, sent.line)))
        before(sent.ask, said(sent))

    raised = None
    with _ended_after(plan, database) as ended, _watched(plan, database) as waits:
        try:
            plan.runner.on_server(
                target(plan, database), revision, note, lambda sent: after(sent.ask, said(sent))
            )
        except MigsafeError as error:
            if not hasattr(error, "error_class"):
                raise
            raised = _program_error(error, migrations, trace, plan)
    if raised is not None and ended.is_set():
        raised = Raised(f"not done after {plan.base.seconds:g} s", raised.place, slow=True)
    if raised is not None and waits.said:
        raised = Raised(
            waits.said, raised.place, raised.sql, False, "waits-for-itself", waits.table
        )
    return Attempt(raised, (), tuple(trace))


def _watched(plan: ServerPlan, database: str) -> AbstractContextManager[Watched]:
    if plan.dialect is not Dialect.POSTGRES:
        return nullcontext(Watched())
    return watched(lambda: server_of(plan).connect(database))


def target(plan: ServerPlan, database: str) -> Target:
    """The database as an adapter's runner connects to it."""
    a = plan.address
    return Target(plan.dialect, database, a.user, a.password, a.socket, a.host, a.port, plan.run_as)


@contextmanager
def _ended_after(plan: ServerPlan, database: str) -> Iterator[threading.Event]:
    """End every connection to the database when the time is over; tells whether it was."""
    ended = threading.Event()

    def end() -> None:
        ended.set()
        with suppress(MigsafeError, ServerError), session_in(plan, "") as session:
            end_all(plan.dialect, session, database)

    timer = threading.Timer(plan.base.seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield ended
    finally:
        timer.cancel()


def end_all(dialect: Dialect, session: Session, database: str) -> None:
    """End every other connection to the database."""
    if dialect is Dialect.POSTGRES:
        session.execute(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
            f" WHERE datname = '{database}' AND pid <> pg_catalog.pg_backend_pid()"
        )
        return
    for (number,) in session.execute(
        f"SELECT id FROM information_schema.processlist WHERE db = '{database}'"
    ):
        with suppress(ServerError):
            session.execute(f"KILL {number}")


def _program_error(
    error: Any, migrations: tuple[Migration, ...], trace: list[Ran], plan: ServerPlan
) -> Raised:
    known = {m.path for m in migrations}
    place = Place(error.path, error.line)
    if error.path not in known:
        last = next((r.place for r in reversed(trace) if r.place.path in known), None)
        place = last or Place(migrations[-1].path if migrations else "", 1)
    return Raised(_message(error, plan.dialect), place, error.sql)


def _message(error: Any, dialect: Dialect) -> str:
    """The message without values: the server's own are cleaned, those of code keep their class."""
    code = getattr(error, "code", "")
    if not code:
        return str(error.error_class)
    if dialect is Dialect.POSTGRES:
        text = postgres_session.cleaned(code, error.message)
    else:
        text = mysql_session.cleaned(int(code), error.message)
    return told(ServerError(code, text))


# -- questions ------------------------------------------------------------------------------------


def asked(ask: Ask, dialect: Dialect, sql: str) -> Sequence[tuple[Any, ...]] | None:
    """The rows of a question put in the middle of a migration; None where it cannot be asked.

    On PostgreSQL an error would end the transaction, so that a savepoint stands before it.
    """
    saved = _tried(ask, "SAVEPOINT migsafe_look") if dialect is Dialect.POSTGRES else None
    rows = _tried(ask, sql)
    if saved is not None:
        _tried(ask, "ROLLBACK TO SAVEPOINT migsafe_look")
        _tried(ask, "RELEASE SAVEPOINT migsafe_look")
    return rows


def _tried(ask: Ask, sql: str) -> Sequence[tuple[Any, ...]] | None:
    try:
        return ask(sql)
    except Exception:  # the error of whichever driver the project uses
        return None
